/** Comparing bytes where there is Node's Buffer, which is fast, and where there is none. */

/** Whether two runs of bytes are the same. */
export const same: (a: Uint8Array, b: Uint8Array) => boolean =
  typeof Buffer === "undefined" ? sameBytes : (a, b) => Buffer.compare(a, b) === 0;

function sameBytes(a: Uint8Array, b: Uint8Array): boolean {
  if (a.length !== b.length) return false;
  let i = 0;
  if ((a.byteOffset | b.byteOffset) % 4 === 0) {
    const words = a.length >>> 2;
    const x = new Uint32Array(a.buffer, a.byteOffset, words);
    const y = new Uint32Array(b.buffer, b.byteOffset, words);
    while (i < words && x[i] === y[i]) i++;
    if (i < words) return false;
    i = words * 4;
  }
  while (i < a.length && a[i] === b[i]) i++;
  return i === a.length;
}

/** One character a byte: a key for maps. At most some thousand bytes. */
export function keyOf(bytes: Uint8Array): string {
  return String.fromCharCode(...bytes);
}

/** Shared memory: also in pages, where the name SharedArrayBuffer may be missing. */
export function sharedBytes(pages: number): Uint8Array {
  const memory = new WebAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  return new Uint8Array(memory.buffer);
}
