/**
 * A tree of three levels: flipped bits anywhere in it are found, an inner node that is destroyed
 * loses nothing, a leaf only its own chunks.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { memoryDevice } from "../../src/devices/memory.ts";
import { seededEnv } from "../../src/env.ts";
import { checkStore } from "../../src/volume/open/check-store.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { BLOCK, StoreBlocks } from "../format/blocks.ts";
import { Random } from "../model/prng.ts";
import { bytesDevice } from "./bytes.ts";
import { regionsOf } from "./regions.ts";

const CHUNK = 4096;
const CHUNKS = 2 ** 18;
const WRITES = 40_000;
const FLIPS = Number(process.env.FLIPS ?? 60);
const SEED = Number(process.env.SEED ?? 1);

const random = new Random(SEED);
const bytes = await make();
const store = bytesDevice(bytes);
const nodes = regionsOf(bytes).filter(({ kind }) => kind === "tree");

/** Chunks here and there, so that few entries are joined. Of the chunks a byte each is written. */
async function make(): Promise<Uint8Array> {
  const device = memoryDevice();
  const options = { store: device, env: seededEnv(1) };
  const volume = await openVolume({ ...options, create: { size: CHUNKS * CHUNK } });
  await volume.snapshot("one");
  for (let i = 0; i < WRITES; i++) {
    volume.origin.writeSync(random.below(CHUNKS) * CHUNK, new Uint8Array(1).fill(i));
  }
  const image = new Uint8Array(device.size() + 2 ** 22);
  await volume.check();
  device.read(image, 0, image.length, 0);
  await volume.close();
  return image;
}

const test = suite("damage in a tall tree");

test("three levels, clean", async () => {
  assert.is(new StoreBlocks(bytes).field(92), 3);
  const { clean, problems } = await checkStore({ store });
  assert.ok(clean, JSON.stringify(problems));
});

test("flipped bits", async () => {
  for (let i = 0; i < FLIPS; i++) {
    const level = i % 3;
    const { at } = random.pick(nodes.filter((node) => node.level === level));
    const byte = at + random.below(BLOCK);
    const bit = 1 << random.below(8);
    bytes[byte] = (bytes[byte] as number) ^ bit;
    const { problems, lossCount } = await checkStore({ store });
    bytes[byte] = (bytes[byte] as number) ^ bit;
    assert.is(problems.length, 1, `bit ${bit} of byte ${byte} (SEED=${SEED})`);
    assert.is(lossCount, 0);
  }
});

/** What is lost without some nodes. */
async function without(gone: readonly { at: number }[]) {
  const kept = gone.map(({ at }) => bytes.slice(at, at + BLOCK));
  for (const { at } of gone) bytes.fill(0x77, at, at + BLOCK);
  const report = await checkStore({ store });
  gone.forEach(({ at }, index) => {
    bytes.set(kept[index] as Uint8Array, at);
  });
  assert.not.ok(report.clean);
  return report.losses;
}

test("inner nodes are destroyed: one, the root, all", async () => {
  const inner = nodes.filter(({ level }) => level > 0);
  assert.equal(await without(inner.slice(0, 1)), []);
  assert.equal(await without(inner.filter(({ level }) => level === 2)), []);
  assert.equal(await without(inner), []);
});

test("a leaf is destroyed, and the inner nodes, too", async () => {
  const leaf = random.pick(nodes.filter(({ level }) => level === 0));
  const alone = await without([leaf]);
  assert.is(alone.length, 1);
  const { chunk, count } = alone[0] as { chunk: number; count: number };
  assert.ok(count < CHUNKS / 100, `${count} chunks`);
  const all = await without([leaf, ...nodes.filter(({ level }) => level > 0)]);
  const covers = all.some((one) => one.chunk <= chunk && one.chunk + one.count >= chunk + count);
  assert.ok(covers, JSON.stringify([alone, all.slice(0, 3)]));
});

test.run();
