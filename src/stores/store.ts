/**
 * The method table of an exception store (the 2009 one as a batch interface). The generic layer in
 * `volume/` knows nothing else of a store.
 *
 * Methods that answer a number answer a count, or a status below zero that `serve` takes care of;
 * then they are called again. Tasks may wait.
 */
import type { Device } from "../devices/device.ts";
import type { MultisnapError } from "../errors.ts";
import type { Task } from "../task.ts";

/**
 * A request that may hold places in its hands: none of them is given out again before it leaves.
 */
export interface Visit {
  epoch: number;
}

export interface ViewRecord {
  id: number;
  /** `null` for the origin. */
  name: string | null;
  /** Id of the view that it is a snapshot of; 0 for the origin. */
  parent: number;
  /** Milliseconds since 1970. */
  created: number;
  /** Bytes. */
  size: number;
  readOnly: boolean;
}

/** Bytes, unless said otherwise. */
export interface StoreUsage {
  /** Of the store's device, as far as it is laid out. */
  storeBytes: number;
  /** Limit of the store, or null. */
  maxBytes: number | null;
  /** Chunks with data, of all views. */
  dataBytes: number;
  /** Metadata blocks in use: tree, space map, views, checkpoint. */
  metadataBytes: number;
  /** Superblocks and the two journal areas: fixed when the store is made. */
  fixedBytes: number;
  /** Inside `storeBytes`, for new data or metadata. */
  freeBytes: number;
  /** Of WebAssembly memory. */
  memoryBytes: number;
  snapshots: number;
  /** Entries in the tree. */
  exceptions: number;
  /** Deleted views that reclaim has not passed yet. */
  reclaiming: number;
}

/** Chunks `first` .. `first + count - 1` of the store, and which of them are in use. */
export interface SpaceGroup {
  first: number;
  count: number;
  /** Block of the bitmap, 0 where all are used or all are free. */
  block: number;
  isUsed(index: number): boolean;
}

/**
 * Where an origin's data is: in the store, in the store over a read-only base, on a device of its
 * own.
 */
export type OriginMode = "inline" | "base" | "attached";

/** What check and accounting need to know. Nothing is changed. */
export interface StoreFacts {
  /** All views in the order of the timeline, deleted ones that are not reclaimed yet included. */
  timeline(): { id: number; isLive: boolean }[];
  /** Block of the tree's root, 0 for an empty tree. */
  root(): number;
  treeHeight(): number;
  /** What is wrong with the two superblocks, one sentence each. */
  readSupers(): Task<string[]>;
  /** A copy of a metadata block, verified. */
  readBlock(block: number): Task<Uint8Array>;
  isBlock(block: number): boolean;
  streamBlocks(): number[];
  /** Chunks up to the highest in use. */
  spaceTop(): number;
  /** Freed places that wait for a commit. */
  heldChunks(): number;
  /** Runs of chunks that superblocks, journal and metadata take. */
  ownPlaces(): { place: number; count: number }[];
  /** The space map around a place. */
  readGroup(place: number): Task<SpaceGroup>;
}

export interface ExceptionStore {
  readonly device: Device;
  readonly chunkShift: number;
  readonly mode: OriginMode;
  readonly uuid: string;
  readonly originPath: string | null;
  readonly basePath: string | null;
  /** Engine memory, which data may be copied through, and the first byte of the region for it. */
  readonly memory: Uint8Array;
  readonly copies: number;
  /** Why it takes no more changes, or null. */
  readonly failure: Error | null;
  readonly commits: number;
  readonly checkpoints: number;
  readonly flushes: number;

  // requests
  enter(): Visit;
  leave(visit: Visit): void;
  /**
   * Does what a status asks for. Answers true where places planned before may have changed hands:
   * plan again.
   */
  serve(status: number, visit: Visit | null): Task<boolean>;
  /** Waits while a checkpoint is written. */
  gate(visit: Visit | null): Task<void>;
  readonly paused: boolean;

  /** Runs of a view's chunks; see `runKind`. With `writing` PRIVATE is told from SHARED. */
  lookup(view: number, chunk: number, count: number, writing: boolean): number;
  /** Which chunks of an attached origin must be copied before they are overwritten. */
  planCopyOut(chunk: number, count: number): number;
  runKind(index: number): number;
  runCount(index: number): number;
  runPlace(index: number): number;

  /** Up to `most` adjacent places; the first is `allocated()`. */
  allocate(most: number): number;
  allocated(): number;
  giveBack(place: number, count: number): number;
  /** A view's chunks lie at `place` from now on; or are a hole. Answers how many are done. */
  map(view: number, chunk: number, count: number, place: number, hole: boolean): number;
  /**
   * The origin's old chunks lie at `place` (or are zeros), for every view that needs them. How many
   * are done; 0: call again.
   */
  copyOut(chunk: number, count: number, place: number, hole: boolean): number;
  /** Whether bytes of engine memory (a multiple of 64) are all zeros. */
  isZero(address: number, length: number): boolean;

  /** Registers a copy or a read in flight; answers a slot, or -1 where there is none. */
  pendingAdd(chunk: number, count: number, view: number, kind: number, place: number): number;
  /** As `pendingAdd`, for a copy that serves all views of an attached origin. */
  pendingAddAll(chunk: number, count: number, kind: number, place: number): number;
  /** The first `done` chunks of a copy have entries now. */
  pendingNamed(slot: number, done: number): void;
  pendingRemove(slot: number): void;
  conflicts(chunk: number, count: number, view: number, overwrites: boolean): boolean;

  // views
  createSnapshot(of: number, name: string, readOnly: boolean, created: number): number;
  /** Id of the view made last. */
  lastId(): number;
  deleteSnapshot(id: number): number;
  renameSnapshot(id: number, name: string): number;
  view(id: number): ViewRecord | null;
  named(name: string): ViewRecord | null;
  /** Live views in the order of the timeline, origin last. */
  views(): ViewRecord[];

  /** A walk over the tree: begins (0: nothing to do), and steps (0: over). */
  reclaimBegin(): number;
  reclaimStep(): number;

  /** All changes so far are durable when it ends, and all data written before it began. */
  commit(visit: Visit | null): Task<void>;
  /** Runs `work` while nothing is committed: commits wait. */
  still<T>(work: Task<T>): Task<T>;
  /** Whether there are changes that a commit would write. */
  readonly uncommitted: boolean;
  /**
   * Data has been written that a flush must reach: called when the write has ended, or a flush that
   * overtook it would be the last.
   */
  touched(): void;
  checkpoint(trim: boolean): Task<void>;
  /** A failure after which nothing is changed any more. */
  fail(error: unknown): void;
  /**
   * The error to throw for one that is not ours: a trap of the engine, an invariant that did not
   * hold. Poisons the store.
   */
  poison(error: unknown): MultisnapError;
  usage(): StoreUsage;
  /** For check and accounting. */
  readonly facts: StoreFacts;
  close(): Task<void>;
}
