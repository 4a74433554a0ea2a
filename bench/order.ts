/** Orders that a seed replays: the same ones as `peers/order.h` makes in C. */

/** Marsaglia's xorshift32: 32-bit numbers, never the same run twice for two seeds. */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  if (state === 0) throw new RangeError("a seed of 0 gives only zeros");
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    state >>>= 0;
    return state;
  };
}

/** A random permutation of 0 .. count-1. */
export function shuffled(count: number, seed: number): Uint32Array {
  const order = new Uint32Array(count);
  const next = randomNumbers(seed);
  for (let i = 0; i < count; i++) order[i] = i;
  for (let i = count - 1; i > 0; i--) {
    const j = next() % (i + 1);
    const swapped = order[i];
    order[i] = order[j];
    order[j] = swapped;
  }
  return order;
}

/** `count` random numbers below `limit`, with repeats. */
export function drawn(count: number, limit: number, seed: number): Uint32Array {
  const order = new Uint32Array(count);
  const next = randomNumbers(seed);
  for (let i = 0; i < count; i++) order[i] = next() % limit;
  return order;
}
