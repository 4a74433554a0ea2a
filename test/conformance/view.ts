/** What every view of every volume does, wherever it is: the conformance suite. */
import { suite, type Test } from "uvu";
import * as assert from "uvu/assert";
import type { View } from "../../src/volume/types.ts";
import { same, sharedBytes } from "../model/bytes.ts";
import { expectCode } from "../model/history.ts";
import { FIXED, type Subject } from "../model/subjects.ts";
import { type Place, Setting } from "./place.ts";
import { inPromise, reports, type Story, twoViews } from "./reports.ts";
import { merges, refusals, timeline } from "./timeline.ts";

/** Around each border that a request can meet. */
function offsets({ place, size }: Setting): number[] {
  const { chunk } = place;
  const borders = [0, 512, 4096, chunk, 2 * chunk, 3 * chunk, 4 * chunk, size];
  const near = borders.flatMap((border) => [border - 1, border, border + 1]);
  return [...new Set(near)].filter((offset) => offset >= 0 && offset < size);
}

const stories: Record<string, Story> = {
  "a new volume shows zeros, its base or its origin": async (setting) => {
    assert.is(setting.origin.size, setting.size);
    assert.is(setting.origin.name, null);
    assert.is(setting.origin.parent, null);
    assert.is(setting.origin.readOnly, false);
    assert.is(setting.volume.chunk, setting.place.chunk);
    assert.is(setting.volume.readOnly, false);
    const names = setting.volume.snapshots.map((view) => view.name);
    assert.equal(names, setting.can.fixed ? [FIXED.name] : []);
    await setting.verify();
  },

  "single bytes at every border": async (setting) => {
    const snapshot = await setting.anySnapshot("s");
    for (const offset of offsets(setting)) {
      await setting.write(setting.origin, offset, 1);
      await setting.write(snapshot, offset, 1);
    }
    await setting.verify();
    await setting.reopen();
    await setting.verify();
  },

  "ranges across borders": async (setting) => {
    const { chunk } = setting.place;
    const snapshot = await setting.anySnapshot("s");
    for (const length of [2, 511, 512, 513, 4096, chunk - 1, chunk, chunk + 1, 2 * chunk + 2]) {
      for (const at of [0, 1, 511, chunk - 1, chunk, 2 * chunk - 512, setting.size - length]) {
        if (at < 0 || at + length > setting.size) continue;
        await setting.write(at % 2 === 0 ? setting.origin : snapshot, at, length);
      }
    }
    await setting.verify();
  },

  "the whole volume in one request": async (setting) => {
    await setting.write(setting.origin, 0, setting.size);
    const snapshot = await setting.anySnapshot("s");
    await setting.write(setting.origin, 0, setting.size);
    await setting.verify();
    await setting.write(snapshot, 0, setting.size);
    await setting.verify();
  },

  "a read fills its target and nothing beside it": async (setting) => {
    const room = new Uint8Array(3000).fill(0x77);
    await setting.write(setting.origin, 0, 8192);
    await setting.origin.read(1111, room.subarray(1000, 2000));
    const expected = setting.model.read(setting.origin.id, 1111, 1000);
    assert.ok(same(room.subarray(1000, 2000), expected));
    assert.ok(room.subarray(0, 1000).every((byte) => byte === 0x77));
    assert.ok(room.subarray(2000).every((byte) => byte === 0x77));
  },

  "targets and sources in shared memory and in other views": async (setting) => {
    const shared = sharedBytes(1).subarray(96, 2096);
    shared.fill(0x31);
    await setting.origin.write(500, shared);
    setting.model.write(setting.origin.id, 500, shared.slice());
    shared.fill(0);
    await setting.origin.read(500, shared);
    assert.ok(shared.every((byte) => byte === 0x31));
    const buffer =
      typeof Buffer === "undefined" ? shared.slice(0, 13) : Buffer.from("a node buffer");
    await setting.origin.write(9000, buffer);
    setting.model.write(setting.origin.id, 9000, buffer);
    await setting.verify();
  },

  "nothing at all": async (setting) => {
    const none = new Uint8Array(0);
    const snapshot = await setting.anySnapshot("s");
    for (const view of [setting.origin, snapshot]) {
      for (const offset of [0, 1, setting.place.chunk, setting.size]) {
        await view.read(offset, none);
        await view.write(offset, none);
        await view.trim(offset, 0);
        await view.writeZeroes(offset, 0);
      }
    }
    await setting.verify();
    assert.is(setting.volume.usage().dataBytes, 0);
  },

  "past the end": async (setting) => {
    const two = new Uint8Array(2);
    for (const at of [setting.size - 1, setting.size, setting.size + 1, 2 ** 52]) {
      await expectCode("Invalid", setting.origin.read(at, two));
      await expectCode("Invalid", setting.origin.write(at, two));
      await expectCode("Invalid", setting.origin.trim(at, 2));
      await expectCode("Invalid", setting.origin.writeZeroes(at, 2));
    }
    await setting.verify();
  },

  "trim gives whole chunks back": async (setting) => {
    const { chunk } = setting.place;
    const views = await twoViews(setting);
    for (const view of views) {
      for (const [offset, length] of [
        [0, chunk - 1],
        [1, chunk],
        [chunk, chunk],
        [2 * chunk - 1, chunk + 2],
      ] as const) {
        await view.trim(offset, length);
        setting.model.trim(view.id, offset, length);
        await setting.verify();
      }
    }
    await setting.reopen();
    await setting.verify();
  },

  "trim of everything": async (setting) => {
    const views = await twoViews(setting);
    const { chunk } = setting.place;
    for (const view of views) {
      await view.trim(0, setting.size);
      setting.model.trim(view.id, 0, setting.size);
      const tail = setting.size - (setting.size % chunk);
      await adoptTail(setting, view, tail);
      await setting.verify();
    }
  },

  writeZeroes: async (setting) => {
    const { chunk } = setting.place;
    const views = await twoViews(setting);
    for (const view of views) {
      for (const [offset, length] of [
        [3, 5],
        [chunk - 1, 2],
        [chunk, chunk],
        [2 * chunk + 100, 2 * chunk],
      ] as const) {
        await view.writeZeroes(offset, length);
        setting.model.writeZeroes(view.id, offset, length);
        await setting.verify();
      }
      await setting.write(view, 2 * chunk + 1000, 10);
      await setting.verify();
    }
    await setting.origin.writeZeroes(0, setting.size);
    setting.model.writeZeroes(setting.origin.id, 0, setting.size);
    await setting.verify();
  },

  "writes after trim": async (setting) => {
    const { chunk } = setting.place;
    const [origin, snapshot] = await twoViews(setting);
    for (const view of [origin, snapshot] as View[]) {
      await view.trim(0, 3 * chunk);
      setting.model.trim(view.id, 0, 3 * chunk);
      await setting.write(view, 100, 50);
      await setting.write(view, 2 * chunk - 10, 20);
    }
    await setting.verify();
  },

  "synchronous calls": async (setting) => {
    const snapshot = await setting.anySnapshot("s");
    const bytes = setting.random.bytes(5000);
    if (!setting.answersAtOnce) {
      for (const view of [setting.origin, snapshot]) {
        await expectCode(
          "Unsupported",
          inPromise(() => view.readSync(0, bytes)),
        );
        await expectCode(
          "Unsupported",
          inPromise(() => view.writeSync(0, bytes)),
        );
      }
    } else {
      for (const offset of [0, 100, setting.place.chunk - 1, setting.size - 5000]) {
        for (const view of [setting.origin, snapshot]) {
          view.writeSync(offset, bytes);
          setting.model.write(view.id, offset, bytes);
          const found = new Uint8Array(5000);
          view.readSync(offset, found);
          assert.ok(same(found, bytes));
        }
      }
    }
    await setting.verify();
  },

  "flush and open again": async (setting) => {
    const snapshot = await setting.anySnapshot("s");
    for (let round = 0; round < 3; round++) {
      await setting.write(setting.origin, round * 1000, 3000);
      await setting.write(snapshot, round * 2000, 1000);
      await (round % 2 === 0 ? setting.volume.flush() : snapshot.flush());
    }
    const uuid = setting.volume.uuid;
    await setting.reopen();
    await setting.verify();
    if (!setting.can.fixed) assert.is(setting.volume.uuid, uuid);
    assert.is(setting.volume.chunk, setting.place.chunk);
    assert.is(setting.origin.size, setting.size);
  },

  ...reports,
  ...refusals,
};

/**
 * Whether the short last chunk counts as whole is free: zeros or the old bytes, nothing between.
 */
async function adoptTail(setting: Setting, view: View, tail: number): Promise<void> {
  const found = new Uint8Array(setting.size - tail);
  await view.read(tail, found);
  if (found.every((byte) => byte === 0)) setting.model.write(view.id, tail, found);
}

export function conformance(subject: Subject, place: Place): Test {
  const { mode, chunk, medium } = place;
  const test = suite(`views: ${subject.name}, ${mode}, chunk ${chunk}, ${medium}`);
  const { fixed, merge } = subject.capabilities;
  const all = { ...stories, ...(!fixed && timeline), ...(merge && merges) };
  for (const [name, story] of Object.entries(all)) {
    test(name, async () => {
      const setting = new Setting(subject, place);
      try {
        await setting.make();
        await story(setting);
      } finally {
        await setting.discard();
      }
    });
  }
  return test;
}
