/**
 * The kinds of stores that there are: what each can do, how one is made, how a device with one on
 * it is recognised and opened.
 */
import type { Device } from "../devices/device.ts";
import { MultisnapError } from "../errors.ts";
import type { Task } from "../task.ts";
import { BITMAP, BitmapStore } from "./bitmap.ts";
import { PERSISTENT, TRANSIENT } from "./cow/capabilities.ts";
import type { CowSetup } from "./cow/cow-store.ts";
import { findCow } from "./cow/find.ts";
import { cowStores } from "./cow/part.ts";
import { RANGE, RangeStore } from "./range.ts";
import type {
  Capabilities,
  CheckReport,
  ExceptionStore,
  Loaded,
  OriginMode,
  ProgressOptions,
  RepairReport,
  StoreKind,
} from "./store.ts";
import { abandonTree } from "./tree/abandon.ts";
import { Blocks } from "./tree/check/blocks.ts";
import { readSupers } from "./tree/check/supers.ts";
import type { Dumper } from "./tree/dump/dumper.ts";
import type { DumpSource, LoadOptions } from "./tree/dump/load.ts";
import { KIND_BITMAP, KIND_RANGE } from "./tree/layout.ts";
import {
  createTree,
  type Format,
  openTree,
  peekTree,
  type Setup,
  type TreeKind,
} from "./tree/open.ts";
import { treeTools } from "./tree/part.ts";
import type { RepairOptions } from "./tree/repair/repair.ts";
import { TreeStore } from "./tree/tree-store.ts";

export type { Dumper } from "./tree/dump/dumper.ts";
export type { DumpSource } from "./tree/dump/load.ts";
export type { Format, Setup } from "./tree/open.ts";

export const CAPABILITIES: Record<StoreKind, Capabilities> = {
  range: RANGE,
  bitmap: BITMAP,
  persistent: PERSISTENT,
  transient: TRANSIENT,
};

const TREES: Record<"range" | "bitmap", TreeKind> = {
  range: { number: KIND_RANGE, over: (engine) => new RangeStore(engine) },
  bitmap: { number: KIND_BITMAP, over: (engine) => new BitmapStore(engine) },
};

/** What a device says of the store on it, before that is opened. */
export interface Found {
  kind: StoreKind;
  mode: OriginMode;
  /** Bytes. */
  chunk: number;
  /** Bytes of the origin; null: the store does not say. */
  size: number | null;
  originPath: string | null;
  basePath: string | null;
}

/** Makes a store of `kind` on an empty device. */
export function* createStore(
  kind: StoreKind,
  device: Device,
  format: Format,
  setup: Setup,
): Task<ExceptionStore> {
  if (kind === "range" || kind === "bitmap") {
    return yield* createTree(TREES[kind], device, format, setup);
  }
  if (format.checksums) {
    const what = `a store of kind ${kind} has no checksums`;
    throw new MultisnapError("Unsupported", `${what}: range and bitmap stores can have them`);
  }
  const { size: originBytes, maxSize } = format;
  const attached = { ...setup, originBytes, index: 0, maxSize };
  const { PersistentStore, TransientStore } = yield* cowStores.get();
  if (kind === "transient") return new TransientStore(device, format.chunk, attached);
  return yield* PersistentStore.create(device, format.chunk, attached);
}

/**
 * Recognises the store on a device. Errors: `Invalid` (none), `Unsupported` (a newer format),
 * `Corrupt`, `Io`.
 */
export function* findStore(device: Device, module: WebAssembly.Module): Task<Found> {
  const chunk = yield* findCow(device);
  if (chunk !== null) {
    const nothing = { size: null, originPath: null, basePath: null };
    return { kind: "persistent", mode: "attached", chunk, ...nothing };
  }
  const facts = yield* peekTree(device, module);
  const kind = (["range", "bitmap"] as const).find((one) => TREES[one].number === facts.kind);
  if (kind) return { ...facts, kind };
  throw new MultisnapError("Unsupported", `${device.name}: store kind ${facts.kind} is not known`);
}

/** The same for a store that is damaged: from the superblock that can be read best. */
export function* findDamaged(device: Device, module: WebAssembly.Module): Task<Found> {
  const blocks = new Blocks(device, module);
  if ((yield* findCow(device)) !== null) throw hasNothing(device);
  const { newest: image } = yield* readSupers(blocks);
  return {
    kind: image.kind,
    mode: image.mode,
    chunk: image.chunk,
    size: image.u64("SUPER_SIZE"),
    originPath: image.path("SUPER_ORIGIN_PATH"),
    basePath: image.path("SUPER_BASE_PATH"),
  };
}

/** What a store on a COW device has to be told, because its device does not remember it. */
export type Attached = Pick<CowSetup, "originBytes" | "index" | "maxSize">;

/** Opens what `findStore` found. `writable`: recovery may write. */
export function* openStore(
  device: Device,
  found: Found,
  setup: Setup,
  writable: boolean,
  attached: Attached,
): Task<ExceptionStore> {
  const { kind, chunk } = found;
  if (kind === "range" || kind === "bitmap") {
    return yield* openTree(TREES[kind], device, chunk, setup, writable);
  }
  const { PersistentStore } = yield* cowStores.get();
  return yield* PersistentStore.open(device, chunk, { ...setup, ...attached }, writable);
}

/**
 * Verifies a store that need not open. Errors: `Unsupported` for a COW device, which is checked as
 * part of its volume; else as of `checkDevice`.
 */
export function* checkStoreOn(
  device: Device,
  module: WebAssembly.Module,
  options: ProgressOptions,
): Task<CheckReport> {
  if ((yield* findCow(device)) === null) {
    const { checkDevice } = yield* treeTools.get();
    return yield* checkDevice(device, module, options);
  }
  throw new MultisnapError(
    "Unsupported",
    `${device.name} is a COW device: it is checked together with its origin`,
  );
}

/**
 * A store's metadata as text. Errors: `Unsupported` for a kind that keeps no tree: its metadata is
 * a table of fixed form that needs no dump.
 */
export function* dumpOf(store: ExceptionStore, module: WebAssembly.Module): Task<Dumper> {
  const { Dumper } = yield* treeTools.get();
  if (store instanceof TreeStore) return new Dumper(store, module);
  throw new MultisnapError("Unsupported", `a store of kind ${store.kind} has nothing to dump`);
}

/** See `repairTree`. Errors: also `Unsupported` for a kind that has nothing to repair with. */
export function* repairOf(
  device: Device,
  setup: Setup,
  options: RepairOptions,
): Task<RepairReport> {
  if ((yield* findCow(device)) !== null) throw hasNothing(device);
  const { repairTree } = yield* treeTools.get();
  return yield* repairTree(device, TREES, setup, options);
}

function hasNothing(device: Device): MultisnapError {
  const why = "its format keeps nothing that it could be repaired with";
  return new MultisnapError("Unsupported", `${device.name} is of kind persistent: ${why}`);
}

/** See `loadTree`. Errors: also `Unsupported` where a store is of a kind that keeps no tree. */
export function* loadStore(
  device: Device,
  source: DumpSource,
  setup: Setup,
  options: LoadOptions,
): Task<Loaded> {
  if ((yield* findCow(device)) !== null) {
    throw new MultisnapError("Unsupported", `${device.name} is of kind persistent: it has no dump`);
  }
  const { loadTree } = yield* treeTools.get();
  return yield* loadTree(device, source, TREES, setup, options);
}

/**
 * What is on the device of a store that has failed shows no snapshot any more, durably. Nobody uses
 * the store any more. Errors: whatever its device answers; then it is as it was.
 */
export function* abandonStore(failed: ExceptionStore, setup: Setup): Task<void> {
  const { kind } = failed;
  const stores = cowStores.loaded;
  if (stores && failed instanceof stores.CowStore) yield* failed.abandon();
  else if (failed instanceof TreeStore && (kind === "range" || kind === "bitmap")) {
    yield* abandonTree(failed, TREES[kind], setup);
  }
}
