/** Opens or makes a volume: checks options, chooses the store, joins it with its devices. */
import type { Device } from "../devices/device.ts";
import { engineModule } from "../engine/module.ts";
import { systemEnv } from "../env.ts";
import { MultisnapError } from "../errors.ts";
import { KIND_RANGE } from "../stores/layout.ts";
import type { RangeStore } from "../stores/range.ts";
import { createRange, openRange, peekRange, type RangeOpen } from "../stores/range-open.ts";
import type { OriginMode } from "../stores/store.ts";
import { run } from "../task.ts";
import { Core, QUEUE_MAX } from "./core.ts";
import type { CreateOptions, OpenOptions, Volume } from "./types.ts";
import { DiskVolume } from "./volume.ts";

const CACHE_DEFAULT = 64 * 2 ** 20;
const CACHE_MIN = 2 ** 20;
const CACHE_MAX = 3 * 2 ** 30;
const CHUNK_DEFAULT = 4096;
const COPY_SLOTS = 8;
const SLOT_BYTES_MIN = 256 * 1024;
/** The largest disk: chunk numbers have 47 bits, byte offsets stay exact in a double. */
const SIZE_MAX = 2 ** 52;

/** What a store says of itself before it is opened. */
export interface StorePeek {
  originMode: OriginMode;
  /** Where its attached origin, or its base, was when it was made. */
  originPath: string | null;
  basePath: string | null;
  /** Bytes. */
  chunk: number;
  size: number;
}

/**
 * Reads the superblock. Errors: `Invalid` (not a store), `Unsupported` (a newer format), `Corrupt`,
 * `Io`.
 */
export async function peekStore(device: Device): Promise<StorePeek> {
  const facts = await run(peekRange(device, await engineModule()));
  return {
    originMode: facts.mode,
    originPath: facts.originPath,
    basePath: facts.basePath,
    chunk: facts.chunk,
    size: facts.size,
  };
}

/**
 * Opens the volume on `options.store`, or makes it where `options.create` is given. The volume
 * closes the devices when it is closed; where opening fails they stay the caller's.
 *
 * Errors: `Invalid` (options; not a store), `Exists` (create on a device with something on it),
 * `Unsupported` (kind, format), `Corrupt`, `NoSpace`, `Io`.
 */
export async function openVolume(options: OpenOptions): Promise<Volume> {
  const bounds = checkOptions(options);
  const module = await engineModule();
  const slotBytes = (chunk: number) => Math.max(2 * chunk, SLOT_BYTES_MIN);
  const range: RangeOpen = {
    module,
    cacheBytes: bounds.cacheBytes,
    copyBytes: (chunk) => bounds.copySlots * slotBytes(chunk),
  };
  const store = await (options.create
    ? make(options, options.create, range)
    : open(options, module, range));
  const core = new Core({
    store,
    origin: options.origin ?? null,
    base: options.base ?? null,
    readOnly: options.readOnly ?? false,
    copySlots: bounds.copySlots,
    slotBytes: slotBytes(2 ** store.chunkShift),
    queueDepth: bounds.queueDepth,
    env: options.env ?? systemEnv,
  });
  return new DiskVolume(core, "range");
}

async function make(
  options: OpenOptions,
  create: CreateOptions,
  range: RangeOpen,
): Promise<RangeStore> {
  const { store: device } = options;
  if (options.readOnly) throw invalid("a volume is not made read-only");
  const kind = create.kind ?? "range";
  if (kind !== "range") {
    if (!["bitmap", "persistent", "transient"].includes(kind)) {
      throw invalid(`${JSON.stringify(kind)} is not a kind of store`);
    }
    throw new MultisnapError("Unsupported", `stores of kind ${kind} are not built yet: use range`);
  }
  const chunk = create.chunk ?? CHUNK_DEFAULT;
  if (!Number.isInteger(chunk) || chunk < 4096 || chunk > 2 ** 20 || Math.log2(chunk) % 1 !== 0) {
    throw invalid(`chunk ${chunk}: it must be a power of two from 4096 to 1048576`);
  }
  const size = create.size ?? options.origin?.size() ?? options.base?.size();
  if (size === undefined) throw invalid("a size is needed, or an origin or base that has one");
  if (!Number.isSafeInteger(size) || size <= 0 || size > SIZE_MAX || size % 512 !== 0) {
    throw invalid(`size ${size}: it must be a positive multiple of 512, at most ${SIZE_MAX}`);
  }
  if (options.origin && size > options.origin.size()) {
    throw invalid(`size ${size}: the attached origin has only ${options.origin.size()} bytes`);
  }
  const { maxSize } = create;
  if (maxSize !== undefined && (!Number.isSafeInteger(maxSize) || maxSize <= 0)) {
    throw invalid(`maxSize ${maxSize}: it must be a positive number of bytes`);
  }
  await refuseUsed(device);
  const format = {
    size,
    chunk,
    mode: modeOf(options),
    maxSize: maxSize ?? null,
    originPath: create.originPath ?? null,
    basePath: create.basePath ?? null,
  };
  return await run(createRange(device, format, range, options.env ?? systemEnv));
}

function modeOf(options: OpenOptions): OriginMode {
  return options.origin ? "attached" : options.base ? "base" : "inline";
}

/**
 * A store is made where nothing is: a file that is not empty, or a disk that does not begin with
 * zeros, is somebody's.
 */
async function refuseUsed(device: Device): Promise<void> {
  if (device.readOnly) throw new MultisnapError("ReadOnly", `${device.name} is read-only`);
  if (device.size() === 0) return;
  const head = new Uint8Array(8192);
  await device.read(head, 0, head.length, 0);
  if (!device.growable && head.every((byte) => byte === 0)) return;
  throw new MultisnapError(
    "Exists",
    `${device.name} is not empty: choose another, or empty it first`,
  );
}

async function open(
  options: OpenOptions,
  module: WebAssembly.Module,
  range: RangeOpen,
): Promise<RangeStore> {
  const { store: device } = options;
  if (device.size() === 0) {
    throw new MultisnapError("NotFound", `${device.name} is empty: there is no store in it yet`);
  }
  const facts = await run(peekRange(device, module));
  if (facts.kind !== KIND_RANGE) {
    throw new MultisnapError(
      "Unsupported",
      `${device.name}: store kind ${facts.kind} is not known`,
    );
  }
  const given = modeOf(options);
  if (given !== facts.mode) throw wrongMode(device, facts.mode, given);
  if (options.origin && options.origin.size() < facts.size) {
    const found = `${options.origin.name} has ${options.origin.size()} bytes`;
    throw invalid(`${found}, the volume ${facts.size}: it is not its origin`);
  }
  const writable = !(options.readOnly ?? false);
  if (writable && device.readOnly) {
    throw new MultisnapError("ReadOnly", `${device.name} is read-only: open the volume readOnly`);
  }
  return await run(openRange(device, facts.chunk, range, writable));
}

function wrongMode(device: Device, mode: OriginMode, given: OriginMode): MultisnapError {
  const wanted = {
    inline: "has an inline origin: give neither origin nor base",
    base: "stands on a base image: give it as base",
    attached: "has an attached origin: give it as origin",
  };
  return invalid(`${device.name} ${wanted[mode]} (given: ${given})`);
}

function checkOptions(options: OpenOptions): {
  cacheBytes: number;
  copySlots: number;
  queueDepth: number;
} {
  if (!options || typeof options !== "object" || !isDevice(options.store)) {
    throw invalid("options.store must be a device: fileDevice(...) or memoryDevice()");
  }
  for (const device of [options.origin, options.base]) {
    if (device && !isDevice(device)) throw invalid("origin and base must be devices");
  }
  if (options.origin && options.base) throw invalid("an attached origin has no base: give one");
  if (options.origin?.readOnly && !options.readOnly) {
    throw new MultisnapError("ReadOnly", `${options.origin.name} is read-only`);
  }
  return {
    cacheBytes: within("cacheBytes", options.cacheBytes ?? CACHE_DEFAULT, CACHE_MIN, CACHE_MAX),
    copySlots: within("copySlots", options.copySlots ?? COPY_SLOTS, 1, 64),
    queueDepth: within("queueDepth", options.queueDepth ?? QUEUE_MAX, 1, QUEUE_MAX),
  };
}

function isDevice(device: unknown): device is Device {
  return typeof (device as Device | undefined)?.size === "function";
}

function within(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`${name} ${value}: it must be a whole number from ${least} to ${most}`);
}

function invalid(message: string): MultisnapError {
  return new MultisnapError("Invalid", message);
}
