/**
 * The method table of an exception store (the 2009 one as a batch interface). The generic layer in
 * `volume/` knows nothing else of a store; `kinds.ts` lists the stores that there are.
 *
 * Methods that answer a number answer a count, or a status below zero that `serve` takes care of;
 * then they are called again. Tasks may wait.
 */
import type { Device } from "../devices/device.ts";
import type { MultisnapError } from "../errors.ts";
import type { Task } from "../task.ts";

export type StoreKind = "range" | "bitmap" | "persistent" | "transient";

/**
 * Where an origin's data is: in the store, in the store over a read-only base, on a device of its
 * own.
 */
export type OriginMode = "inline" | "base" | "attached";

/** What a kind of store can do, and what it promises. */
export interface Capabilities {
  origins: readonly OriginMode[];
  /** Snapshots at a time, at most. */
  snapshots: number;
  /** The snapshot is there from the beginning, and none can be made, renamed or deleted. */
  fixed: boolean;
  /** Snapshots can be written. */
  writable: boolean;
  /** Snapshots have snapshots themselves, to any depth. */
  ofSnapshots: boolean;
  delete: boolean;
  /** A snapshot can be merged back into its origin. */
  merge: boolean;
  /** A trim gives space back. */
  trim: boolean;
  /** Whether what is durable survives a crash, or nothing of the store does. */
  crash: "consistent" | "lost";
  /**
   * What an origin write that finds no room does: it fails and every snapshot stays, or it goes on
   * and the snapshot is invalid for good.
   */
  whenFull: "NoSpace" | "invalid";
  /** Bytes of a chunk, least and most; powers of two. */
  chunk: readonly [least: number, most: number];
}

/** What a store remembers of what shall happen when it is full (I8). */
export interface Policy {
  /** Which snapshots may be deleted, as the user wrote it; null: none. */
  victims: string | null;
  /** False: all snapshots are given up rather than a write to the origin. */
  preserves: boolean;
}

/**
 * A request that may hold places in its hands: none of them is given out again before it leaves.
 */
export interface Visit {
  epoch: number;
}

export interface ViewRecord {
  id: number;
  /** `null` for the origin. One that begins with "@" is of a hidden view: see `Stages`. */
  name: string | null;
  /** Id of the view that it is a snapshot of; 0 for the origin. */
  parent: number;
  /** Milliseconds since 1970. */
  created: number;
  /** Bytes. */
  size: number;
  readOnly: boolean;
  /** What it is marked with, as `volume/life/marks.ts` writes it; mostly nothing. */
  marks: string;
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
  /** Superblocks and the two journal areas, in whole chunks: fixed when the store is made. */
  fixedBytes: number;
  /**
   * Inside `storeBytes`, for new data or metadata: used again. What is free at the end of a file
   * goes back to the platform, the rest stays.
   */
  freeBytes: number;
  /** Of WebAssembly memory. */
  memoryBytes: number;
  snapshots: number;
  /** Entries in the tree. */
  exceptions: number;
  /** Deleted views that reclaim has not passed yet. */
  reclaiming: number;
}

/** Bytes in the store that a snapshot sees. */
export interface ViewCost {
  id: number;
  /** Freed if it alone were deleted. */
  exclusive: number;
  /** Seen by other views as well. */
  shared: number;
  /**
   * Seen by it and not by the view right before it in the timeline: for snapshots of one view, what
   * was written between the two; for the first one, all that it sees.
   */
  written: number;
}

/** What all views cost, together and each. Bytes. */
export interface Costs {
  views: ViewCost[];
  /** Freed if all of those that were asked for were deleted. */
  freed: number;
  /** Of deleted views alone: comes back when reclaim has passed. */
  reclaimable: number;
}

export interface CheckProblem {
  /** What is wrong, in one sentence. */
  message: string;
  /** Invariant (`I1` ...) or structure (`superblock`, `journal`, `tree`, `space`, `views`). */
  where: string;
}

/** Chunks of views that cannot be read any more. */
export interface Loss {
  /**
   * `all`: the origin and every snapshot; `snapshots`: every snapshot; else the first 16 of
   * `viewCount` views.
   */
  views: "all" | "snapshots" | { id: number; name: string | null }[];
  viewCount: number;
  chunk: number;
  count: number;
  /** The same in bytes. */
  offset: number;
  length: number;
}

export interface CheckReport {
  clean: boolean;
  /** At most 1,000, and a last one that counts the others. */
  problems: CheckProblem[];
  /** What is worth knowing and no damage. */
  notes: string[];
  /** What the damage loses: the first 1,000 of `lossCount`, in the order of their chunks. */
  losses: Loss[];
  lossCount: number;
  /** What was looked at. */
  blocks: number;
  exceptions: number;
  chunks: number;
}

/** What was found, what is lost, and what was done about it. */
export interface RepairReport extends CheckReport {
  /** One sentence each; none: the store was sound and is as it was. */
  repaired: string[];
}

/** What a dump has brought back. */
export interface Loaded {
  uuid: string;
  views: number;
  entries: number;
}

export interface ProgressOptions {
  signal?: AbortSignal;
  /** Called now and then with work done and work in all, same unit. */
  progress?: (done: number, total: number) => void;
}

export interface CheckOptions extends ProgressOptions {
  /** Reads all chunks that have checksums, too. */
  data?: boolean;
}

/** Exceptions that lie one after the other, in the origin and in the store. */
export interface MergeRun {
  old: number;
  place: number;
  count: number;
}

/** What a store answers whose snapshot can be merged into its origin. */
export interface Mergeable {
  /** The snapshot has been merged: there is none any more. */
  readonly merged: boolean;
  /** The last try met an error. */
  mergeFailed: boolean;
  /** Everything is committed and nothing in flight. From now on the origin's view looks here. */
  beginMerge(): void;
  /**
   * The last exceptions, backwards: at most `most` runs of at most `chunks` each, which can be
   * withdrawn at once. None: the table is empty.
   */
  lastRuns(most: number, chunks: number): MergeRun[];
  /** Takes the last `count` exceptions out: their data is in the origin, durable. */
  withdraw(count: number): Task<void>;
  endMerge(): void;
}

/**
 * Checksums of chunks that views have left to snapshots. A place that has one is not written in
 * place; it loses it when it is given out anew. The methods answer a status below zero as those of
 * the store do.
 */
export interface Sums {
  /**
   * How many places from `place` on are alike, not perhaps all of `count`: twice their number, and
   * 1 more where they have checksums.
   */
  run(place: number, count: number): number;
  /**
   * Compares chunks at an address of engine memory with the checksums of at most `SUMS_MAX` places;
   * one that has none is good. How many are good before the first that is not.
   */
  verify(place: number, count: number, address: number): number;
  /** Chunks at an address become the checksums of at most `SUMS_MAX` places. How many are done. */
  sum(place: number, count: number, address: number): number;
}

export interface ExceptionStore {
  readonly kind: StoreKind;
  readonly capabilities: Capabilities;
  readonly device: Device;
  readonly chunkShift: number;
  readonly mode: OriginMode;
  readonly uuid: string;
  readonly originPath: string | null;
  readonly basePath: string | null;
  readonly policy: Policy;
  /** Engine memory, which data may be copied through, and the first byte of the region for it. */
  readonly memory: Uint8Array;
  readonly copies: number;
  /** Why it takes no more changes, or null. */
  readonly failure: Error | null;
  readonly commits: number;
  readonly checkpoints: number;
  readonly flushes: number;

  /** Null in a store without checksums. */
  readonly sums: Sums | null;
  /** Null where no snapshot can be merged. */
  readonly mergeable: Mergeable | null;
  /** Chunks of the origin's view lie in the store: its snapshot is being merged. */
  readonly merging: boolean;

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
  /**
   * Runs of chunks of two views in which they are the same (kind 0) or not (kind 1), as far as one
   * look goes. Without it, who wants to know looks both up.
   */
  compare?(a: number, b: number, chunk: number, count: number): number;
  /** Which chunks of an attached origin must be copied before they are overwritten. */
  planCopyOut(chunk: number, count: number): number;
  runKind(index: number): number;
  runCount(index: number): number;
  runPlace(index: number): number;

  /** Up to `most` adjacent places; the first is `allocated()`. */
  allocate(most: number): number;
  allocated(): number;
  giveBack(place: number, count: number): number;
  /**
   * The device had no room for data at `place`. Answers whether another place may do: plan again.
   */
  refused(place: number): boolean;
  /** A view's chunks lie at `place` from now on; or are a hole. Answers how many are done. */
  map(view: number, chunk: number, count: number, place: number, hole: boolean): number;
  /**
   * A view's chunks lie where another view's entries for the same chunks say already, so the places
   * are in use. As `map`; `Unsupported` where a store has nothing to share.
   */
  mapShared(view: number, chunk: number, count: number, place: number): number;
  /**
   * The origin's old chunks lie at `place` (or are zeros), for every view that needs them, and at
   * `address` of engine memory (for their checksums). How many are done; 0: call again.
   */
  copyOut(chunk: number, count: number, place: number, hole: boolean, address: number): number;
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
  /** The new view's id is `nextId()`. */
  createSnapshot(of: number, name: string, readOnly: boolean, created: number): number;
  /** Id that the next view gets. */
  nextId(): number;
  /** Leaves ids out: the next view gets `id`, which is not below `nextId()`. */
  skipIds(id: number): void;
  deleteSnapshot(id: number): number;
  /** Those that are there, however many: one commit, the next one or this one, has them all. */
  deleteTogether(ids: readonly number[]): Task<void>;
  /** Whether `rollback` can be done to the view: by a change of metadata, whatever its size. */
  canRollBack(id: number): boolean;
  /**
   * View `id` becomes what view `to` is, its size too. What it was is a snapshot of it called
   * `keepAs`, made at `created`, or deleted (null).
   */
  rollback(id: number, to: number, keepAs: string | null, created: number): number;
  /** The view has `size` bytes from now on; what it has past them is the caller's to take. */
  resize(id: number, size: number): number;
  setReadOnly(id: number, readOnly: boolean): number;
  setMarks(id: number, marks: string): number;
  /** Bytes that the store may grow to, null: no limit. Durable when it ends. */
  setMaxSize(bytes: number | null): Task<void>;
  renameSnapshot(id: number, name: string): number;
  view(id: number): ViewRecord | null;
  named(name: string): ViewRecord | null;
  /** Live views in the order of the timeline. */
  views(): ViewRecord[];
  /** Of those the ones that nobody sees (hidden.ts): the names of all others are not looked at. */
  hiddenViews(): ViewRecord[];

  /** A walk over the tree: begins (0: nothing to do), and steps: entries seen, 0: over. */
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
  /** Gives what is free at the store's end back to its platform, where that can be. */
  shrink(): Task<void>;
  /** A failure after which nothing is changed any more. */
  fail(error: unknown): void;
  /**
   * Gives the snapshot up for good, durably, so that the origin can go on: where `whenFull` says
   * so.
   */
  invalidate(reason: string): Task<void>;
  /**
   * The error to throw for one that is not ours: a trap of the engine, an invariant that did not
   * hold. Poisons the store.
   */
  poison(error: unknown): MultisnapError;
  usage(): StoreUsage;
  /** Status line of the device-mapper target that the kind comes from, without its ids. */
  dmStatus(): string;
  /** What each live snapshot costs: one walk over the metadata, which stays as it is meanwhile. */
  costs(options: ProgressOptions): Task<ViewCost[]>;
  /** The same, and what deleting the snapshots `doomed` would free; not where none can be. */
  account?(doomed: ReadonlySet<number>, options: ProgressOptions): Task<Costs>;
  /**
   * Verifies every structure as it is on the device, while nothing is committed; with `data` what
   * has checksums too. What a view reads stays the same.
   */
  check(options: CheckOptions): Task<CheckReport>;
  close(): Task<void>;
}
