/**
 * The device of a hostile store: counts what is asked of it, ends somewhere as every disk does, and
 * does not let anything but a superblock or a record be written where those lie.
 */
import type { Device } from "../../src/devices/device.ts";
import { MultisnapError } from "../../src/errors.ts";
import { type Image, imageDevice } from "../model/image.ts";

const BLOCK = 4096;
/** Transfers and bytes that a case may cost: some hundred times what the sound store does. */
const TRANSFERS_MAX = 500_000;
const BYTES_MAX = 2 ** 31;
/** Room that a disk has beyond what the store takes. */
const ROOM = 2 ** 26;

/** What must not happen, whatever the store says. */
export class Finding extends Error {}

export class Budget {
  transfers = 0;
  bytes = 0;

  take(length: number): void {
    this.transfers++;
    this.bytes += length;
    if (this.transfers > TRANSFERS_MAX || this.bytes > BYTES_MAX) {
      throw new Finding("more transfers than any store needs");
    }
  }
}

export interface HostileOptions {
  readOnly: boolean;
  fixed: boolean;
  /** Bytes from the beginning that hold superblocks and journal. */
  kept: number;
  budget: Budget;
}

export function hostileDevice(image: Image, options: HostileOptions): Device {
  const { readOnly, fixed, kept, budget } = options;
  const inner = imageDevice(image, { readOnly, fixed, name: "hostile" });
  const end = image.size + ROOM;
  const mustBeBytes = (target: Uint8Array, start: number, length: number, offset: number) => {
    const isRange = Number.isSafeInteger(offset) && offset >= 0 && length >= 0;
    if (!isRange) throw new Finding(`${length} bytes at ${offset}`);
    if (start < 0 || start + length > target.length) throw new Finding("outside of memory");
    budget.take(length);
  };
  return {
    ...inner,
    size: () => image.size,
    read(target, start, length, offset) {
      mustBeBytes(target, start, length, offset);
      return inner.read(target, start, length, offset);
    },
    write(source, start, length, offset) {
      mustBeBytes(source, start, length, offset);
      if (readOnly) throw new Finding("a write to a store that is opened for reading");
      if (offset < kept) mustBelong(source.subarray(start, start + length), offset);
      if (offset + length > end) throw new MultisnapError("NoSpace", "the disk ends before");
      return inner.write(source, start, length, offset);
    },
  };
}

/** Superblocks go to their slots, records to the journal. */
function mustBelong(bytes: Uint8Array, offset: number): void {
  const head = Buffer.from(bytes.subarray(0, 8));
  const isSuper = head.toString("latin1") === "MULTISNP" && bytes.length === BLOCK;
  if (offset < 2 * BLOCK && offset % BLOCK === 0 && isSuper) return;
  if (offset >= 2 * BLOCK && head.toString("latin1", 4) === "JRNL") return;
  throw new Finding(`${bytes.length} bytes over superblocks or journal at ${offset}`);
}
