/**
 * The only ambient things: clock and randomness (I11). Everything else is a function of its input,
 * so that a run with a fixed `Env` replays byte for byte.
 */
export interface Env {
  /** Milliseconds since 1970. */
  now(): number;
  /** Fills `target` with random bytes. */
  random(target: Uint8Array): void;
  /** Ends in about `ms` milliseconds, while other work is done. Keeps no process from ending. */
  rest(ms: number): Promise<void>;
}

/** The platform's clock and cryptographic randomness. */
export const systemEnv: Env = {
  now: () => Date.now(),
  random: (target) => {
    const bytes = new Uint8Array(target.length);
    globalThis.crypto.getRandomValues(bytes);
    target.set(bytes);
  },
  rest: (ms) =>
    new Promise((resolve) => {
      const timer: unknown = setTimeout(resolve, ms);
      (timer as { unref?(): void }).unref?.();
    }),
};

/** Milliseconds since some start, for measuring and for time limits: it never jumps. */
export function monotonic(): number {
  return performance.now();
}

/**
 * A clock that advances one second a look, and a seeded xorshift: same seed, same bytes. It never
 * rests.
 */
export function seededEnv(seed: number): Env {
  let state = (seed ^ 0x9e3779b9) >>> 0 || 1;
  let now = Date.UTC(2009, 2, 24);
  return {
    now: () => {
      now += 1000;
      return now;
    },
    random: (target) => {
      for (let i = 0; i < target.length; i++) {
        state ^= state << 13;
        state ^= state >>> 17;
        state ^= state << 5;
        target[i] = state & 255;
      }
    },
    rest: () => Promise.resolve(),
  };
}
