/** Opens or makes a volume: checks options, chooses the store, joins it with its devices. */
import type { Device } from "../devices/device.ts";
import { engineModule } from "../engine/module.ts";
import { systemEnv } from "../env.ts";
import { MultisnapError } from "../errors.ts";
import {
  CAPABILITIES,
  createStore,
  findDamaged,
  findStore,
  openStore,
  type Setup,
} from "../stores/kinds.ts";
import type { ExceptionStore, OriginMode, StoreKind } from "../stores/store.ts";
import { run } from "../task.ts";
import { Core, QUEUE_MAX } from "./core.ts";
import type { WhenFull } from "./give-up.ts";
import { interrupted } from "./interrupted.ts";
import { seldom } from "./part.ts";
import { readable } from "./readable.ts";
import { Traffic } from "./traffic.ts";
import type { CreateOptions, Damage, OpenOptions, Volume } from "./types.ts";
import { parseVictims } from "./victims.ts";
import { DiskVolume } from "./volume.ts";

const CACHE_DEFAULT = 64 * 2 ** 20;
const CACHE_MIN = 2 ** 20;
const CACHE_MAX = 3 * 2 ** 30;
const CHUNK_DEFAULT = 4096;
const COPY_SLOTS = 8;
const SLOT_BYTES_MIN = 256 * 1024;
/** The largest chunk of a store that is made here, and copies at a time of a larger one. */
const CHUNK_MAX = 2 ** 20;
const COPY_SLOTS_LARGE = 4;
/** Stores on one origin. Each has a memory of its own. */
const STORES_MAX = 64;
/** The largest disk: chunk numbers have 47 bits, byte offsets stay exact in a double. */
const SIZE_MAX = 2 ** 52;

/** What a store says of itself before it is opened. */
export interface StorePeek {
  kind: StoreKind;
  originMode: OriginMode;
  /** Where its attached origin, or its base, was when it was made. */
  originPath: string | null;
  basePath: string | null;
  /** Bytes. */
  chunk: number;
  /** null: the store does not say, its origin does. */
  size: number | null;
}

/**
 * Reads the superblock; with `damaged` the one that can be read best.
 *
 * Errors: `Invalid` (not a store), `Unsupported` (a newer format), `Corrupt`, `Io`.
 */
export async function peekStore(device: Device, damaged = false): Promise<StorePeek> {
  const find = damaged ? findDamaged : findStore;
  const { mode, ...found } = await run(find(device, await engineModule()));
  return { ...found, originMode: mode };
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
  const env = options.env ?? systemEnv;
  const setup: Setup = {
    module: await engineModule(),
    cacheBytes: bounds.cacheBytes,
    copyBytes: (chunk) => slotsOf(bounds.copySlots, chunk) * slotBytes(chunk),
    env,
  };
  const { origin = null, base = null, others = [] } = options;
  const devices = [options.store, origin, base, ...others];
  const shared = {
    origin,
    base,
    readOnly: options.readOnly ?? false,
    traffic: new Traffic(bounds.queueDepth),
    synchronous: devices.every((device) => device === null || device.synchronous),
    env,
  };
  const { stores, damage } = await openStores(options, setup);
  const cores = stores.map((store) => {
    const chunk = 2 ** store.chunkShift;
    const copySlots = slotsOf(bounds.copySlots, chunk);
    return new Core({ ...shared, store, copySlots, slotBytes: slotBytes(chunk) });
  });
  const full = whenFull(options, cores[0]!.store, setup);
  if (full.setup && !seldom.loaded) await seldom.load();
  const volume = new DiskVolume(cores, full);
  volume.damage = damage;
  return synchronized(volume, options);
}

/** What the options say, else what the store remembers. */
function whenFull(options: OpenOptions, store: ExceptionStore, setup: Setup): WhenFull {
  const preserves = options.preserveOnError ?? store.policy.preserves;
  const victims = (options.victims ?? store.policy.victims)?.trim() || null;
  const named = { setup: preserves ? null : setup, victims };
  if (victims === null || options.readOnly) return { ...named, patterns: [] };
  try {
    return { ...named, patterns: parseVictims(victims) };
  } catch (error) {
    const found = `${store.device.name}: what it remembers (${(error as Error).message})`;
    throw new MultisnapError("Corrupt", `${found}; give victims, or none, to open it`);
  }
}

function slotBytes(chunk: number): number {
  return chunk > CHUNK_MAX ? chunk : Math.max(2 * chunk, SLOT_BYTES_MIN);
}

/** Larger chunks than any that are made here come with the stores of others. */
function slotsOf(wanted: number, chunk: number): number {
  return chunk > CHUNK_MAX ? Math.min(wanted, COPY_SLOTS_LARGE) : wanted;
}

interface Opened {
  stores: ExceptionStore[];
  damage: Damage | null;
}

/** The volume's own store, and those that are attached to its origin beside it. */
async function openStores(options: OpenOptions, setup: Setup): Promise<Opened> {
  const { create, others = [] } = options;
  const { store, damage } = create
    ? { store: await make(options, create, setup), damage: null }
    : await open(options, setup);
  const stores = [store];
  for (const device of others) {
    if (stores[0]!.kind !== "persistent") {
      const kind = `the store is of kind ${stores[0]!.kind}`;
      throw new MultisnapError("Unsupported", `${kind}: others stand only beside a persistent one`);
    }
    const { store } = await open({ ...options, store: device }, setup, stores.length);
    if (store.kind !== "persistent") {
      throw invalid(`${device.name} is a store of kind ${store.kind}: only persistent ones join`);
    }
    stores.push(store);
  }
  return { stores, damage };
}

/** A view that is half of what it was and half of something else is nothing to read. */
function mustBeWhole(volume: DiskVolume): void {
  const found = interrupted(volume.core);
  if (!found) return;
  const what = `a rollback to @${found.to.name} was interrupted`;
  throw new MultisnapError("Unsupported", `${what}: open the store for writing, which ends it`);
}

/** The volume with the snapshots that the options list. */
async function synchronized(volume: DiskVolume, options: OpenOptions): Promise<Volume> {
  await volume.goOn();
  if (volume.core.readOnly && !options.damaged) mustBeWhole(volume);
  if (options.syncSnapshots === undefined) return volume;
  try {
    const { planSync } = seldom.loaded ?? (await seldom.load());
    await volume.sync(planSync(volume.core.store, options.syncSnapshots));
    return volume;
  } catch (error) {
    await volume.abandon();
    throw error;
  }
}

async function make(
  options: OpenOptions,
  create: CreateOptions,
  setup: Setup,
): Promise<ExceptionStore> {
  const { store: device } = options;
  if (options.readOnly) throw invalid("a volume is not made read-only");
  parseVictims(create.victims ?? "");
  const kind = create.kind ?? "range";
  if (!Object.hasOwn(CAPABILITIES, kind)) {
    throw invalid(`${JSON.stringify(kind)} is not a kind of store`);
  }
  const { origins, chunk: bounds, fixed } = CAPABILITIES[kind];
  refuseVictims(kind, options.victims);
  if (fixed && (create.victims || create.preserveOnError === false)) {
    throw invalid(`a store of kind ${kind} remembers nothing: neither victims nor preserveOnError`);
  }
  const mode = modeOf(options);
  if (!origins.includes(mode)) {
    throw invalid(`a store of kind ${kind} has an origin that is ${origins.join(" or ")}: ${mode}`);
  }
  const chunk = create.chunk ?? CHUNK_DEFAULT;
  const [least, most] = bounds;
  if (!Number.isInteger(chunk) || chunk < least || chunk > most || Math.log2(chunk) % 1 !== 0) {
    throw invalid(`chunk ${chunk}: it must be a power of two from ${least} to ${most}`);
  }
  const size = checkSize(create.size ?? options.origin?.size() ?? options.base?.size(), options);
  if (fixed && size !== options.origin?.size()) {
    throw invalid(`size ${size}: a store of kind ${kind} does not remember it, its origin has one`);
  }
  const maxSize = checkMaxSize(create.maxSize ?? options.maxSize);
  await refuseUsed(device);
  const paths = { originPath: create.originPath ?? null, basePath: create.basePath ?? null };
  const victims = create.victims?.trim() || null;
  const policy = { victims, preserves: create.preserveOnError ?? true };
  const checksums = create.checksums ?? false;
  const format = { size, chunk, mode, maxSize, ...paths, policy, checksums };
  return await run(createStore(kind, device, format, setup));
}

function checkSize(size: number | undefined, { origin }: OpenOptions): number {
  if (size === undefined) throw invalid("a size is needed, or an origin or base that has one");
  if (!Number.isSafeInteger(size) || size <= 0 || size > SIZE_MAX || size % 512 !== 0) {
    throw invalid(`size ${size}: it must be a positive multiple of 512, at most ${SIZE_MAX}`);
  }
  if (origin && size > origin.size()) {
    throw invalid(`size ${size}: the attached origin has only ${origin.size()} bytes`);
  }
  return size;
}

function checkMaxSize(maxSize: number | undefined): number | null {
  if (maxSize === undefined || (Number.isSafeInteger(maxSize) && maxSize > 0)) {
    return maxSize ?? null;
  }
  throw invalid(`maxSize ${maxSize}: it must be a positive number of bytes`);
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

/** `index`: of the store among those on one origin. */
async function open(
  options: OpenOptions,
  setup: Setup,
  index = 0,
): Promise<{ store: ExceptionStore; damage: Damage | null }> {
  const { store: given } = options;
  if (given.size() === 0) {
    throw new MultisnapError("NotFound", `${given.name} is empty: there is no store in it yet`);
  }
  if (options.damaged && !options.readOnly) {
    throw invalid("a damaged store is opened readOnly; check --repair makes it writable");
  }
  const { device, facts: found, damage } = await readable(given, options.damaged ?? false, setup);
  refuseVictims(found.kind, options.victims);
  const mode = modeOf(options);
  if (mode !== found.mode) throw wrongMode(device, found.mode, mode);
  if (options.origin && options.origin.size() < (found.size ?? 0)) {
    const has = `${options.origin.name} has ${options.origin.size()} bytes`;
    throw invalid(`${has}, the volume ${found.size}: it is not its origin`);
  }
  const writable = !(options.readOnly ?? false);
  if (writable && device.readOnly) {
    throw new MultisnapError("ReadOnly", `${device.name} is read-only: open the volume readOnly`);
  }
  const maxSize = checkMaxSize(options.maxSize);
  const originBytes = found.size ?? checkSize(options.origin?.size(), options);
  const attached = { originBytes, index, maxSize };
  const store = await run(openStore(device, found, setup, writable, attached));
  return { store, damage };
}

function refuseVictims(kind: StoreKind, victims: string | undefined): void {
  if (!CAPABILITIES[kind].fixed || !victims?.trim()) return;
  throw invalid(`the snapshot of a store of kind ${kind} cannot be deleted: give no victims`);
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
  const others = options.others ?? [];
  if (!Array.isArray(others) || !others.every(isDevice)) throw invalid("others must be devices");
  if (others.length >= STORES_MAX) {
    throw invalid(`${1 + others.length} stores on one origin: at most ${STORES_MAX} are supported`);
  }
  if (new Set([options.store, ...others]).size <= others.length) {
    throw invalid("a device is given twice");
  }
  parseVictims(options.victims ?? "");
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
