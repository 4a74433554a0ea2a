/** Opens or makes a volume: checks options, chooses the store, joins it with its devices. */
import type { Device } from "../../devices/device.ts";
import { engineModule } from "../../engine/module.ts";
import { systemEnv } from "../../env.ts";
import { MultisnapError } from "../../errors.ts";
import { findDamaged, findStore, openStore, type Setup } from "../../stores/kinds.ts";
import type { ExceptionStore, OriginMode, StoreKind } from "../../stores/store.ts";
import { run } from "../../task.ts";
import { Core } from "../core.ts";
import type { WhenFull } from "../full/give-up.ts";
import { interrupted } from "../life/interrupted.ts";
import { seldom } from "../part.ts";
import { Traffic } from "../traffic.ts";
import type { Damage, OpenOptions, Volume } from "../types.ts";
import { DiskVolume } from "../volume.ts";
import {
  checkMaxSize,
  checkOptions,
  checkSize,
  invalid,
  modeOf,
  patternsOf,
  refuseVictims,
} from "./options.ts";
import { readable } from "./readable.ts";

const SLOT_BYTES_MIN = 256 * 1024;
/** The largest chunk of a store that is made here, and copies at a time of a larger one. */
const CHUNK_MAX = 2 ** 20;
const COPY_SLOTS_LARGE = 4;
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
  await patternsOf(options.victims);
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
  const full = await whenFull(options, cores[0]!.store, setup);
  if (full.setup && !seldom.loaded) await seldom.load();
  const volume = new DiskVolume(cores, full);
  volume.damage = damage;
  return synchronized(volume, options);
}

/** What the options say, else what the store remembers. */
async function whenFull(
  options: OpenOptions,
  store: ExceptionStore,
  setup: Setup,
): Promise<WhenFull> {
  const preserves = options.preserveOnError ?? store.policy.preserves;
  const victims = (options.victims ?? store.policy.victims)?.trim() || null;
  const named = { setup: preserves ? null : setup, victims };
  if (victims === null || options.readOnly) return { ...named, patterns: [] };
  try {
    return { ...named, patterns: await patternsOf(victims) };
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
    ? { store: await (await seldom.load()).makeStore(options, create, setup), damage: null }
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

function wrongMode(device: Device, mode: OriginMode, given: OriginMode): MultisnapError {
  const wanted = {
    inline: "has an inline origin: give neither origin nor base",
    base: "stands on a base image: give it as base",
    attached: "has an attached origin: give it as origin",
  };
  return invalid(`${device.name} ${wanted[mode]} (given: ${given})`);
}
