/**
 * Many requests in flight on devices that answer late, on a store that prunes: what is in use
 * stays, every request ends, and everybody's bytes are right.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { seededEnv } from "../../src/env.ts";
import type { StoreKind, View } from "../../src/volume/types.ts";
import type { Fixture } from "../model/fixture.ts";
import { mustBeClean, mustHold, readAll } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { CHUNK, CHUNKS, make, priorityOf, pruning } from "./pruning.ts";

const ROUNDS = 40;
const WRITERS = 8;
const AREA = (CHUNKS / WRITERS) * CHUNK;

async function codeOf(promise: Promise<unknown>): Promise<string> {
  return await promise.then(
    () => "none",
    (error) => error.code ?? String(error),
  );
}

class Crowd {
  readonly fixture: Fixture;
  readonly random: Random;
  /** What each snapshot was when it was made; nobody writes to them. */
  readonly contents = new Map<number, Uint8Array>();
  ended = 0;

  constructor(fixture: Fixture, random: Random) {
    this.fixture = fixture;
    this.random = random;
  }

  /** Each area of the origin has a writer of its own. */
  async write(area: number): Promise<void> {
    const { volume, model } = this.fixture;
    const bytes = this.random.bytes(this.random.pick([700, CHUNK, AREA / 2]));
    const offset = area * AREA + this.random.below(AREA / 2);
    const code = await codeOf(volume.origin.write(offset, bytes));
    assert.ok(["none", "NoSpace"].includes(code), code);
    this.ended++;
    if (code !== "none") await volume.origin.read(offset, bytes);
    model.write(volume.origin.id, offset, bytes);
  }

  /** What is there when it is asked for is there until it has been read. */
  async read(view: View): Promise<void> {
    const expected = this.contents.get(view.id);
    if (!expected) return;
    const offset = this.random.below(view.size / 2);
    const bytes = new Uint8Array(view.size / 2);
    await view.read(offset, bytes);
    assert.equal(bytes, expected.subarray(offset, offset + bytes.length));
  }

  async compare(view: View): Promise<void> {
    const { volume } = this.fixture;
    for await (const { length } of volume.diff(view, volume.origin)) assert.ok(length > 0);
    for await (const { length } of view.extents(0, view.size)) assert.ok(length > 0);
  }

  async snapshot(name: string): Promise<void> {
    const { volume } = this.fixture;
    const view = await volume.snapshot(name);
    // Between the answer and this line it is a victim as any other.
    if (!volume.has(name)) return;
    const hold = view.hold();
    this.contents.set(view.id, await readAll(view));
    hold.release();
  }

  async round(number: number): Promise<void> {
    const { random } = this;
    const { volume } = this.fixture;
    const views = volume.snapshots;
    const requests: Promise<void>[] = [];
    for (let area = 0; area < WRITERS; area++) requests.push(this.write(area));
    for (const view of views) {
      // What was begun before may have pruned already.
      if (!volume.snapshots.some(({ id }) => id === view.id)) continue;
      if (random.chance(0.2)) requests.push(this.read(view));
      if (random.chance(0.1)) requests.push(this.compare(view));
    }
    if (random.chance(0.7))
      requests.push(this.snapshot(`${random.pick(["tmp-", "auto-"])}${number}`));
    await Promise.all(requests);
  }
}

async function story(kind: StoreKind, mode: OriginMode, seed: number): Promise<number> {
  const random = new Random(seed);
  const wrap = (device: Device) => lateDevice(device, random.fork());
  const options = { env: seededEnv(seed), copySlots: random.pick([1, 8]) };
  const fixture = await make(kind, random, { mode, wrap, options });
  const { volume } = fixture;
  const crowd = new Crowd(fixture, random);
  try {
    for (let number = 0; number < ROUNDS; number++) await crowd.round(number);
    const { pruned } = volume.status();
    for (const { name } of pruned?.last ?? []) assert.ok(priorityOf(name) !== null);
    await mustHold(volume.origin, 0, fixture.model.read(volume.origin.id, 0, CHUNKS * CHUNK));
    for (const view of volume.snapshots) {
      await mustHold(view, 0, crowd.contents.get(view.id) as Uint8Array);
    }
    await mustBeClean(volume);
    await volume.close();
    return pruned?.snapshots ?? 0;
  } catch (error) {
    const replay = `KIND=${kind} MODE=${mode} SEED=${seed} npx tsx test/policy/late.test.ts`;
    throw new Error(`${(error as Error).stack}\n  ${replay}`, { cause: error });
  }
}

for (const { kind, capabilities } of pruning) {
  const test = suite(`requests in flight while victims are pruned: ${kind}`);
  for (const mode of capabilities.origins.filter((one) => one === (process.env.MODE ?? one))) {
    test(mode, async () => {
      const seeds = process.env.SEED ? [Number(process.env.SEED)] : [1, 2, 3];
      let pruned = 0;
      for (const seed of seeds) pruned += await story(kind, mode, seed);
      assert.ok(pruned > 3 * seeds.length, `${pruned} pruned`);
    });
  }
  test.run();
}
