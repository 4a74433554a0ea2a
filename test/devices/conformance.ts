/** The same assertions over every device: what `device.ts` promises, whatever is behind it. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { type ErrorCode, MultisnapError } from "../../src/errors.ts";

const KIB = 1024;

export interface Subject {
  device: Device;
  /** What `size` must say now; the device's bytes are zeros. */
  size: number;
  remove(): Promise<void> | void;
}

/**
 * Registers a suite for one kind of device; `make` gives a fresh one. Growable and fixed ones may
 * differ in size only.
 */
export function deviceConformance(label: string, make: () => Promise<Subject>): void {
  const test = suite(`device: ${label}`);
  const check = (title: string, body: (subject: Subject) => Promise<void>) =>
    test(title, async () => {
      const subject = await make();
      try {
        await body(subject);
      } finally {
        await subject.device.close();
        await subject.remove();
      }
    });
  readings(check);
  sizes(check);
  mistakes(check);
  test.run();
}

type Check = (title: string, body: (subject: Subject) => Promise<void>) => void;

function readings(check: Check): void {
  check("what was written is read, at any offset and length", async ({ device }) => {
    const lengths = [1, 3, 511, 512, 4095, 4096, 65535, 65536, 65537, 200_000];
    for (const [index, length] of lengths.entries()) {
      const offset = index * 7919;
      const source = pattern(length + 10, index + 1);
      await device.write(source, 5, length, offset);
      const target = new Uint8Array(length + 10).fill(0xee);
      await device.read(target, 5, length, offset);
      assert.equal(digest(target.subarray(5, 5 + length)), digest(source.subarray(5, 5 + length)));
      assert.equal([...target.subarray(0, 5)], [238, 238, 238, 238, 238]);
      assert.equal([...target.subarray(5 + length)], [238, 238, 238, 238, 238]);
    }
  });

  check("a write leaves its neighbours alone", async ({ device }) => {
    await device.write(pattern(192 * KIB, 1), 0, 192 * KIB, 0);
    await device.write(pattern(70_000, 2), 0, 70_000, 61_441);
    const target = new Uint8Array(192 * KIB);
    await device.read(target, 0, target.length, 0);
    const expected = pattern(192 * KIB, 1);
    expected.set(pattern(70_000, 2), 61_441);
    assert.equal(digest(target), digest(expected));
  });

  check("shared memory is a target and a source", async ({ device }) => {
    // A page that is not isolated has such memory, too, but not under the name SharedArrayBuffer.
    const memory = new WebAssembly.Memory({ initial: 2, maximum: 2, shared: true });
    const shared = new Uint8Array(memory.buffer);
    shared.set(pattern(64 * KIB, 3));
    await device.write(shared, 0, 64 * KIB, 4096);
    await device.read(shared, 64 * KIB, 64 * KIB, 4096);
    assert.equal(digest(shared.slice(0, 64 * KIB)), digest(shared.slice(64 * KIB)));
  });

  check("bytes never written, and bytes past the end, are zeros", async ({ device, size }) => {
    const target = new Uint8Array(100_000).fill(0xee);
    await device.read(target, 0, target.length, 0);
    assert.equal(digest(target), digest(new Uint8Array(100_000)));
    target.fill(0xee);
    await device.read(target, 0, target.length, Math.max(size - 50_000, 0));
    assert.equal(digest(target), digest(new Uint8Array(100_000)));
    target.fill(0xee);
    await device.read(target, 0, target.length, 2 ** 52);
    assert.equal(digest(target), digest(new Uint8Array(100_000)));
  });

  check("nothing read and nothing written is allowed", async ({ device, size }) => {
    await device.write(new Uint8Array(0), 0, 0, 0);
    await device.read(new Uint8Array(0), 0, 0, 10);
    assert.is(device.size(), size);
  });
}

function sizes(check: Check): void {
  check("size says the end, flush keeps it", async ({ device, size }) => {
    assert.is(device.size(), size);
    await device.write(pattern(1000, 1), 0, 1000, 5000);
    assert.is(device.size(), device.growable ? 6000 : size);
    await device.flush();
    await device.write(pattern(1000, 1), 0, 1000, 0);
    assert.is(device.size(), device.growable ? 6000 : size);
  });

  check("a growable device grows, a fixed one is full", async ({ device, size }) => {
    const end = size + 3 * 2 ** 20;
    const write = () => device.write(pattern(4096, 4), 0, 4096, end - 4096);
    if (!device.growable) {
      await fails("NoSpace", write);
      await fails("NoSpace", () => device.write(pattern(4096, 4), 0, 4096, size - 4095));
      await fails("NoSpace", () => device.resize(end));
      await device.resize(size);
      assert.is(device.size(), size);
      return;
    }
    await write();
    assert.is(device.size(), end);
    await device.resize(end + 1);
    assert.is(device.size(), end + 1);
  });

  check("after a cut, the bytes behind it are zeros", async ({ device, size }) => {
    if (!device.growable) return fails("Unsupported", () => device.resize(size - 512));
    await device.write(pattern(300_000, 5), 0, 300_000, 0);
    await device.resize(100_001);
    assert.is(device.size(), 100_001);
    await device.resize(300_000);
    const target = new Uint8Array(300_000);
    await device.read(target, 0, target.length, 0);
    const expected = new Uint8Array(300_000);
    expected.set(pattern(300_000, 5).subarray(0, 100_001));
    assert.equal(digest(target), digest(expected));
  });
}

function mistakes(check: Check): void {
  check("hostile arguments are Invalid and change nothing", async ({ device, size }) => {
    const bytes = new Uint8Array(100);
    const hostile: [start: number, length: number, offset: number][] = [
      [0, 101, 0],
      [1, 100, 0],
      [-1, 10, 0],
      [0, -1, 0],
      [0, 10, -1],
      [0, 10, Number.NaN],
      [Number.NaN, 10, 0],
      [0, 10, 1e30],
      [0, 10, 0.5],
      [0, 0.5, 0],
      [0, Number.POSITIVE_INFINITY, 0],
    ];
    for (const [start, length, offset] of hostile) {
      await fails("Invalid", () => device.read(bytes, start, length, offset));
      await fails("Invalid", () => device.write(bytes, start, length, offset));
    }
    for (const bytes of [-1, Number.NaN, 0.5, 1e30]) {
      await fails("Invalid", () => device.resize(bytes));
    }
    assert.is(device.size(), size);
  });

  check("a closed device says so, and closes twice", async ({ device }) => {
    await device.close();
    await device.close();
    await fails("Closed", () => device.read(new Uint8Array(1), 0, 1, 0));
    await fails("Closed", () => device.write(new Uint8Array(1), 0, 1, 0));
    await fails("Closed", () => device.flush());
    await fails("Closed", () => device.resize(0));
  });
}

/** The same over a device that was opened for reading: `content` is what is on it. */
export function readOnlyConformance(
  label: string,
  content: Uint8Array,
  make: () => Promise<Subject>,
): void {
  const test = suite(`device: ${label}`);
  test("reads everything and takes nothing", async () => {
    const { device, size, remove } = await make();
    try {
      assert.is(device.readOnly, true);
      assert.is(device.size(), size);
      const target = new Uint8Array(content.length + 100).fill(0xee);
      await device.read(target, 0, target.length, 0);
      assert.equal(digest(target.subarray(0, content.length)), digest(content));
      assert.equal(digest(target.subarray(content.length)), digest(new Uint8Array(100)));
      await fails("ReadOnly", () => device.write(new Uint8Array(1), 0, 1, 0));
      await fails("ReadOnly", () => device.resize(0));
      await device.flush();
    } finally {
      await device.close();
      await remove();
    }
  });
  test.run();
}

/** `call` fails with `code`, at once or later. */
export async function fails(code: ErrorCode, call: () => unknown): Promise<void> {
  try {
    await call();
  } catch (error) {
    assert.instance(error, MultisnapError);
    assert.is((error as MultisnapError).code, code);
    return;
  }
  assert.unreachable(`expected ${code}`);
}

/** Bytes that differ with place and seed, none of them zero for long. */
export function pattern(length: number, seed: number): Uint8Array {
  const bytes = new Uint8Array(length);
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** Short in a failure's report, where the bytes themselves are not. */
function digest(bytes: Uint8Array): string {
  let hash = 0x811c9dc5;
  for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
  return `${bytes.length} bytes, fnv1a ${hash.toString(16)}`;
}
