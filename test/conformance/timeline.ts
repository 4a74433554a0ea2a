/** Of the conformance suite: snapshots made, deleted, renamed or merged, and what is refused. */
import * as assert from "uvu/assert";
import type { View } from "../../src/volume/types.ts";
import { expectCode } from "../model/history.ts";
import { FIXED, rollsBack } from "../model/subjects.ts";
import type { Story } from "./reports.ts";

/** In kinds whose snapshots are made and deleted. */
export const timeline: Record<string, Story> = {
  "snapshots are independent": async (setting) => {
    const { chunk } = setting.place;
    await setting.write(setting.origin, 0, 2 * chunk);
    const first = await setting.snapshot(setting.origin, "first");
    await setting.write(setting.origin, 100, chunk);
    const second = await setting.snapshot(setting.origin, "second");
    const parent = setting.can.ofSnapshots ? first : setting.origin;
    const fork = await setting.snapshot(parent, "fork");
    await setting.verify();
    for (const view of [fork, setting.origin, first, second]) {
      await setting.write(view, chunk - 50, 100);
      await setting.write(view, 3 * chunk, chunk);
      await setting.verify();
    }
    assert.is(fork.parent, parent.id);
    assert.is(first.parent, setting.origin.id);
    assert.is(second.size, setting.size);
    assert.type(second.created, "number");
    assert.equal(
      setting.volume.snapshots.map((view) => view.name),
      ["first", "second", "fork"],
    );
    await setting.reopen();
    await setting.verify();
    const found = setting.volume.get("fork");
    assert.is(found.parent, parent.id);
    assert.is(found.created, fork.created);
  },

  "delete leaves the others": async (setting) => {
    const { chunk } = setting.place;
    for (const name of ["a", "b", "c", "d"]) {
      const made = await setting.snapshot(setting.origin, name);
      await setting.write(setting.origin, 0, chunk + 1);
      await setting.write(made, 2 * chunk, 10);
    }
    const b = setting.volume.get("b");
    const d = setting.volume.get("d");
    await setting.volume.delete("b", d);
    setting.model.delete(b.id);
    setting.model.delete(d.id);
    await setting.verify();
    await setting.volume.reclaimed();
    await setting.verify();
    assert.not(setting.volume.has("b"));
    await expectCode("NotFound", b.read(0, new Uint8Array(1)));
    await expectCode("NotFound", setting.volume.delete("a", "b"));
    assert.ok(setting.volume.has("a"), "all or none");
    await setting.reopen();
    await setting.verify();
  },

  "a rollback, kept and undone": async (setting) => {
    const { chunk, mode } = setting.place;
    const { volume, model } = setting;
    const made = await setting.snapshot(setting.origin, "then");
    await setting.write(setting.origin, 0, 2 * chunk);
    const of = rollsBack(setting.can, mode, true) ? setting.origin : null;
    if (!setting.can.ofSnapshots) return;
    const view = of ?? (await setting.snapshot(made, "fork"));
    await setting.write(view, chunk, chunk + 1);
    await volume.rollback("then", { of: view, keepAs: "kept" });
    const kept = volume.get("kept");
    model.rollback(view.id, made.id, { id: kept.id, name: "kept" });
    assert.is(kept.parent, view.id);
    assert.is(kept.name, "kept");
    await setting.verify();
    await setting.write(view, 100, chunk);
    await setting.write(kept, 0, 10);
    await setting.verify();
    await expectCode("Exists", volume.rollback("then", { of: view, keepAs: "kept" }));
    await expectCode("NotFound", volume.rollback("nobody", { of: view }));
    await expectCode("Invalid", volume.rollback(view, { of: view }));
    await volume.rollback(kept, { of: view });
    model.rollback(view.id, kept.id, null);
    await setting.verify();
    await setting.reopen();
    await setting.verify();
    const fixed = await setting.snapshot(setting.origin, "fixed", true);
    await expectCode("ReadOnly", setting.volume.rollback("then", { of: fixed }));
    await setting.verify();
  },

  rename: async (setting) => {
    const made = await setting.snapshot(setting.origin, "old");
    await setting.volume.rename("old", "new");
    assert.is(setting.volume.get("new").id, made.id);
    assert.not(setting.volume.has("old"));
    assert.is(made.name, "new");
    await setting.snapshot(setting.origin, "old");
    await expectCode("Exists", setting.volume.rename("old", "new"));
    await setting.reopen();
    assert.is(setting.volume.get("new").id, made.id);
  },

  "read-only snapshots": async (setting) => {
    const fixed = await setting.snapshot(setting.origin, "fixed", true);
    assert.is(fixed.readOnly, true);
    const byte = new Uint8Array(1);
    const refused = async (view: View) => {
      await expectCode("ReadOnly", view.write(0, byte));
      await expectCode("ReadOnly", view.trim(0, setting.place.chunk));
      await expectCode("ReadOnly", view.writeZeroes(0, 1));
    };
    await refused(fixed);
    await setting.write(setting.origin, 0, setting.place.chunk);
    if (setting.can.ofSnapshots) {
      await setting.write(await setting.snapshot(fixed, "fork"), 0, 100);
    }
    await setting.verify();
    await setting.reopen();
    await refused(setting.volume.get("fixed"));
    await setting.verify();
  },
};

/** In kinds whose one snapshot can go back into its origin. */
export const merges: Record<string, Story> = {
  "a merge leaves the origin with what the snapshot was": async (setting) => {
    const { chunk } = setting.place;
    const { model } = setting;
    const snapshot = setting.volume.get(FIXED.name);
    await setting.write(setting.origin, 10, 2 * chunk);
    await setting.write(snapshot, chunk + 1, 2 * chunk);
    await setting.volume.merge();
    model.views.set(model.origin, new Map(model.pages(FIXED.id)));
    model.delete(FIXED.id);
    await setting.verify();
    assert.is(setting.volume.usage().dataBytes, 0);
    await setting.write(setting.origin, 3 * chunk, 100);
    await setting.reopen();
    await setting.verify();
    await setting.write(setting.volume.get(FIXED.name), 0, 10);
    await setting.verify();
  },
};

/** What a kind cannot do is refused and changes nothing. */
export const refusals: Record<string, Story> = {
  "what the kind cannot do": async (setting) => {
    const { volume, can } = setting;
    const snapshot = await setting.anySnapshot("s");
    if (can.fixed) {
      await expectCode("Unsupported", volume.snapshot("more"));
      await expectCode("Unsupported", volume.delete(snapshot));
      await expectCode("Unsupported", volume.rename(snapshot, "other"));
      await expectCode("Unsupported", volume.rollback(snapshot));
    }
    if (!can.ofSnapshots) {
      await expectCode("Unsupported", snapshot.snapshot("of it"));
      await expectCode("Unsupported", volume.snapshot("of it", { of: snapshot }));
    }
    if (!can.merge) await expectCode("Unsupported", volume.merge());
    await setting.verify();
    await setting.reopen();
    await setting.verify();
  },

  "more snapshots than the kind can have": async (setting) => {
    const { volume, can } = setting;
    if (can.fixed || can.snapshots > 1000) return;
    for (let i = 0; i < can.snapshots; i++) await setting.snapshot(setting.origin, `s${i}`);
    await expectCode("NoSpace", volume.snapshot("one more"));
    assert.not(volume.has("one more"));
    const victim = volume.get("s0");
    await volume.delete(victim);
    setting.model.delete(victim.id);
    await setting.snapshot(setting.origin, "in its place");
    await expectCode("NoSpace", volume.snapshot("one more"));
    await setting.write(setting.origin, 0, 100);
    await setting.verify();
  },
};
