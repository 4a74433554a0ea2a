/** Bytes of two views side by side. */

/** Chunks in which two pieces of one length differ. */
export function differing(a: Uint8Array, b: Uint8Array, chunk: number): boolean[] {
  return Array.from({ length: Math.ceil(a.length / chunk) }, (_, index) => {
    const [from, end] = [index * chunk, Math.min(a.length, (index + 1) * chunk)];
    return !isSame(a.subarray(from, end), b.subarray(from, end));
  });
}

/** Of two pieces of one length, on addresses that are multiples of 4. */
export function isSame(a: Uint8Array, b: Uint8Array): boolean {
  const words = a.length >>> 2;
  const x = new Uint32Array(a.buffer, a.byteOffset, words);
  const y = new Uint32Array(b.buffer, b.byteOffset, words);
  for (let i = 0; i < words; i++) if (x[i] !== y[i]) return false;
  for (let i = words << 2; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Neighbours with the same value: the first of them, and the one behind the last. */
export interface Group<T> {
  value: T;
  from: number;
  to: number;
}

export function* grouped<T>(values: readonly T[]): Generator<Group<T>> {
  let from = 0;
  for (let to = 1; to <= values.length; to++) {
    if (to < values.length && values[to] === values[from]) continue;
    yield { value: values[from] as T, from, to };
    from = to;
  }
}
