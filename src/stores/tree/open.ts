/**
 * Makes a store in the tree on an empty device, or opens one: superblock, streams, journal (design
 * 5).
 */
import type { Device } from "../../devices/device.ts";
import { calculator } from "../../engine/calculator.ts";
import { Engine, type EngineSizes } from "../../engine/engine.ts";
import { CORRUPT, GROW, INVALID, NO_SPACE, UNSUPPORTED } from "../../engine/status.ts";
import type { Env } from "../../env.ts";
import { MultisnapError } from "../../errors.ts";
import { settle, type Task } from "../../task.ts";
import type { OriginMode, Policy } from "../store.ts";
import { Blocks } from "./check/blocks.ts";
import { SuperImage } from "./check/supers.ts";
import { FEATURE_SUMS, MODES, SUPER_BYTES, Superblock } from "./layout.ts";
import { limitOf } from "./limit.ts";
import { refuseGap, refuseOlder } from "./past.ts";
import { trapError } from "./trap.ts";
import type { TreeStore } from "./tree-store.ts";

const BLOCK = 4096;
/**
 * A journal area is a 1,024th of the origin: a fill of it costs one pass over the leaves it
 * changed.
 */
const AREA_FRACTION = 1024;
const AREA_MIN = 64;
const AREA_MAX = 8192;
const JOURNAL_BYTES = 256 * 1024;
const [TABLES, VIEWS, SUMS] = [0, 1, 2];

/** What a new store shall be. */
export interface Format {
  /** Bytes of the origin. */
  size: number;
  /** Bytes. */
  chunk: number;
  mode: OriginMode;
  maxSize: number | null;
  originPath: string | null;
  basePath: string | null;
  policy: Policy;
  /** Chunks that views leave to snapshots have checksums. */
  checksums: boolean;
}

export interface Setup {
  module: WebAssembly.Module;
  cacheBytes: number;
  /** Bytes of the region for copies of data, for a chunk of so many bytes. */
  copyBytes: (chunk: number) => number;
  env: Env;
}

/** A kind of store: its number in the superblock, and its store over an engine. */
export interface TreeKind {
  number: number;
  over: (engine: Engine) => TreeStore;
}

/** Facts of a store that are known before it is opened. */
export interface SuperFacts {
  kind: number;
  mode: OriginMode;
  chunk: number;
  size: number;
  originPath: string | null;
  basePath: string | null;
}

export function sizesOf(setup: Setup, chunk: number): EngineSizes {
  return {
    cache: setup.cacheBytes,
    journal: JOURNAL_BYTES,
    transfer: 256 * 1024,
    copies: setup.copyBytes(chunk),
  };
}

export function* createTree(
  kind: TreeKind,
  device: Device,
  format: Format,
  setup: Setup,
): Task<TreeStore> {
  const engine = new Engine(setup.module, sizesOf(setup, format.chunk));
  engine.attach(device);
  const fields = new Superblock(engine, engine.at.super);
  const uuid = new Uint8Array(16);
  setup.env.random(uuid);
  fields.setBytes("SUPER_UUID", uuid);
  fields.setU32("SUPER_CHUNK_SHIFT", Math.log2(format.chunk));
  fields.setU32("SUPER_KIND", kind.number);
  fields.setU64("SUPER_SIZE", format.size);
  fields.setU64("SUPER_LIMIT", format.maxSize ?? 0);
  fields.setU32("SUPER_READ_COMPATIBLE", format.checksums ? FEATURE_SUMS : 0);
  fields.setU32("SUPER_MODE", MODES.indexOf(format.mode));
  const area = Math.ceil(format.size / AREA_FRACTION / BLOCK);
  fields.setU32("SUPER_AREA_BLOCKS", Math.min(AREA_MAX, Math.max(AREA_MIN, area)));
  fields.setF64("SUPER_CREATED", setup.env.now());
  if (format.originPath) fields.setPath("SUPER_ORIGIN_PATH", pathBytes(format.originPath));
  if (format.basePath) fields.setPath("SUPER_BASE_PATH", pathBytes(format.basePath));
  fields.setPolicy(format.policy);
  if (engine.x.format(limitOf(device, format.maxSize, format.chunk)) === INVALID) {
    throw new MultisnapError(
      "NoSpace",
      `${device.name} is too small for a store with chunks of ${format.chunk} bytes`,
    );
  }
  yield* settle(engine.zero(0, 2 * SUPER_BYTES));
  yield* settle(engine.zero(engine.x.slabBase(0) * BLOCK, engine.x.slabCount(0) * BLOCK));
  const store = kind.over(engine);
  yield* store.checkpoint(false);
  return store;
}

function pathBytes(path: string): Uint8Array {
  const bytes = new TextEncoder().encode(path);
  if (bytes.length <= 1021) return bytes;
  throw new MultisnapError("Invalid", `a path of ${bytes.length} bytes is too long to remember`);
}

const GENERATION = "SUPER_GENERATION";

/** Reads both superblocks and takes the newer good one into engine memory, at the end. */
function* readSuper(engine: Engine, device: Device): Task<Superblock> {
  const images = new Uint8Array(2 * SUPER_BYTES);
  for (let slot = 0; slot < 2; slot++) {
    const at = slot * SUPER_BYTES;
    yield* settle(device.read(images, at, SUPER_BYTES, at));
  }
  const { found, best, generation } = judge(engine, images);
  if (found.some((status) => status !== 0)) yield* refuseOlder(device, engine.module, generation);
  // A torn write is never Unsupported: a newer program wrote that slot, the other one is its past.
  if (best < 0 || found.includes(UNSUPPORTED)) throw superError(device, found);
  engine.u8.set(images.subarray(best * SUPER_BYTES, (best + 1) * SUPER_BYTES), engine.at.super);
  return new Superblock(engine, engine.at.super);
}

/** What is found in each slot; the better one (-1: none) and its generation. */
function judge(
  engine: Engine,
  images: Uint8Array,
): { found: number[]; best: number; generation: number } {
  const at = engine.at.transfer;
  const found: number[] = [];
  let best = -1;
  let generation = 0;
  for (let slot = 0; slot < 2; slot++) {
    engine.u8.set(images.subarray(slot * SUPER_BYTES, (slot + 1) * SUPER_BYTES), at);
    const status = engine.x.superCheck(at, slot);
    found.push(status);
    const other = status === 0 ? new Superblock(engine, at).u64(GENERATION) : -1;
    if (other <= generation && (best >= 0 || other < 0)) continue;
    best = slot;
    generation = other;
  }
  return { found, best, generation };
}

function superError(device: Device, found: number[]): MultisnapError {
  if (found.includes(UNSUPPORTED)) {
    return new MultisnapError(
      "Unsupported",
      `${device.name} was written by a version that this one does not know: use a newer multisnap`,
    );
  }
  if (found.includes(CORRUPT)) {
    return new MultisnapError("Corrupt", `both superblocks of ${device.name} are damaged`);
  }
  return new MultisnapError("Invalid", `${device.name} is not a multisnap store`);
}

/** What the superblock says. */
export function* peekTree(device: Device, module: WebAssembly.Module): Task<SuperFacts> {
  const fields = yield* readSuper(calculator(module), device);
  return {
    kind: fields.u32("SUPER_KIND"),
    mode: MODES[fields.u32("SUPER_MODE")]!,
    chunk: 2 ** fields.u32("SUPER_CHUNK_SHIFT"),
    size: fields.u64("SUPER_SIZE"),
    originPath: fields.path("SUPER_ORIGIN_PATH"),
    basePath: fields.path("SUPER_BASE_PATH"),
  };
}

/**
 * Opens a store: the last checkpoint, then what the journal adds to it. `writable`: recovery ends
 * with a checkpoint.
 */
export function* openTree(
  kind: TreeKind,
  device: Device,
  chunk: number,
  setup: Setup,
  writable: boolean,
): Task<TreeStore> {
  const engine = new Engine(setup.module, sizesOf(setup, chunk));
  engine.attach(device);
  const fields = yield* readSuper(engine, device);
  if (!writable) engine.setState("READ_ONLY", 1);
  else if ((fields.u32("SUPER_READ_COMPATIBLE") & ~FEATURE_SUMS) !== 0) {
    throw new MultisnapError(
      "Unsupported",
      `${device.name} has features that this version can only read: open it readOnly`,
    );
  }
  const limit = fields.u64("SUPER_LIMIT");
  if (!engine.x.openSuper(limitOf(device, limit === 0 ? null : limit, chunk))) {
    throw damaged(engine, "all of it is not there: what lies past its end");
  }
  const records = yield* readAll(engine);
  // What was just read may be in a cache only: a power cut after the first write must not undo it.
  if (writable) yield* settle(device.flush());
  const store = kind.over(engine);
  if (records > 0 && writable) yield* store.checkpoint(false);
  return store;
}

/** Streams, then the journal; answers how many records it had. */
function* readAll(engine: Engine): Task<number> {
  try {
    const hasSums = new Superblock(engine, engine.at.super).u32("SUPER_SUM_GROUPS") > 0;
    for (const kind of hasSums ? [TABLES, SUMS, VIEWS] : [TABLES, VIEWS]) {
      yield* readStream(engine, kind);
    }
    return yield* replay(engine);
  } catch (error) {
    throw trapError(engine, error);
  }
}

const STREAMS = ["its tables", "its list of views", "the index of its checksums"];

function* readStream(engine: Engine, kind: number): Task<void> {
  if (!engine.x.streamRead(kind)) throw damaged(engine, "a stream of the checkpoint is empty");
  for (;;) {
    let status: number;
    while ((status = engine.x.streamAsk()) < 0) {
      if (status === CORRUPT) throw damaged(engine, STREAMS[kind]!);
      yield* settle(engine.serve(status));
    }
    yield* settle(
      engine.device.read(engine.u8, engine.ioAddress, engine.ioLength, engine.ioOffset),
    );
    status = engine.x.streamTake(kind);
    if (status === 0) return;
    if (status < 0) throw damaged(engine, STREAMS[kind]!);
  }
}

function noRoom({ device }: Engine): MultisnapError {
  const what = `${device.name} has no room for the metadata that its recovery needs`;
  return new MultisnapError("NoSpace", `${what}: open it readOnly, or give its device more room`);
}

function damaged(engine: Engine, what: string): MultisnapError {
  return new MultisnapError("Corrupt", `${engine.device.name}: ${what} cannot be read: run check`);
}

/**
 * Applies the records after the checkpoint; answers how many there were. A first pass finds the end
 * and the highest place that any record names, so that metadata written meanwhile stays clear of
 * them.
 */
function* replay(engine: Engine): Task<number> {
  const { x } = engine;
  x.journalRewind();
  let records = 0;
  while (yield* nextRecord(engine)) records++;
  yield* mustEnd(engine, records);
  if (records === 0) return 0;
  const top = engine.u64At(engine.constant("JOURNAL_TOP"));
  engine.setU64("SPACE_FLOOR", top);
  engine.setState("REPLAYING", 1);
  x.journalRewind();
  for (let i = 0; i < records; i++) {
    if (!(yield* nextRecord(engine))) throw damaged(engine, "a record of its journal");
    let status: number;
    while ((status = x.replayStep()) !== 0) {
      if (status > 0) continue;
      if (status === NO_SPACE) throw noRoom(engine);
      if (status < GROW) throw damaged(engine, `its journal (status ${status})`);
      yield* settle(engine.serve(status));
    }
  }
  engine.setState("REPLAYING", 0);
  x.replayDone();
  return records;
}

/** `Corrupt` where more follows than can be replayed. */
function* mustEnd(engine: Engine, records: number): Task<void> {
  const { device, module } = engine;
  const fields = new Superblock(engine, engine.at.super);
  const sequence = fields.u64("SUPER_SEQUENCE") + records;
  const head = engine.u64At(engine.constant("JOURNAL_HEAD"));
  const blocks = new Blocks(device, module);
  const bytes = engine.u8.slice(engine.at.super, engine.at.super + SUPER_BYTES);
  yield* refuseGap(blocks, new SuperImage(blocks, bytes), { head, sequence });
}

/** Reads the next record into engine memory; false at the end of the journal. */
function* nextRecord(engine: Engine): Task<boolean> {
  const { x, device } = engine;
  if (!x.journalAsk(BLOCK)) return false;
  yield* settle(device.read(engine.u8, engine.ioAddress, engine.ioLength, engine.ioOffset));
  const length = x.journalLength();
  if (length === 0) return false;
  if (length > BLOCK) {
    if (!x.journalAsk(length)) return false;
    yield* settle(device.read(engine.u8, engine.ioAddress, engine.ioLength, engine.ioOffset));
  }
  return x.journalAccept() !== 0;
}
