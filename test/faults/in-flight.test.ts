/**
 * Many requests in flight when the store's device begins to fail: each is answered, none waits for
 * ever, no failed flush is tried again, and nothing that was flushed before is lost.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { View } from "../../src/volume/types.ts";
import { firstUnexplained, type Patch } from "../model/explain.ts";
import { mustBeClean, readAll } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { beginFaulty } from "./faulty.ts";
import { CHUNK, errorOf } from "./story.ts";

const REQUESTS = 60;
const SEEDS = 12;
const CODES = ["none", "Io", "ReadOnly"];

async function burst(subject: Subject, mode: OriginMode, call: "write" | "flush", seed: number) {
  const { failing, watch, story } = await beginFaulty({ subject, mode, role: "store", late: true });
  const { fixture } = story;
  const { volume, model } = fixture;
  const random = new Random(seed);
  if (!subject.capabilities.fixed) await fixture.snapshot("s");
  await fixture.write(volume.origin, 0, random.bytes(12 * CHUNK));
  await volume.flush();
  failing.fail(call, random.between(1, 4));
  const patches: Patch[] = [];
  const write = (view: View): Promise<void> => {
    const bytes = random.bytes(random.between(1, 2 * CHUNK));
    const offset = random.below(model.size - bytes.length);
    patches.push({ view: view.id, offset, bytes });
    return view.write(offset, bytes);
  };
  const views = [volume.origin, ...volume.snapshots];
  const requests = Array.from({ length: REQUESTS }, () =>
    errorOf(random.chance(0.2) ? volume.flush() : write(random.pick(views))),
  );
  for (const error of await Promise.all(requests)) {
    assert.ok(CODES.includes(error?.code ?? "none"), `${error?.code}: ${error?.message}`);
  }
  assert.ok(failing.failed > 0, "it came to that");
  if (call === "flush") assert.is(failing.failed, 1, "a failed flush is not tried again");
  // A failed write of data alone costs its request only.
  const code = volume.readOnly ? "ReadOnly" : undefined;
  assert.ok(volume.readOnly || call === "write");
  watch.reset();
  if (!volume.readOnly) failing.fail(call, Number.POSITIVE_INFINITY);
  assert.is((await errorOf(volume.flush()))?.code, code);
  assert.is((await errorOf(volume.close()))?.code, code);
  if (code) assert.equal([watch.writes, watch.flushes], [[], 0]);
  await fixture.reopen();
  for (const { id } of views) {
    const view = id === model.origin ? fixture.volume.origin : fixture.volume.snapshots[0];
    assert.ok(view, "the snapshot is there");
    const own = patches.filter((patch) => patch.view === id);
    const found = await readAll(view as View);
    const at = firstUnexplained(model.read(id, 0, model.size), own, found, 0, "some");
    assert.is(at, -1, `view ${id} at ${at}, SEED=${seed}`);
  }
  await mustBeClean(fixture.volume);
  await fixture.volume.close();
}

for (const subject of subjects.filter(({ capabilities }) => capabilities.crash !== "lost")) {
  const test = suite(`requests in flight: ${subject.name}`);
  for (const mode of subject.capabilities.origins) {
    for (const call of ["flush", "write"] as const) {
      test(`${mode}: ${call} begins to fail`, async () => {
        for (let seed = 1; seed <= SEEDS; seed++) await burst(subject, mode, call, seed);
      });
    }
  }
  test.run();
}
