/**
 * Differences between two views: the engine's walk, the two lookups that it stands for, and the
 * bytes themselves.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { StoreKind } from "../../src/library.ts";
import type { ByteRange, DiffOptions, View, Volume } from "../../src/volume/types.ts";
import { DiskVolume } from "../../src/volume/volume.ts";
import { expectCode } from "../model/history.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { bytesOf, live, newVolume } from "./random-volume.ts";

const SEEDS = Number(process.env.SEEDS ?? 12);
const FIRST = Number(process.env.SEED ?? 1);
const STEPS = 60;
const test = suite("diff");

async function ranges(volume: Volume, a: View, b: View, options?: DiffOptions) {
  const found: ByteRange[] = [];
  for await (const range of volume.diff(a, b, options)) found.push(range);
  return found;
}

/** What two lookups say: the way that a store without a walk of its own takes. */
async function lookedUp(volume: Volume, a: View, b: View) {
  assert.instance(volume, DiskVolume);
  const { store } = (volume as DiskVolume).core;
  Object.defineProperty(store, "compare", { value: undefined, configurable: true });
  try {
    return await ranges(volume, a, b);
  } finally {
    Reflect.deleteProperty(store, "compare");
    assert.type(store.compare, "function");
  }
}

/** Chunks of `within` that differ, joined; what one of the two does not have differs. */
function unequal(a: Uint8Array, b: Uint8Array, chunk: number, within: ByteRange): ByteRange[] {
  const found: ByteRange[] = [];
  const end = within.offset + within.length;
  const common = Math.min(a.length, b.length);
  for (let at = within.offset; at < end; ) {
    const chunkEnd = Math.min(end, at - (at % chunk) + chunk);
    const next = at < common ? Math.min(chunkEnd, common) : chunkEnd;
    const last = found.at(-1);
    if (Buffer.compare(a.subarray(at, next), b.subarray(at, next)) !== 0) {
      if (last && last.offset + last.length === at) last.length = next - last.offset;
      else found.push({ offset: at, length: next - at });
    }
    at = next;
  }
  return found;
}

for (const kind of ["range", "bitmap"] as StoreKind[]) {
  for (const mode of ["inline", "base", "attached"] as OriginMode[]) {
    test(`${kind}, ${mode}: ${SEEDS} random pasts`, async () => {
      for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
        await compareAll(kind, mode, seed).catch((error) => {
          throw new Error(`SEED=${seed} SEEDS=1: ${error.stack}`);
        });
      }
    });
  }
}

async function compareAll(kind: StoreKind, mode: OriginMode, seed: number): Promise<void> {
  const random = new Random(seed);
  const size = 4096 * random.between(4, 24) + 512 * random.between(0, 7);
  const { volume } = await newVolume({ kind, mode, chunk: 4096, size }, random);
  await live(volume, random, STEPS);
  const views = [volume.origin, ...volume.snapshots];
  for (const a of views) {
    for (const b of random.chance(0.3) ? views : [random.pick(views)]) {
      assert.equal(await ranges(volume, a, b), await lookedUp(volume, a, b));
      const [left, right] = [await bytesOf(a), await bytesOf(b)];
      const all = Math.max(a.size, b.size);
      const offset = random.below(all);
      const part = { offset, length: random.below(all - offset + 1) };
      for (const within of [{ offset: 0, length: all }, part]) {
        const found = await ranges(volume, a, b, { ...within, content: true });
        assert.equal(found, unequal(left, right, 4096, within));
      }
    }
  }
  await volume.close();
}

test("a column with thousands of entries, and one with entries around others", async () => {
  const random = new Random(5);
  const past = { kind: "range", mode: "inline", chunk: 4096, size: 16 * 4096 } as const;
  const { volume } = await newVolume(past, random);
  for (let i = 0; i < 1500; i++) {
    await volume.origin.write(4096 * (i % 3), random.bytes(8));
    await volume.snapshot(`s${i}`);
  }
  for (let i = 0; i < 200; i++) {
    const [a, b] = [random.pick(volume.snapshots), random.pick(volume.snapshots)];
    if (random.chance(0.3)) await a.write(4096 * random.below(4), random.bytes(20));
    assert.equal(await ranges(volume, a, b), await lookedUp(volume, a, b));
  }
  await volume.close();
});

test("more metadata than its cache holds", async () => {
  const random = new Random(6);
  const past = { kind: "range", mode: "inline", chunk: 4096, size: 2 ** 30 } as const;
  const { volume } = await newVolume(past, random);
  const bytes = random.bytes(16);
  const writes = 20_000;
  for (let i = 0; i < writes; i++) {
    await volume.origin.write(2 * 4096 * random.below(2 ** 17), bytes);
    if (i % 4000 === 3999) await volume.snapshot(`s${i}`);
  }
  const { snapshots, origin } = volume;
  for (const a of snapshots) {
    assert.equal(await ranges(volume, a, origin), await lookedUp(volume, a, origin));
  }
  await volume.close();
});

test("sizes, ranges, progress and signals", async () => {
  const random = new Random(7);
  const past = { kind: "range", mode: "inline", chunk: 4096, size: 64 * 4096 } as const;
  const { volume } = await newVolume(past, random);
  await volume.origin.write(0, random.bytes(volume.origin.size));
  const before = await volume.snapshot("before");
  await volume.origin.write(10 * 4096, await bytesOf(before, 10 * 4096, 4096));
  await volume.origin.write(20 * 4096, random.bytes(8192));
  const all = await ranges(volume, before, volume.origin);
  assert.equal(all, [
    { offset: 10 * 4096, length: 4096 },
    { offset: 20 * 4096, length: 8192 },
  ]);
  for (const content of [false, true]) {
    const seen: number[] = [];
    const progress = (done: number, total: number) => {
      assert.is(total, volume.origin.size);
      seen.push(done);
    };
    const found = await ranges(volume, before, volume.origin, { content, progress });
    assert.is(found.length, content ? 1 : 2);
    assert.is(seen.at(-1), volume.origin.size);
    assert.equal(seen, seen.toSorted?.((a, b) => a - b) ?? seen);
    const aborted = { content, signal: AbortSignal.abort() };
    await expectCode("Closed", ranges(volume, before, volume.origin, aborted));
  }
  assert.equal(await ranges(volume, before, volume.origin, { offset: 21 * 4096 }), [
    { offset: 21 * 4096, length: 4096 },
  ]);
  const outside = { offset: 0, length: volume.origin.size + 1 };
  await expectCode("Invalid", ranges(volume, before, volume.origin, outside));
  await volume.close();
});

test.run();
