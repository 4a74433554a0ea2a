/**
 * What all devices of a simulated machine share: one clock, one record of what happened, who
 * answers when, and the switch. A device that answers late hands its work in here; one piece of it
 * is done at a time, any of those that wait, so that calls overtake each other.
 */
import { MultisnapError } from "../../src/errors.ts";
import type { Random } from "../model/prng.ts";
import type { Digest } from "./digest.ts";

/** Something that happened to what a device holds. `tick`: when. */
export type DeviceEvent = { tick: number; device: number } & (
  | { kind: "write"; id: number; offset: number; bytes: Uint8Array; isAstray: boolean }
  | { kind: "resize"; id: number; size: number }
  /** Writes that were answered before the flush was asked for. */
  | { kind: "flush"; covers: ReadonlySet<number> }
);
type Happening = DeviceEvent extends infer E ? (E extends E ? Omit<E, "tick"> : never) : never;

interface Waiting {
  /** Others go first so often. */
  patience: number;
  work: () => void;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** Share of calls that take long, and the most turns that they let others go first. */
const SLOW = 0.12;
const PATIENCE_MAX = 80;

/** Turns of the event loop without anything happening after which nothing will any more. */
const STUCK_TURNS = 20_000;

export class Power {
  readonly events: DeviceEvent[] = [];
  readonly digest: Digest;
  /** Counts device events, and beginnings and ends of requests. */
  tick = 0;
  /** Events are kept: they can be crashed. */
  records = true;
  #isOff = false;
  #writes = 0;
  readonly #random: Random;
  #waiting: Waiting[] = [];
  #pumping = false;

  constructor(digest: Digest, random: Random) {
    this.digest = digest;
    this.#random = random;
  }

  next(): number {
    return ++this.tick;
  }

  nextWrite(): number {
    return ++this.#writes;
  }

  happened(event: Happening): void {
    const tick = this.next();
    const { digest } = this;
    if (event.kind === "write") {
      digest.words(tick, event.device, event.offset);
      digest.bytes(event.bytes);
    } else if (event.kind === "resize") digest.words(tick, event.device, event.size);
    else digest.words(tick, event.device, event.covers.size);
    if (this.records) this.events.push({ ...event, tick });
  }

  /** From now on no device answers anything but errors. */
  cut(): void {
    this.#isOff = true;
    for (const { reject } of this.#waiting.splice(0)) reject(noPower());
  }

  assertOn(): void {
    if (this.#isOff) throw noPower();
  }

  /** Does the pieces of work in turn, each at some later time. */
  async later(pieces: (() => void)[]): Promise<void> {
    const isSlow = this.#random.chance(SLOW);
    const patience = isSlow ? this.#random.below(PATIENCE_MAX) : 0;
    for (const work of pieces) await this.#some(work, patience);
    if (this.#random.chance(0.3)) await this.#some(() => {}, 0);
  }

  #some(work: () => void, patience: number): Promise<void> {
    return new Promise((resolve, reject) => {
      if (this.#isOff) {
        reject(noPower());
        return;
      }
      this.#waiting.push({ patience, work, resolve, reject });
      if (!this.#pumping) this.#pump();
    });
  }

  #pump(): void {
    this.#pumping = true;
    setImmediate(() => {
      this.#pumping = false;
      const one = this.#pick();
      if (one === undefined) return;
      try {
        one.work();
        one.resolve();
      } catch (error) {
        one.reject(error);
      }
      if (this.#waiting.length > 0) this.#pump();
    });
  }

  /** Any of those that have waited enough, or of all where none has. */
  #pick(): Waiting | undefined {
    for (const one of this.#waiting) one.patience--;
    const ready = this.#waiting.filter(({ patience }) => patience < 0);
    const from = ready.length > 0 ? ready : this.#waiting;
    const one = from[this.#random.below(from.length)];
    this.#waiting = this.#waiting.filter((other) => other !== one);
    return one;
  }

  /** Waits for `promise`; an error if nothing happens any more before it has ended. */
  async settled<T>(promise: Promise<T>, what: string): Promise<T> {
    let isDone = false;
    const done = () => {
      isDone = true;
    };
    promise.then(done, done);
    let tick = this.tick;
    for (let idle = 0; !isDone && idle < STUCK_TURNS; idle++) {
      await new Promise((resolve) => setImmediate(resolve));
      if (this.#waiting.length === 0 && this.tick === tick) continue;
      [idle, tick] = [0, this.tick];
    }
    if (!isDone) throw new Error(`${what}: never ends`);
    return await promise;
  }
}

function noPower(): MultisnapError {
  return new MultisnapError("Io", "the power is off");
}
