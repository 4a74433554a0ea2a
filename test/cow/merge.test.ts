/** Snapshot merge: the origin becomes what the snapshot was, whatever stops it on the way. */
import { createHash } from "node:crypto";
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Volume } from "../../src/volume/types.ts";
import { CrashLog, Wreck } from "../crash/log.ts";
import { mustHold } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import { Random } from "../model/prng.ts";
import { bytesOf, type How, mustBe, nameOf, ORIGIN, openCows } from "./attached.ts";
import { craftCow, noise, place, shuffled } from "./craft.ts";
import { crashEverywhere, Recorded } from "./crash.ts";
import { type Leniency, readCow, view as viewOf } from "./format.ts";
import { kernelCows, snapshotHash } from "./kernel.ts";

function opened(images: readonly Image[], device?: How["device"]): Promise<Volume> {
  return openCows(images, device && { device });
}

/** What every snapshot holds, by the independent reader. */
function snapshotsOf(images: readonly Image[]): Uint8Array[] {
  const [origin, ...cows] = images.map(bytesOf) as [Uint8Array, ...Uint8Array[]];
  return cows.map((cow) => viewOf(origin, cow, { torn: true }));
}

/** The first snapshot became the origin, its table is empty, and the others are what they were. */
function mustBeMerged(
  images: readonly Image[],
  before: readonly Uint8Array[],
  how: Leniency = {},
): void {
  mustBe(bytesOf(images[ORIGIN] as Image), before[0] as Uint8Array, "the origin");
  const { exceptions, allocated, metadata } = readCow(bytesOf(images[1] as Image), how);
  assert.equal(exceptions, []);
  assert.is(allocated, metadata);
  for (const [index, content] of snapshotsOf(images).entries()) {
    mustBe(content, before[index] as Uint8Array, nameOf(index + 1));
  }
}

/** An origin of `chunks` chunks, with COW devices of these chunk sizes, each with changes. */
function world(chunks: readonly number[], size: number, random: Random): Image[] {
  const origin = noise(size, random);
  const cows = chunks.map((chunk) => {
    const count = Math.ceil(size / chunk);
    const snapshot = noise(size, random);
    const changed = shuffled([...Array(count).keys()], random).slice(0, Math.ceil(count / 2));
    // Half of them in runs, as sequential work leaves them: a merge takes a run at a time.
    const old = random.chance(0.5) ? changed.sort((a, b) => a - b) : changed;
    const habits = { holes: 0.05, isShuffled: random.chance(0.3) };
    const exceptions = place(old, chunk, random, habits);
    const least = craftCow({ chunk, exceptions, snapshot }).length;
    const room = least + (count + 4 + Math.ceil(count / (chunk / 16))) * chunk;
    return craftCow({ chunk, size: room, exceptions, snapshot, before: random });
  });
  return [origin, ...cows].map((bytes) => Image.of(bytes));
}

for (const { chunkSectors, cow, origin } of kernelCows()) {
  test(`a kernel's snapshot, ${chunkSectors} sectors a chunk`, async () => {
    const images = [Image.of(origin), Image.of(cow)];
    const before = snapshotsOf(images);
    const volume = await opened(images);
    await volume.merge();
    assert.is(volume.has("cow"), false);
    await mustHold(volume.origin, 0, before[0] as Uint8Array);
    const header = 2 * chunkSectors;
    assert.is(volume.status().dmStatus, `${header}/16384 ${header}`);
    await volume.close();
    mustBeMerged(images, before);
    const merged = createHash("sha256").update(bytesOf(images[0] as Image));
    assert.is(merged.digest("hex"), snapshotHash);
  });
}

for (const chunk of [512, 1024, 4096, 65536]) {
  test(`chunks of ${chunk} bytes: full areas, runs, holes`, async () => {
    const random = new Random(chunk);
    for (const size of [
      chunk - 100,
      40 * chunk,
      3 * (chunk < 4096 ? chunk / 16 : 20) * chunk + 7,
    ]) {
      const images = world([chunk], size - (size % 512) || 512, random);
      const before = snapshotsOf(images);
      const volume = await opened(images);
      await volume.merge();
      await volume.close();
      mustBeMerged(images, before);
    }
  });
}

test("an empty snapshot is merged at once", async () => {
  const images = [Image.of(noise(8192, new Random(1)))];
  images.push(Image.of(craftCow({ chunk: 512, exceptions: [], snapshot: new Uint8Array(0) })));
  const before = snapshotsOf(images);
  const volume = await opened(images);
  await volume.merge();
  await volume.close();
  mustBeMerged(images, before);
});

test("others that are attached keep their content", async () => {
  const random = new Random(5);
  for (const chunks of [
    [4096, 512],
    [512, 4096],
    [1024, 1024, 16384, 512],
  ]) {
    const images = world(chunks, 117 * 512, random);
    const before = snapshotsOf(images);
    const volume = await opened(images);
    await volume.merge();
    for (let number = 2; number <= chunks.length; number++) {
      await mustHold(volume.get(nameOf(number)), 0, before[number - 1] as Uint8Array);
    }
    await volume.close();
    mustBeMerged(images, before);
  }
});

test("progress goes to its end", async () => {
  const images = world([512], 195 * 512, new Random(6));
  const volume = await opened(images);
  const seen: [number, number][] = [];
  await volume.merge({ progress: (done, total) => seen.push([done, total]) });
  assert.ok(seen.length > 0);
  const [done, total] = seen.at(-1) as [number, number];
  assert.is(done, total);
  seen.reduce((last, next) => {
    assert.ok(next[0] >= last[0] && next[1] === total, `${last} -> ${next}`);
    return next;
  });
  await volume.close();
});

test("ended by its signal, it can be taken up again", async () => {
  const images = world([512, 1024], 195 * 512, new Random(7));
  const before = snapshotsOf(images);
  const volume = await opened(images);
  const ender = new AbortController();
  const merge = volume.merge({
    signal: ender.signal,
    progress: (done, total) => {
      if (done > 0 && done < total) ender.abort();
    },
  });
  assert.is(await merge.catch((error) => error.code), "Closed");
  await volume.close();
  const between = snapshotsOf(images);
  for (const [index, content] of between.entries()) {
    mustBe(content, before[index] as Uint8Array, nameOf(index + 1));
  }
  const again = await opened(images);
  await again.merge();
  await again.close();
  mustBeMerged(images, before);
});

test("requests go on meanwhile: the origin's view is the snapshot's content at once", async () => {
  for (const seed of [1, 2, 3]) {
    const random = new Random(seed);
    const images = world([512, 1024], 97 * 512, random);
    const [origin, other] = snapshotsOf(images) as [Uint8Array, Uint8Array];
    const devices: How["device"] = (image, how) =>
      lateDevice(imageDevice(image, how), random.fork(), { turnsMax: 1 });
    const volume = await opened(images, devices);
    let merging = true;
    let began = () => {};
    const beginning = new Promise<void>((resolve) => {
      began = resolve;
    });
    const merge = volume.merge({ progress: () => began() }).finally(() => {
      merging = false;
    });
    await Promise.race([beginning, merge]);
    let requests = 0;
    for (; merging; requests++) {
      const [view, content] = random.pick([
        [volume.origin, origin],
        [volume.get("cow2"), other],
      ]);
      const bytes = random.bytes(random.between(1, 1500));
      const offset = random.below(content.length - bytes.length);
      await mustHold(view, offset, content.slice(offset, offset + bytes.length));
      if (random.chance(0.5)) continue;
      await view.write(offset, bytes);
      content.set(bytes, offset);
    }
    await merge;
    assert.ok(requests > 3, `${requests} requests`);
    await mustHold(volume.origin, 0, origin);
    await mustHold(volume.get("cow2"), 0, other);
    await volume.close();
    mustBeMerged(images, [origin, other]);
  }
});

/** With nothing but the merge, each snapshot is what it was, at any time, on any wreck. */
for (const chunks of [[512], [1024, 512], [512, 4096]]) {
  test(`the power goes at any write, chunks of ${chunks.join(" and ")} bytes`, async () => {
    const random = new Random(chunks.length);
    const images = world(chunks, 47 * 512, random);
    const before = snapshotsOf(images);
    const log = new CrashLog();
    const volume = await opened(images, (image, how) => log.device(image, how));
    await volume.merge();
    await volume.close();
    mustBeMerged(images, before);
    const wreck = new Wreck(log);
    let states = 0;
    for (const event of log.events) {
      wreck.advance(event);
      for (const state of wreck.states(random, { allUpTo: 3, samples: 3, torn: 2 }, true)) {
        states++;
        for (const [index, content] of snapshotsOf(state).entries()) {
          mustBe(content, before[index] as Uint8Array, `${nameOf(index + 1)}, state ${states}`);
        }
        if (random.chance(0.15)) await takeUp(state, before);
      }
    }
    assert.ok(states > 50, `${states} states`);
  });
}

for (const [seed, chunks] of [[512], [512], [512, 1024], [512, 1024], [2048, 512]].entries()) {
  test(`the same, with requests, chunks of ${chunks.join(", ")} bytes, seed ${seed}`, async () => {
    const random = new Random(seed);
    const size = 47 * 512;
    const recorded = await Recorded.open(world(chunks, size, random), random.fork());
    const { ended } = await recorded.beginMerge();
    for (let step = 0; step < 20; step++) {
      const number = random.pick([ORIGIN, ...chunks.slice(1).map((_, index) => index + 2)]);
      const bytes = random.bytes(random.between(1, random.pick([300, 3000])));
      await recorded.write(number, random.below(size - bytes.length), bytes);
      if (random.chance(0.2)) await recorded.flush();
    }
    await ended;
    await recorded.attached.volume.close();
    const depth = { allUpTo: 3, samples: 3, torn: 1, opened: 0.02 };
    const states = await crashEverywhere(recorded, random, depth);
    assert.ok(states > 100, `${states} states`);
  });
}

/** Opens what a crash left, finds each snapshot as it was, and merges what is left. */
async function takeUp(images: readonly Image[], before: readonly Uint8Array[]): Promise<void> {
  const volume = await opened(images);
  for (const [index, content] of before.entries()) {
    await mustHold(volume.get(nameOf(index + 1)), 0, content);
  }
  await volume.merge();
  await volume.close();
  mustBeMerged(images, before, { torn: true });
}

test.run();
