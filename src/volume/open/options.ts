/** What callers ask for when they open or make a volume, looked at before anything is done. */
import type { Device } from "../../devices/device.ts";
import { MultisnapError } from "../../errors.ts";
import { CAPABILITIES } from "../../stores/kinds.ts";
import type { OriginMode, StoreKind } from "../../stores/store.ts";
import { QUEUE_MAX } from "../core.ts";
import type { Pattern } from "../full/victims.ts";
import { seldom } from "../part.ts";
import type { OpenOptions } from "../types.ts";

const CACHE_DEFAULT = 64 * 2 ** 20;
const CACHE_MIN = 2 ** 20;
const CACHE_MAX = 3 * 2 ** 30;
const COPY_SLOTS = 8;
/** Stores on one origin. Each has a memory of its own. */
const STORES_MAX = 64;
/** The largest disk: chunk numbers have 47 bits, byte offsets stay exact in a double. */
const SIZE_MAX = 2 ** 52;

export function checkOptions(options: OpenOptions): {
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

/** What a list of victims says; `Invalid` where it says nothing. */
export async function patternsOf(victims: string | null | undefined): Promise<Pattern[]> {
  if ((victims ?? "") === "") return [];
  const { parseVictims } = seldom.loaded ?? (await seldom.load());
  return parseVictims(victims!);
}

export function refuseVictims(kind: StoreKind, victims: string | undefined): void {
  if (!CAPABILITIES[kind].fixed || !victims?.trim()) return;
  throw invalid(`the snapshot of a store of kind ${kind} cannot be deleted: give no victims`);
}

/** Of a view. */
export function mustBeSize(size: number): void {
  if (Number.isSafeInteger(size) && size > 0 && size <= SIZE_MAX && size % 512 === 0) return;
  throw invalid(`size ${size}: it must be a positive multiple of 512, at most ${SIZE_MAX}`);
}

export function checkSize(size: number | undefined, { origin }: OpenOptions): number {
  if (size === undefined) throw invalid("a size is needed, or an origin or base that has one");
  mustBeSize(size);
  if (origin && size > origin.size()) {
    throw invalid(`size ${size}: the attached origin has only ${origin.size()} bytes`);
  }
  return size;
}

export function checkMaxSize(maxSize: number | undefined): number | null {
  if (maxSize === undefined || (Number.isSafeInteger(maxSize) && maxSize > 0)) {
    return maxSize ?? null;
  }
  throw invalid(`maxSize ${maxSize}: it must be a positive number of bytes`);
}

export function modeOf(options: OpenOptions): OriginMode {
  return options.origin ? "attached" : options.base ? "base" : "inline";
}

function isDevice(device: unknown): device is Device {
  return typeof (device as Device | undefined)?.size === "function";
}

function within(name: string, value: number, least: number, most: number): number {
  if (Number.isInteger(value) && value >= least && value <= most) return value;
  throw invalid(`${name} ${value}: it must be a whole number from ${least} to ${most}`);
}

export function invalid(message: string): MultisnapError {
  return new MultisnapError("Invalid", message);
}
