/**
 * Blocks of a device that need not hold a store that opens: read past every cache, with their
 * checksums, and with one flipped bit put right.
 *
 * Memory: the bytes of one read. All share an engine of the least size, as a calculator.
 */
import type { Device } from "../../../devices/device.ts";
import { calculator } from "../../../engine/calculator.ts";
import { crc32c } from "../../../engine/checksum.ts";
import type { Engine } from "../../../engine/engine.ts";
import { settle, type Task } from "../../../task.ts";
import { flippedBit } from "./flip.ts";

export const BLOCK = 4096;
/** Blocks that are read at once: a record of the journal is at most that long. */
export const READ_BLOCKS = 64;

/** `flipped`: its checksum was wrong by one bit, which is right again in `bytes`. */
export type Seal = "sound" | "flipped" | "damaged";

export interface SealedBlock {
  bytes: Uint8Array;
  seal: Seal;
}

export class Blocks {
  readonly device: Device;
  /** Blocks of the device when this was made, the last of them perhaps short. */
  readonly size: number;
  readonly #engine: Engine;
  #looked: Uint8Array | null = null;

  constructor(device: Device, module: WebAssembly.Module) {
    this.device = device;
    this.size = Math.ceil(device.size() / BLOCK);
    this.#engine = calculator(module);
  }

  /** Value of a constant of the format. */
  constant(name: string): number {
    return this.#engine.constant(name);
  }

  /** A copy of up to `READ_BLOCKS` blocks; past the end of the device they are zeros. */
  *read(block: number, count: number): Task<Uint8Array> {
    const bytes = new Uint8Array(count * BLOCK);
    yield* settle(this.device.read(bytes, 0, bytes.length, block * BLOCK));
    return bytes;
  }

  /** The same for who looks through many: the bytes are there until the next look. */
  *look(block: number, count: number): Task<Uint8Array> {
    this.#looked ??= new Uint8Array(READ_BLOCKS * BLOCK);
    yield* settle(this.device.read(this.#looked, 0, count * BLOCK, block * BLOCK));
    return this.#looked.subarray(0, count * BLOCK);
  }

  crc(bytes: Uint8Array): number {
    return crc32c(this.#engine, bytes);
  }

  /** A metadata block: its crc is in its first four bytes, of all that follow. */
  *readSealed(block: number): Task<SealedBlock> {
    const bytes = yield* this.read(block, 1);
    return { bytes, seal: this.mend(bytes, 0, BLOCK) };
  }

  /** Whether the first four bytes are the crc of all that follow. */
  isWhole(bytes: Uint8Array): boolean {
    return this.crc(bytes.subarray(4)) === u32At(bytes, 0);
  }

  /**
   * Puts one flipped bit right in `length` bytes whose crc is in the first four, of all that
   * follow.
   */
  mend(bytes: Uint8Array, at: number, length: number): Seal {
    const covered = bytes.subarray(at + 4, at + length);
    const wrong = this.crc(covered) ^ u32At(bytes, at);
    if (wrong === 0) return "sound";
    const bit = flippedBit(wrong, covered.length);
    if (bit === null) return "damaged";
    if (bit >= 0) covered[bit >>> 3]! ^= 1 << (bit & 7);
    else putU32(bytes, at, this.crc(covered));
    return "flipped";
  }
}

export function u32At(bytes: Uint8Array, at: number): number {
  return (
    (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
  );
}

export function putU32(bytes: Uint8Array, at: number, value: number): void {
  for (let i = 0; i < 4; i++) bytes[at + i] = value >>> (8 * i);
}

/** A u64; above 2^53 rounded, so that bounds still refuse it. */
export function u64At(bytes: Uint8Array, at: number): number {
  return u32At(bytes, at) + u32At(bytes, at + 4) * 2 ** 32;
}
