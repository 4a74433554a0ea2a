/**
 * What reaches the devices before what: the data before the area that names it, the area before the
 * origin's chunk, zeros where the next area will be before a full one. First as device calls, then
 * as what any power cut may leave.
 */
import { suite, test } from "uvu";
import * as assert from "uvu/assert";
import { CrashLog, Wreck } from "../crash/log.ts";
import { Image } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { bytesOf, makeCow, mustBe, ORIGIN, openCows, usedCow } from "./attached.ts";
import { craftCow, noise, place, setEntry } from "./craft.ts";
import { crashEverywhere, type Depth, Recorded } from "./crash.ts";
import { areaChunk, view as viewOf } from "./format.ts";

const CHUNK = 4096;
const PER_AREA = CHUNK / 16;
const COW = 1;

async function opened(chunks: number) {
  const origin = Image.of(noise(chunks * CHUNK, new Random(1)));
  const images = [origin, await makeCow(origin, CHUNK, (chunks + 8) * CHUNK)];
  const log = new CrashLog();
  const volume = await openCows(images, { device: (image, how) => log.device(image, how) });
  return { volume, log };
}

/** Number of the first event from `from` on: a write that touches the chunk, or a flush. */
function find(log: CrashLog, device: number, what: number | "flush", from = 0): number {
  const at = log.events.findIndex((event, index) => {
    if (index < from || event.device !== device || event.kind === "resize") return false;
    if (event.kind === "flush" || what === "flush") return event.kind === what;
    const start = what * CHUNK;
    return event.offset < start + CHUNK && event.offset + event.bytes.length > start;
  });
  assert.ok(at >= 0, `device ${device}: ${what} was expected behind event ${from}`);
  return at;
}

/** Each is found behind the one before. */
function mustFollow(log: CrashLog, from: number, ...steps: [number, number | "flush"][]): void {
  let at = from;
  for (const [device, what] of steps) at = find(log, device, what, at) + 1;
}

test("an origin write: data, flush, area, flush, origin", async () => {
  const { volume, log } = await opened(16);
  const before = log.now;
  await volume.origin.write(5 * CHUNK + 100, new Uint8Array(200).fill(1));
  mustFollow(log, before, [COW, 2], [COW, "flush"], [COW, 1], [COW, "flush"], [ORIGIN, 5]);
  assert.ok(find(log, COW, 1) > find(log, COW, 2), "the area was written before the data");
  assert.ok(find(log, ORIGIN, 5) > find(log, COW, 1), "the origin was written before the area");
  const count = log.now;
  await volume.origin.write(5 * CHUNK, new Uint8Array(200).fill(2));
  assert.is(log.now, count + 1, "the second write of a chunk is one write");
  await volume.close();
});

test("a snapshot write: data, flush, area; durable when a flush has answered", async () => {
  const { volume, log } = await opened(16);
  const before = log.now;
  await volume.get("cow").write(5 * CHUNK, new Uint8Array(CHUNK).fill(1));
  await volume.flush();
  mustFollow(log, before, [COW, 2], [COW, "flush"], [COW, 1], [COW, "flush"]);
  assert.ok(find(log, COW, 1) > find(log, COW, 2), "the area was written before the data");
  const writes = log.events.filter(({ device, kind }) => device === ORIGIN && kind === "write");
  assert.is(writes.length, 0, "the origin was written");
  await volume.close();
});

test("a flush reaches the origin", async () => {
  const { volume, log } = await opened(16);
  await volume.origin.write(CHUNK, new Uint8Array(CHUNK).fill(1));
  await volume.flush();
  mustFollow(log, find(log, ORIGIN, 1), [ORIGIN, "flush"]);
  await volume.close();
});

test("the next area is zeros, durably, before one is full", async () => {
  const { volume, log } = await opened(PER_AREA + 8);
  await volume.origin.write(0, new Uint8Array((PER_AREA - 1) * CHUNK).fill(1));
  await volume.flush();
  const before = log.now;
  await volume.origin.write((PER_AREA - 1) * CHUNK, new Uint8Array(CHUNK).fill(2));
  await volume.flush();
  const next = areaChunk(1, PER_AREA);
  const zeroed = find(log, COW, next);
  mustFollow(log, zeroed, [COW, "flush"], [COW, 1], [COW, "flush"]);
  assert.ok(find(log, COW, 1, before) > zeroed, "the full area was written before the next one");
  await volume.close();
});

test("what opening found may be in a cache only: a flush, then the first write", async () => {
  const { volume, log } = await opened(16);
  await volume.get("cow").write(0, new Uint8Array(CHUNK).fill(1));
  await volume.close();
  assert.is(log.events.find(({ device }) => device === COW)?.kind, "flush");
});

const depth: Depth = { allUpTo: 4, samples: 4, torn: 2, opened: 0.05 };

/** A history over one or two COW devices, with areas that fill up. */
async function record(chunks: readonly number[], seed: number): Promise<Recorded> {
  const random = new Random(seed);
  const size = 39 * 512;
  const origin = Image.of(random.bytes(size));
  const images = [origin];
  for (const chunk of chunks) {
    const room = 4 + Math.ceil(size / chunk) + Math.ceil(size / chunk / (chunk / 16));
    images.push(usedCow(chunk, room * chunk, random));
  }
  const recorded = await Recorded.open(images);
  for (let step = 0; step < 40; step++) {
    const length = random.between(1, random.pick([300, 3000]));
    const number = random.chance(0.6) ? ORIGIN : random.between(1, chunks.length);
    await recorded.write(number, random.below(size - length), random.bytes(length));
    if (random.chance(0.25)) await recorded.flush();
  }
  await recorded.attached.volume.close();
  return recorded;
}

const crashes = suite("a power cut at any write");

for (const chunks of [[512], [1024], [4096], [512, 2048]]) {
  for (const seed of [1, 2, 3]) {
    crashes(`chunks of ${chunks.join(" and ")} bytes, seed ${seed}`, async () => {
      const states = await crashEverywhere(await record(chunks, seed), new Random(seed), depth);
      assert.ok(states > 300, `${states} states`);
    });
  }
}

/** Entries that an earlier power cut left behind the end of the table must not join it. */
crashes("the second power cut, on what the first one left of an area", async () => {
  const random = new Random(5);
  // The area ends with its second sector, but for an entry.
  const [count, stale] = [63, 64];
  const origin = random.bytes(200 * CHUNK);
  const exceptions = place([...Array(count).keys()], CHUNK, random);
  const snapshot = random.bytes(count * CHUNK);
  const cow = craftCow({ chunk: CHUNK, size: 210 * CHUNK, exceptions, snapshot });
  const expected = viewOf(origin, cow);
  for (let entry = stale; entry < stale + 40; entry++) {
    setEntry(cow, CHUNK, entry, { oldChunk: 50 + entry, newChunk: 2 + entry });
  }
  const log = new CrashLog();
  const images = [Image.of(origin), Image.of(cow)];
  const volume = await openCows(images, { device: (image, how) => log.device(image, how) });
  for (let chunk = count; chunk < stale + 2; chunk++) {
    await volume.origin.write(chunk * CHUNK, random.bytes(CHUNK));
  }
  await volume.close();
  const wreck = new Wreck(log);
  for (const event of log.events) {
    wreck.advance(event);
    for (const state of wreck.states(random, { allUpTo: 3, samples: 1, torn: 12 }, true)) {
      const [now, left] = state.map(bytesOf) as [Uint8Array, Uint8Array];
      mustBe(viewOf(now, left, { torn: true }), expected, "the snapshot");
    }
  }
});

test.run();
crashes.run();
