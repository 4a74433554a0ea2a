/**
 * The reader and the writer of COW devices against a Linux kernel's own devices and status lines,
 * and against each other: what the other tests here rest on.
 */
import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { same } from "../model/explain.ts";
import { Random } from "../model/prng.ts";
import { craftCow, differing, noise, place, setEntry, shuffled } from "./craft.ts";
import { damages, soundCow } from "./damage.ts";
import { areaChunk, type Exception, RefusedCow, readCow, view } from "./format.ts";
import { kernelCows, originHash, snapshotHash } from "./kernel.ts";

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

function statusOf(cow: Uint8Array): string {
  const { allocated, total, metadata } = readCow(cow);
  return `${allocated}/${total} ${metadata}`;
}

function refusal(work: () => unknown): RefusedCow | null {
  try {
    work();
    return null;
  } catch (error) {
    if (error instanceof RefusedCow) return error;
    throw error;
  }
}

for (const { chunkSectors, cow, origin, status, header } of kernelCows()) {
  test(`a kernel's device, ${chunkSectors} sectors a chunk`, () => {
    assert.equal([...new Uint32Array(cow.buffer, 0, 4)], header);
    assert.is(hash(origin), originHash);
    assert.is(hash(view(origin, cow)), snapshotHash);
    assert.is(statusOf(cow), status);
    assert.is(readCow(cow).chunk, chunkSectors * 512);
  });
}

/** Status lines of the kernel's own documentation, 4 KiB chunks on 1 GiB. */
for (const [status, count] of [
  ["397896/2097152 1560", 193 * 256 + 134],
  ["180480/2097152 712", 87 * 256 + 199],
  ["16/2097152 16", 0],
] as const) {
  test(`${count} exceptions: ${status}`, () => {
    const exceptions = place([...Array(count).keys()], 4096, new Random(1));
    // The data is left out: what is never touched takes no memory.
    const snapshot = new Uint8Array(0);
    assert.is(statusOf(craftCow({ chunk: 4096, size: 2 ** 30, exceptions, snapshot })), status);
  });
}

/** Any device that a kernel could have left. */
function anyCow(random: Random) {
  const chunk = 512 * 2 ** random.below(4);
  const perArea = chunk / 16;
  const chunks = random.between(1, 3 * perArea);
  const origin = noise(chunks * chunk - random.below(chunk), random);
  const exact = perArea * Math.floor(chunks / perArea);
  const count = random.chance(0.3) ? exact : random.between(0, chunks);
  const old = shuffled([...Array(chunks).keys()], random).slice(0, count);
  const habits = { holes: random.pick([0, 0.1, 0.6]), isShuffled: random.chance(0.5) };
  const exceptions = place(old, chunk, random, habits);
  const snapshot = origin.slice();
  for (const at of old) {
    const bytes = Math.min(chunk, origin.length - at * chunk);
    snapshot.set(random.bytes(bytes), at * chunk);
  }
  const spare = random.below(3 * chunk);
  const size = craftCow({ chunk, exceptions, snapshot }).length + spare;
  const before = random.chance(0.7) ? random.fork() : undefined;
  const cow = craftCow({ chunk, size, exceptions, snapshot, before });
  return { chunk, perArea, origin, snapshot, old, exceptions, cow };
}

test("what is written is read: any chunk, order, hole and number of areas", () => {
  const areas = new Set<number>();
  let full = 0;
  for (let seed = 1; seed <= 300; seed++) {
    const { chunk, perArea, origin, snapshot, old, exceptions, cow } = anyCow(new Random(seed));
    const found = readCow(cow);
    assert.is(found.chunk, chunk, `seed ${seed}`);
    assert.equal(found.exceptions, exceptions, `seed ${seed}`);
    assert.ok(same(view(origin, cow), snapshot), `seed ${seed}`);
    assert.equal(
      differing(origin, snapshot, chunk),
      [...old].sort((a, b) => a - b),
    );
    const after = Math.max(1, ...exceptions.map(({ newChunk }) => newChunk)) + 1;
    const isArea = (after - 1) % (perArea + 1) === 0;
    assert.is(found.nextFree, isArea ? after + 1 : after, `seed ${seed}`);
    assert.is(found.areas, Math.floor(old.length / perArea) + 1);
    areas.add(found.areas);
    if (old.length > 0 && old.length % perArea === 0) full++;
  }
  assert.ok(areas.size >= 3 && full > 10, `${areas.size} numbers of areas, ${full} full ones`);
});

test("an exception of the origin's last chunk, which is not whole", () => {
  const origin = new Uint8Array(1000).fill(1);
  const snapshot = origin.slice().fill(2, 512);
  const exceptions: Exception[] = [{ oldChunk: 1, newChunk: 2 }];
  const cow = craftCow({ chunk: 512, exceptions, snapshot, before: new Random(1) });
  assert.ok(same(view(origin, cow), snapshot));
  setEntry(cow, 512, 0, { oldChunk: 2 });
  assert.is(refusal(() => view(origin, cow))?.why, "damaged");
});

test("the device that the damages are made of is sound", () => {
  const { cow, origin } = soundCow(new Random(1));
  assert.is(readCow(cow).areas, 2);
  assert.is(readCow(cow).nextFree * readCow(cow).chunk, cow.length);
  assert.ok(!same(view(origin, cow), origin));
});

for (const { name, why, apply } of damages) {
  test(`refused: ${name}`, () => {
    const { cow } = soundCow(new Random(1));
    const found = refusal(() => readCow(apply(cow)));
    assert.is(found?.why, why);
    assert.match(found?.message ?? "", /^[^.\n]+$/);
  });
}

test("refused: what a kernel never writes but reads", () => {
  const changes: ((cow: Uint8Array) => void)[] = [
    (cow) => cow.fill(1, 16, 17),
    (cow) => cow.fill(1, 4095, 4096),
    (cow) => cow.fill(2, 4, 5),
    (cow) => cow.fill(1, (areaChunk(1, 256) + 1) * 4096 - 1, (areaChunk(1, 256) + 1) * 4096),
  ];
  for (const change of changes) {
    const { cow } = soundCow(new Random(1));
    change(cow);
    assert.is(refusal(() => readCow(cow))?.why, "damaged");
  }
});

test("a torn area ends where its first missing sector begins", () => {
  const { cow } = soundCow(new Random(1));
  const { exceptions } = readCow(cow);
  cow.fill(0, 4096 + 512, 4096 + 1024);
  assert.is(refusal(() => readCow(cow))?.why, "damaged");
  assert.equal(readCow(cow, { torn: true }).exceptions, exceptions.slice(0, 32));
  setEntry(cow, 4096, 40, { oldChunk: 1, newChunk: 2 });
  assert.is(refusal(() => readCow(cow, { torn: true }))?.why, "damaged");
});

test("refused: nothing, too little", () => {
  for (const length of [0, 4, 15]) {
    const { cow } = soundCow(new Random(1));
    assert.is(refusal(() => readCow(cow.subarray(0, length)))?.why, "not a COW device");
  }
});

test.run();
