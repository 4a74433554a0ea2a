/**
 * A power cut at any event of the receiver's device: every view is what it was, or all that was
 * sent is there; and what has come can be gone on with.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import { halfReceived, openVolume, receiveStream, type StoreKind } from "../../src/index.ts";
import type { Volume } from "../../src/volume/types.ts";
import { CrashLog, Wreck } from "../crash/log.ts";
import { bytesOf, changeOnce, live, newVolume } from "../diff/random-volume.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { contents, inParts, sent } from "./streams.ts";

const SEEDS = Number(process.env.SEEDS ?? 6);
const FIRST = Number(process.env.SEED ?? 1);
const EFFORT = { allUpTo: 2, samples: 2, torn: 1 };
/** Of the states after a crash, so many are gone on with. */
const GO_ON = 0.1;
const test = suite("power cuts while receiving");

test("before, or after, and never between", async () => {
  for (let seed = FIRST; seed < FIRST + SEEDS; seed++) {
    await cutEverywhere(seed).catch((error) => {
      throw new Error(`SEED=${seed} SEEDS=1: ${error.stack}`);
    });
  }
});

interface Story {
  source: Volume;
  stream: Uint8Array;
  before: Record<string, string>;
  after: Record<string, string>;
  originBefore: Uint8Array;
  originAfter: Uint8Array;
}

async function cutEverywhere(seed: number): Promise<void> {
  const random = new Random(seed);
  const size = 4096 * random.between(6, 14);
  const past = { kind: "range", mode: "inline", chunk: 4096, size } as const;
  const { volume: source } = await newVolume(past, random);
  await live(source, random, 12);
  await source.snapshot("base");
  const kind: StoreKind = random.pick(["range", "bitmap"]);
  const image = new Image();
  const open = (device: ReturnType<typeof imageDevice>, isNew = false) =>
    openVolume({
      store: device,
      ...(isNew && { create: { size, kind } }),
      cacheBytes: 2 ** 20,
      env: seededEnv(seed),
    });
  const first = await open(imageDevice(image), true);
  await receiveStream(first, inParts(await sent(source, "base")));
  if (random.chance(0.5)) await first.origin.write(0, random.bytes(3000));
  await first.close();
  for (let i = 0; i < 4; i++) await changeOnce(source.origin, 4096, random);
  await source.snapshot("middle");
  for (let i = 0; i < 4; i++) await changeOnce(source.origin, 4096, random);
  await source.snapshot("last");
  const stream = await sent(source, "last", { from: "base", all: true });

  const log = new CrashLog();
  const volume = await open(log.device(image));
  const before = await contents(volume);
  const originBefore = await bytesOf(volume.origin);
  await receiveStream(volume, inParts(stream), { keepBytes: 8192 });
  const after = await contents(volume);
  const originAfter = await bytesOf(volume.origin);
  assert.is(Object.keys(after).length, Object.keys(before).length + 2);
  const story = { source, stream, before, after, originBefore, originAfter };

  const wreck = new Wreck(log);
  let isThere = false;
  for (let at = 0; at <= log.events.length; at++) {
    const isEnd = at === log.events.length;
    for (const [state] of wreck.states(random, EFFORT)) {
      const again = await open(imageDevice(state!));
      const hasAll = await beforeOrAfter(again, story, `event ${at}`);
      isThere ||= hasAll;
      if (isEnd) assert.ok(hasAll, "it was durable when it answered");
      if (!hasAll && random.chance(GO_ON)) await goOn(again, story);
      await again.close();
    }
    if (!isEnd) wreck.advance(log.events[at]!);
  }
  assert.ok(isThere);
  await volume.close();
}

/** True: all of it is there. The origin may be on its way to what the last snapshot is. */
async function beforeOrAfter(volume: Volume, story: Story, what: string): Promise<boolean> {
  const { "": origin, ...now } = await contents(volume);
  const { "": originBefore, ...before } = story.before;
  const { "": _, ...after } = story.after;
  const hasAll = Object.keys(now).length === Object.keys(after).length;
  assert.equal(now, hasAll ? after : before, what);
  if (!hasAll) assert.is(origin, originBefore, what);
  const bytes = await bytesOf(volume.origin);
  for (let at = 0; at < bytes.length; at += 4096) {
    const chunk = Buffer.from(bytes.subarray(at, at + 4096));
    const isKnown = [story.originBefore, story.originAfter].some((known) =>
      chunk.equals(known.subarray(at, at + 4096)),
    );
    assert.ok(isKnown, `${what}: chunk ${at / 4096} of the origin`);
  }
  return hasAll;
}

async function goOn(volume: Volume, { source, stream, after }: Story): Promise<void> {
  const half = await halfReceived(volume);
  const rest = half ? await sent(source, null, { resume: half.token }) : stream;
  await receiveStream(volume, inParts(rest), { resume: half !== null });
  const { "": _, ...now } = await contents(volume);
  const { "": __, ...wanted } = after;
  assert.equal(now, wanted);
  assert.ok((await volume.check()).clean);
}

test.run();
