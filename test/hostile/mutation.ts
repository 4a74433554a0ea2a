/**
 * A mutation as it is written down for a replay: bytes at an offset, a copy of bytes, another size.
 * Then the structures that were touched get right checksums, where the mutation says so: a hostile
 * store has them.
 */
import { BLOCK, crc32c } from "../format/blocks.ts";
import type { Image } from "../model/image.ts";
import type { Anatomy, Structure } from "./anatomy.ts";

export interface Step {
  /** For the reader. */
  what: string;
  at: number;
  /** Bytes to write, in hex. */
  hex?: string;
  /** Or: where to copy from, and how many. */
  from?: number;
  length?: number;
  /** Or: cut the store off at `at`. */
  cut?: boolean;
  /** Checksums are left wrong. */
  blind?: boolean;
}

export function apply(image: Image, anatomy: Anatomy, steps: readonly Step[]): void {
  const touched: [number, number][] = [];
  for (const step of steps) {
    if (step.cut) {
      image.resize(step.at);
      continue;
    }
    const bytes = step.hex === undefined ? taken(image, step) : Buffer.from(step.hex, "hex");
    image.write(bytes, 0, bytes.length, step.at);
    if (!step.blind) touched.push([step.at, step.at + bytes.length]);
  }
  const meets = ({ at, length }: Structure) =>
    touched.some(([from, to]) => from < at + length && at < to);
  let isChained = false;
  for (const structure of anatomy.structures) {
    if (structure.kind === "record") {
      isChained ||= meets(structure);
      if (isChained) sealRecord(image, structure, anatomy);
    } else if (meets(structure)) seal(image, structure);
  }
}

function taken(image: Image, { from = 0, length = 0 }: Step): Uint8Array {
  const bytes = new Uint8Array(length);
  image.read(bytes, 0, length, from);
  return bytes;
}

function seal(image: Image, { kind, at, length }: Structure): void {
  if (kind === "header" || kind === "area") return;
  const bytes = taken(image, { what: "", at, from: at, length });
  const view = new DataView(bytes.buffer);
  if (kind === "super") {
    view.setUint32(12, 0, true);
    view.setUint32(12, crc32c(bytes), true);
  } else view.setUint32(0, crc32c(bytes.subarray(4)), true);
  image.write(bytes, 0, BLOCK, at);
}

/** The records behind it are chained to it, so they are sealed as well. */
function sealRecord(image: Image, record: Structure, { structures }: Anatomy): void {
  const head = taken(image, { what: "", at: 0, from: record.at, length: 64 });
  const said = new DataView(head.buffer).getUint32(8, true);
  const length = said > 64 && said <= 262144 ? said : record.length;
  const bytes = taken(image, { what: "", at: 0, from: record.at, length });
  const view = new DataView(bytes.buffer);
  const before = structures.filter(({ kind, at }) => kind === "record" && at < record.at).at(-1);
  if (before) view.setUint32(12, crcAt(image, before.at), true);
  view.setUint32(0, crc32c(bytes.subarray(4)), true);
  image.write(bytes, 0, length, record.at);
}

function crcAt(image: Image, at: number): number {
  const bytes = taken(image, { what: "", at, from: at, length: 4 });
  return new DataView(bytes.buffer).getUint32(0, true);
}
