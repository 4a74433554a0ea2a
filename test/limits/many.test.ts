/**
 * Very many snapshots, one after another and at once. `CYCLES=1000000 npx tsx
 * test/limits/many.test.ts` creates and deletes a million.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { Fixture, mustBeClean, mustHold } from "../model/fixture.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CYCLES = Number(process.env.CYCLES ?? 1_000_000);
const MANY = Number(process.env.MANY ?? 100_000);
const BATCH = 100;
const FEW = 50;
const CHUNK = 4096;
const BYTES_PER_SNAPSHOT = 128;

for (const subject of subjects.filter(({ capabilities }) => capabilities.delete)) {
  const test = suite(`many snapshots: ${subject.name}`);
  const { snapshots: most } = subject.capabilities;
  // Few at a time take a walk of reclaim each.
  const [batch, cycles] = most < BATCH ? [FEW, CYCLES / 10] : [BATCH, CYCLES];

  test(`${cycles} create/delete cycles: memory and store stay as they are`, async () => {
    const random = new Random(1);
    const fixture = await Fixture.make(subject.open, { mode: "inline", size: 64 * CHUNK });
    const { volume } = fixture;
    let halfway = volume.usage();
    for (let done = 0; done < cycles; done += batch) {
      const names = Array.from({ length: batch }, (_, i) => `s${done + i}`);
      await Promise.all(names.map((name) => volume.snapshot(name)));
      await fixture.write(volume.origin, random.below(60) * CHUNK, random.bytes(CHUNK));
      await volume.delete(...names);
      if (done % (10 * batch) === 0) await volume.reclaimed();
      if (done === cycles / 2) halfway = volume.usage();
    }
    await volume.reclaimed();
    const { memoryBytes, storeBytes, snapshots, dataBytes } = volume.usage();
    assert.is(snapshots, 0);
    assert.ok(memoryBytes <= halfway.memoryBytes, `memory: ${halfway.memoryBytes}, ${memoryBytes}`);
    const grown = storeBytes - halfway.storeBytes;
    assert.ok(grown <= 2 ** 20, `store: ${halfway.storeBytes} bytes halfway, ${storeBytes} now`);
    assert.ok(dataBytes <= 64 * CHUNK, `${dataBytes} bytes of data`);
    await fixture.verify();
    await volume.close();
    await fixture.reopen();
    await fixture.verify();
    await fixture.volume.close();
  });

  if (most < MANY) {
    test.run();
    continue;
  }
  test(`${MANY} snapshots at once`, async () => {
    const fixture = await Fixture.make(subject.open, { mode: "inline", size: 64 * CHUNK });
    let { volume } = fixture;
    const before = volume.usage().memoryBytes;
    for (let done = 0; done < MANY; done += BATCH) {
      await volume.origin.write(
        ((done / BATCH) % 64) * CHUNK,
        new Uint8Array(8).fill(done / BATCH),
      );
      const names = Array.from({ length: BATCH }, (_, i) => `s${done + i}`);
      await Promise.all(names.map((name) => volume.snapshot(name)));
    }
    const each = (volume.usage().memoryBytes - before) / MANY;
    assert.ok(each <= BYTES_PER_SNAPSHOT, `${each} bytes of memory for each snapshot`);
    const look = async () => {
      assert.is(volume.snapshots.length, MANY);
      for (const index of [0, 99, 12_345, MANY - 1].filter((one) => one < MANY)) {
        const view = volume.get(`s${index}`);
        assert.is(view.name, `s${index}`);
        const batch = Math.floor(index / BATCH);
        await mustHold(view, (batch % 64) * CHUNK, new Uint8Array(8).fill(batch));
      }
      assert.not(volume.has(`s${MANY}`));
      await mustBeClean(volume);
    };
    await look();
    await volume.close();
    volume = await fixture.reopen();
    await look();
    await volume.delete(...volume.snapshots.filter((_, i) => i % 1000 !== 0));
    await volume.reclaimed();
    assert.is(volume.usage().snapshots, MANY / 1000);
    await mustBeClean(volume);
    await volume.close();
  });

  test.run();
}
