/** Two sides of a replication in memory, whose answers and streams get lost as a test wants it. */
import { seededEnv } from "../../src/env.ts";
import {
  answerReplica,
  type Device,
  type Env,
  memoryDevice,
  openVolume,
  type ReplicaEvent,
  type ReplicaTarget,
  type ReplicateOptions,
  replicate,
} from "../../src/index.ts";
import type { StoreKind, Volume } from "../../src/volume/types.ts";
import { bytesOf } from "../diff/random-volume.ts";
import { kept } from "../model/media.ts";

export interface Shape {
  kind: StoreKind;
  chunk: number;
  /** Bytes. */
  size: number;
  maxSize?: number;
}

/** What goes wrong in the next exchange. */
export interface Trouble {
  /** The stream breaks off after so many bytes. */
  cut?: number;
  /** The answer is lost: all was done. */
  mute?: boolean;
  /** The other side dies while it receives: nothing that was not durable is left. */
  dies?: number;
}

/** Milliseconds since 1970. */
interface Clock {
  time: number;
}

/** A store that can be opened again and again; what it had in memory alone is lost by `crash`. */
export class Side {
  #device: Device;
  readonly #shape: Shape;
  readonly #env: Env;
  volume: Volume | null = null;

  constructor(shape: Shape, clock: Clock, seed: number) {
    this.#shape = shape;
    this.#env = { ...seededEnv(seed), now: () => clock.time };
    this.#device = memoryDevice();
  }

  async open(): Promise<Volume> {
    if (this.volume) return this.volume;
    const { size, ...create } = this.#shape;
    const isNew = this.#device.size() === 0;
    this.volume = await openVolume({
      store: kept(this.#device),
      env: this.#env,
      cacheBytes: 2 ** 20,
      ...(isNew && { create: { size, ...create } }),
    });
    return this.volume;
  }

  async close(): Promise<void> {
    await this.volume?.close();
    this.volume = null;
  }

  /** The process ends where it is; what it wrote is there, what it had in memory is not. */
  crash(): void {
    this.volume = null;
  }

  async wipe(): Promise<void> {
    await this.close();
    this.#device = memoryDevice();
  }

  /** A copy of the store's bytes as they are, to be put back later. */
  async copy(): Promise<Device> {
    await this.close();
    const size = this.#device.size();
    const bytes = new Uint8Array(size);
    await this.#device.read(bytes, 0, size, 0);
    const device = memoryDevice();
    await device.resize(size);
    await device.write(bytes, 0, size, 0);
    return device;
  }

  async putBack(device: Device): Promise<void> {
    await this.close();
    this.#device = device;
  }
}

export class Pair {
  readonly here: Side;
  readonly there: Side;
  /** Of both. */
  readonly clock: Clock = { time: Date.UTC(2009, 2, 24) };
  trouble: Trouble = {};
  exchanges = 0;

  constructor(here: Shape, there = here) {
    this.here = new Side(here, this.clock, 1);
    this.there = new Side(there, this.clock, 2);
  }

  readonly target: ReplicaTarget = {
    name: "the copy",
    exchange: async (bytes, signal) => {
      this.exchanges++;
      const { cut = Infinity, dies = Infinity, mute = false } = this.trouble;
      const volume = await this.there.open();
      const end = dies < cut ? dies : cut;
      const come = broken(bytes, end, () => {
        if (dies < cut) this.there.crash();
      });
      const answer = await answerReplica(volume, come, { signal });
      return mute ? null : JSON.parse(JSON.stringify(answer));
    },
  };

  async *events(options: ReplicateOptions): AsyncGenerator<ReplicaEvent> {
    const volume = await this.here.open();
    const env = { ...seededEnv(3), now: () => this.clock.time };
    yield* replicate(volume, this.target, { env, ...options });
  }

  /** One snapshot, sent now; what is thrown is the caller's. */
  async once(options: ReplicateOptions = {}): Promise<ReplicaEvent[]> {
    const events: ReplicaEvent[] = [];
    this.clock.time += 1000;
    for await (const event of this.events(options)) events.push(event);
    return events;
  }
}

async function* broken(bytes: AsyncIterable<Uint8Array>, end: number, onEnd: () => void) {
  let left = end;
  for await (const part of bytes) {
    if (part.length >= left) {
      yield part.subarray(0, left);
      onEnd();
      throw new Error("the line is cut");
    }
    left -= part.length;
    yield part;
  }
}

/** Bytes of each snapshot by name. */
export async function snapshotBytes(volume: Volume): Promise<Map<string, Uint8Array>> {
  const found = new Map<string, Uint8Array>();
  for (const view of volume.snapshots) found.set(view.name as string, await bytesOf(view));
  return found;
}
