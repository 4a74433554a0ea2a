/** A dump's first line from a superblock, and a superblock from it. */
import { Engine } from "../../../engine/engine.ts";
import { KIND_BITMAP, KIND_RANGE, MODES, SUPER_BYTES, Superblock } from "../layout.ts";
import { DUMP_VERSION, type Header } from "./lines.ts";

/** SUPER_ORIGIN_SEAT. */
const SEAT = 216;
/** "MULTISNP" */
const MAGIC = [0x4d, 0x55, 0x4c, 0x54, 0x49, 0x53, 0x4e, 0x50];
/** Bytes of the superblock that features have, but for where checksums of data lie. */
const EXTRA = [
  [204, 208],
  [216, 512],
  [2560, 4096],
] as const;

/** `sequence`: of the next record. */
export function headerOf(engine: Engine, sequence: number): Header {
  const fields = new Superblock(engine, engine.at.super);
  const limit = fields.u64("SUPER_LIMIT");
  return {
    dump: DUMP_VERSION,
    uuid: fields.uuid(),
    kind: fields.u32("SUPER_KIND") === KIND_BITMAP ? "bitmap" : "range",
    mode: MODES[fields.u32("SUPER_MODE")]!,
    chunk: 2 ** fields.u32("SUPER_CHUNK_SHIFT"),
    size: fields.u64("SUPER_SIZE"),
    limit: limit === 0 ? null : limit,
    areaBlocks: fields.u32("SUPER_AREA_BLOCKS"),
    created: fields.f64("SUPER_CREATED"),
    originPath: fields.path("SUPER_ORIGIN_PATH"),
    basePath: fields.path("SUPER_BASE_PATH"),
    nextId: fields.u32("SUPER_NEXT_ID"),
    generation: fields.u64("SUPER_GENERATION"),
    sequence,
    top: fields.u64("SUPER_TOP"),
    compatible: fields.u32("SUPER_COMPATIBLE"),
    readCompatible: fields.u32("SUPER_READ_COMPATIBLE"),
    incompatible: fields.u32("SUPER_INCOMPATIBLE"),
    extra: extraOf(engine.u8.slice(engine.at.super, engine.at.super + SUPER_BYTES)),
  };
}

function extraOf(bytes: Uint8Array): string {
  const known = bytes.slice();
  // Where the origin stands follows from the views.
  known.fill(0, SEAT, SEAT + 4);
  const all = EXTRA.flatMap(([from, end]) => [...known.subarray(from, end)]);
  const used = all.findLastIndex((byte) => byte !== 0) + 1;
  return all
    .slice(0, used)
    .map((byte) => byte.toString(16).padStart(2, "0"))
    .join("");
}

/** The fields that a restore keeps. `area`: of the superblock that it follows on. */
export function superblockOf(module: WebAssembly.Module, header: Header, area: number): Uint8Array {
  const engine = new Engine(module, { cache: 0, journal: 4096, transfer: SUPER_BYTES, copies: 0 });
  const fields = new Superblock(engine, engine.at.super);
  const uuid = header.uuid.replaceAll("-", "");
  fields.setBytes("SUPER_MAGIC", new Uint8Array(MAGIC));
  fields.setU32("SUPER_VERSION", engine.constant("VERSION"));
  fields.setU32("SUPER_COMPATIBLE", header.compatible);
  fields.setU32("SUPER_READ_COMPATIBLE", header.readCompatible);
  fields.setU32("SUPER_INCOMPATIBLE", header.incompatible);
  fields.setBytes("SUPER_UUID", bytesOf(uuid));
  fields.setU32("SUPER_CHUNK_SHIFT", Math.log2(header.chunk));
  fields.setU32("SUPER_KIND", header.kind === "bitmap" ? KIND_BITMAP : KIND_RANGE);
  fields.setU64("SUPER_SIZE", header.size);
  fields.setU64("SUPER_LIMIT", header.limit ?? 0);
  fields.setU32("SUPER_MODE", MODES.indexOf(header.mode));
  fields.setU32("SUPER_AREA_BLOCKS", header.areaBlocks);
  fields.setU32("SUPER_AREA", area);
  fields.setU64("SUPER_SEQUENCE", header.sequence);
  fields.setU32("SUPER_NEXT_ID", header.nextId);
  fields.setF64("SUPER_CREATED", header.created);
  const encoder = new TextEncoder();
  if (header.originPath) fields.setPath("SUPER_ORIGIN_PATH", encoder.encode(header.originPath));
  if (header.basePath) fields.setPath("SUPER_BASE_PATH", encoder.encode(header.basePath));
  const bytes = engine.u8.slice(engine.at.super, engine.at.super + SUPER_BYTES);
  let at = 0;
  const extra = bytesOf(header.extra);
  for (const [from, end] of EXTRA) {
    bytes.set(extra.subarray(at, at + end - from), from);
    at += end - from;
  }
  return bytes;
}

function bytesOf(hex: string): Uint8Array {
  return new Uint8Array((hex.match(/../g) ?? []).map((byte) => Number.parseInt(byte, 16)));
}
