/**
 * More snapshots than a record of the journal can say are deleted: a power cut leaves all of them
 * or none.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import { openVolume } from "../../src/index.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { CrashLog, Wreck } from "./log.ts";

const COUNT = 12_000;
const SIZE = 16 * 4096;

async function left(store: Image): Promise<number> {
  const volume = await openVolume({ store: imageDevice(store), readOnly: true });
  const { snapshots } = volume.usage();
  await volume.close();
  return snapshots;
}

test("twelve thousand snapshots in one call", async () => {
  const log = new CrashLog();
  const create = { size: SIZE };
  const env = seededEnv(1);
  const volume = await openVolume({ store: log.device(new Image()), create, env });
  for (let i = 0; i < COUNT; i++) await volume.snapshot(`s${i}`);
  await volume.origin.write(0, new Uint8Array(SIZE).fill(1));
  await volume.flush();
  const before = volume.status().counters;
  const start = log.now;
  await volume.delete(...volume.snapshots);
  const now = volume.status().counters;
  assert.is(now.commits + now.checkpoints, before.commits + before.checkpoints + 1);
  const wreck = new Wreck(log);
  const random = new Random(3);
  const found = new Set<number>();
  for (let at = 0; at < log.now; at++) {
    wreck.advance(log.events[at]!);
    if (at < start - 1) continue;
    for (const [image] of wreck.states(random, { allUpTo: 1, samples: 1, torn: 1 })) {
      found.add(await left(image!));
    }
  }
  assert.equal([...found].sort(), [0, COUNT]);
  await volume.close();
});

test.run();
