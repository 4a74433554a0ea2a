/** Seeded randomness for tests: same seed, same history; so nothing is loaded on the way. */
import "../../src/stores/preloaded.ts";

/**
 * Random bytes to cut test data from: making fresh ones for each write would cost more than the
 * write.
 */
const pool = (() => {
  const words = new Uint32Array(1 << 20);
  let state = 0x9e3779b9;
  for (let i = 0; i < words.length; i++) {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    words[i] = state;
  }
  return new Uint8Array(words.buffer);
})();

/** mulberry32. */
export class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = (seed ^ 0x5bd1e995) >>> 0;
  }

  u32(): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let t = this.#state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  }

  /** An integer from 0 to `count - 1`; `count` up to 2^53. */
  below(count: number): number {
    const unit = (this.u32() * 0x200000 + (this.u32() >>> 11)) / 2 ** 53;
    return Math.floor(unit * count);
  }

  /** An integer from `least` to `most`, both included. */
  between(least: number, most: number): number {
    return least + this.below(most - least + 1);
  }

  chance(probability: number): boolean {
    return this.u32() < probability * 2 ** 32;
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T;
  }

  /** One of the keys, as often as its weight says. */
  weighted<K extends string>(weights: Record<K, number>): K {
    const keys = Object.keys(weights) as K[];
    let left = this.below(keys.reduce((sum, key) => sum + weights[key], 0));
    for (const key of keys) {
      left -= weights[key];
      if (left < 0) return key;
    }
    throw new Error("no weights");
  }

  /** Random bytes, at most 2 MiB. */
  bytes(length: number): Uint8Array {
    const start = this.below(pool.length - length);
    return pool.slice(start, start + length);
  }

  /** Another generator, for a part whose number of draws must not move the others. */
  fork(): Random {
    return new Random(this.u32());
  }
}
