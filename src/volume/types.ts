/** What the library's callers see: options, views, reports. */
import type { Device, Later } from "../devices/device.ts";
import type { Env } from "../env.ts";
import type { CheckOptions, CheckReport, ProgressOptions, StoreKind } from "../stores/store.ts";
import type { SnapshotIdentity } from "./identity/identity.ts";
import type { Status, Usage } from "./reports/status.ts";
import type { VolumeEvent, WatchOptions } from "./reports/watchers.ts";

export type {
  CheckOptions,
  CheckProblem,
  CheckReport,
  Loaded,
  Loss,
  ProgressOptions,
  RepairReport,
  StoreKind,
} from "../stores/store.ts";
export type { Counters, Damage, GivenUp, Pruned, Status, Usage } from "./reports/status.ts";

export interface CreateOptions {
  /**
   * Bytes of the origin; a multiple of 512. Defaults to the size of an attached origin or of a
   * base.
   */
  size?: number;
  /**
   * Bytes of a chunk: a power of two to 1048576, from 4096 (the default), or 512 where the kind is
   * persistent or transient.
   */
  chunk?: number;
  /** The default is `range`. */
  kind?: StoreKind;
  /** The store's limit in bytes; without one it grows as long as its device does. */
  maxSize?: number;
  /**
   * Remembered in the store: where its attached origin or its base is found (at most 1023 bytes of
   * UTF-8). Persistent and transient stores remember nothing.
   */
  originPath?: string;
  basePath?: string;
  /**
   * Remembered in the store, and in force whenever it is opened without these options of its own:
   * see `OpenOptions`. At most 509 bytes of UTF-8.
   */
  victims?: string;
  preserveOnError?: boolean;
  /**
   * Chunks that a view leaves to snapshots get checksums, which every read of them verifies and
   * `check` with `data` too. Costs a read of the old chunk for the first write to it after a
   * snapshot (none with an attached origin, where it is read anyway), reads of whole chunks, and a
   * 1,024th of those chunks in space (of 4 KiB). Kinds range and bitmap. The default is false.
   */
  checksums?: boolean;
}

export interface OpenOptions {
  /** The store's device: empty together with `create`, a store otherwise. */
  store: Device;
  /**
   * Attached origin: a plain raw image or disk that stays as it is. Needed exactly when the store
   * was made with one.
   */
  origin?: Device;
  /** Read-only image under an inline origin. Needed exactly when the store was made with one. */
  base?: Device;
  /**
   * Further persistent stores that are attached to the origin: their snapshots are `cow2`, `cow3`
   * and so on, in this order, and a write to the origin serves them all. Only beside a persistent
   * store.
   */
  others?: readonly Device[];
  /**
   * Bytes that a persistent store may have that is a file: it does not remember a limit. Without
   * it, it grows as long as its device does.
   */
  maxSize?: number;
  /** Makes a new store on an empty device. */
  create?: CreateOptions;
  readOnly?: boolean;
  /**
   * With `readOnly`: what can be read of a damaged store (`status().damage` says what cannot; reads
   * of that answer `Corrupt`). The store stays as it is. Memory: as much as its metadata takes, at
   * most 1 GiB.
   */
  damaged?: boolean;
  /** Bytes of the metadata page cache; the default is 64 MiB, the least 1 MiB. */
  cacheBytes?: number;
  /** Copies at a time; the default is 8. */
  copySlots?: number;
  /** Requests in flight before further ones wait; the default is 256. */
  queueDepth?: number;
  /**
   * Snapshots that may be deleted where the store is full, so that a request fits: patterns for
   * names with a priority (default 0), `tmp-*=0, auto-*=1, nightly-?=5`. In a pattern `*` stands
   * for any characters, `?` for one; the first that fits a name counts. The lowest priority goes
   * first, then the oldest, one at a time, never one that is in use (`View.hold`). An empty text:
   * none. The default is what the store remembers. Persistent and transient stores have none.
   */
  victims?: string;
  /**
   * What an origin write does that finds the store full (and no victim left), or that of an
   * attached origin broken. True: it fails, and every snapshot stays. False: all snapshots are
   * given up, and it goes on. The default is what the store remembers, and that is true.
   */
  preserveOnError?: boolean;
  /**
   * Ids of the snapshots that shall be there when the volume has been opened: others are deleted,
   * missing ones are made as snapshots of the origin, named after their ids. Where another one is
   * held, opening fails (`Busy`), and nothing has changed.
   */
  syncSnapshots?: readonly number[];
  env?: Env;
}

/** A disk: the origin or a snapshot. Offsets and lengths are bytes and need no alignment. */
export interface View {
  /** `null` for the origin. */
  readonly name: string | null;
  readonly id: number;
  /** The view that this one is a snapshot of (its id); `null` for the origin. */
  readonly parent: number | null;
  /** Milliseconds since 1970. */
  readonly created: number;
  /** Bytes. */
  readonly size: number;
  readonly readOnly: boolean;
  /** What `Volume.set` and `Volume.addHold` gave it. */
  readonly note: string | null;
  readonly tags: readonly string[];
  readonly holds: readonly string[];
  /** Fills `target` from `offset`. */
  read(offset: number, target: Uint8Array): Promise<void>;
  /** Writes all of `source` at `offset`; durable after the next `flush`. */
  write(offset: number, source: Uint8Array): Promise<void>;
  /**
   * Gives the whole chunks of the range back; they read as zeros afterwards (an attached origin
   * keeps its bytes).
   */
  trim(offset: number, length: number): Promise<void>;
  /** Makes the range read as zeros, without space where whole chunks allow it. */
  writeZeroes(offset: number, length: number): Promise<void>;
  /** Everything acknowledged before, on any view, is durable afterwards. */
  flush(): Promise<void>;
  /**
   * Which bytes of the range have data and which read as zeros without taking space: all of the
   * range, in order, neighbours joined. What lies under the store (attached origin, base) counts as
   * data.
   */
  extents(offset: number, length: number): AsyncIterable<Extent>;
  /**
   * The range becomes what `source`, a view of the same volume, has there; chunks that are in the
   * store are shared, not copied. Whole chunks; the last of a view may be short.
   */
  cloneFrom(source: View, offset: number, length: number): Promise<void>;
  /**
   * Until it is released, or the volume closed, the view is in use: it is no victim where the store
   * is full. It can be deleted on purpose as ever.
   */
  hold(): Hold;
  /** A new snapshot of this view. */
  snapshot(name: string, options?: SnapshotOptions): Promise<View>;
  /** As `read`, for volumes whose devices are all synchronous (`Unsupported` otherwise). */
  readSync(offset: number, target: Uint8Array): void;
  /** As `write`, for volumes whose devices are all synchronous (`Unsupported` otherwise). */
  writeSync(offset: number, source: Uint8Array): void;
  /**
   * As `read`, without a promise where none is needed: answers nothing once `target` is filled,
   * else the promise of that. Throws what is found at once. For callers with many requests in
   * flight.
   */
  startRead(offset: number, target: Uint8Array): Later;
  /** As `write`, in the manner of `startRead`; `source` stays as it is until the end. */
  startWrite(offset: number, source: Uint8Array): Later;
}

export interface Hold {
  /** A second time it does nothing. */
  release(): void;
  [Symbol.dispose](): void;
}

export interface RollbackOptions extends ProgressOptions {
  /** The view that is rolled back; the default is the origin. */
  of?: View;
  /** What the view was is kept as a snapshot of it, of this name; without it that goes. */
  keepAs?: string;
}

export interface ResizeOptions extends ProgressOptions {
  /** The origin may lose what it has past its new end. */
  shrink?: boolean;
}

/** What is left out stays as it is. */
export interface ViewChanges {
  /** Not of the origin. */
  readOnly?: boolean;
  /** Text for people; null: none. */
  note?: string | null;
  tags?: readonly string[];
}

export interface SnapshotOptions {
  readOnly?: boolean;
}

/** Bytes; two ranges that touch are one. */
export interface ByteRange {
  offset: number;
  length: number;
}

/** What of two views is compared, and how. */
export interface DiffOptions extends Partial<ByteRange>, ProgressOptions {
  /**
   * Reads the ranges that may differ from both views and leaves out chunks that are equal. Memory:
   * 2 MiB, or two chunks where those are larger.
   */
  content?: boolean;
}

/** Bytes, and whether they are anywhere; what is nowhere reads as zeros. */
export interface Extent extends ByteRange {
  data: boolean;
}

/** Per snapshot: what `list` shows. */
export interface SnapshotUsage {
  name: string;
  id: number;
  /** Name of the view it is a snapshot of; null: the origin, or a view since deleted. */
  parent: string | null;
  created: number;
  size: number;
  readOnly: boolean;
  note: string | null;
  tags: readonly string[];
  holds: readonly string[];
  /** Bytes freed if it alone were deleted. */
  exclusive: number;
  /** Bytes it sees in the store together with other views. */
  shared: number;
  /**
   * Bytes it sees and the snapshot before it doesn't: of snapshots of one view, what was written
   * between the two; of the first one, all of it.
   */
  written: number;
}

export interface AccountingOptions extends ProgressOptions {
  /** What deleting these would free. */
  without?: readonly (View | string)[];
}

/** Where the bytes of a store are, from one walk over its tree. */
export interface Accounting {
  /** Chunks with data, of all views and of deleted ones. */
  data: number;
  /** Metadata, superblocks and journal. */
  metadata: number;
  /** Inside the store, for new data or metadata. */
  free: number;
  /** Of deleted snapshots alone: comes back in the background. */
  reclaimable: number;
  /** Exactly what deleting all of `without` would free. */
  wouldFree: number;
  snapshots: SnapshotUsage[];
}

/** One virtual disk: an origin and its snapshots. */
export interface Volume {
  readonly origin: View;
  /** Oldest first. A new array each time. */
  readonly snapshots: View[];
  readonly chunk: number;
  readonly uuid: string;
  readonly readOnly: boolean;
  /** All its devices answer at once: requests seldom wait. */
  readonly synchronous: boolean;
  /** The snapshot of that name; `NotFound` without one. */
  get(name: string): View;
  has(name: string): boolean;
  /** A new snapshot of the origin, or of `of`. Durable when it answers. */
  snapshot(name: string, options?: SnapshotOptions & { of?: View }): Promise<View>;
  /**
   * Deletes all or none; durable when it answers. Space comes back in the background: see
   * `reclaimed`.
   */
  delete(...snapshots: (View | string)[]): Promise<void>;
  rename(snapshot: View | string, name: string): Promise<void>;
  /**
   * The origin (or `of`) becomes what `to` is, its size too, between two writes; all snapshots
   * stay. Durable when it answers. Views and names stay what they are: who has the origin reads and
   * writes the other contents from then on. In a range store it is one commit whatever the size.
   * An attached origin is what `to` is at once, too, and can be used; what differs is copied in the
   * background, which goes on when the store is opened again. The answer comes when all of it is
   * there. An abort ends the wait for it, not the rollback; after an error (a full store) the
   * origin is still right, and calling it again goes on. `to` cannot be deleted meanwhile, and
   * another rollback or a resize of the origin waits. In a bitmap store other views get what
   * differs while writes wait; ended by a crash that goes on when the store is opened for writing.
   */
  rollback(to: View | string, options?: RollbackOptions): Promise<void>;
  /**
   * The origin gets another size, a multiple of 512 bytes, between two writes; snapshots keep
   * theirs. What it gets reads as zeros (attached: as its device's bytes; a file grows and is cut
   * off with it). Durable when it answers; a crash in between leaves the old size, and perhaps
   * zeros where it was to end, or the new one.
   */
  resize(size: number, options?: ResizeOptions): Promise<void>;
  /** Bytes that the store may grow to, null: no limit. `Invalid` where it has more. Durable. */
  setMaxSize(bytes: number | null): Promise<void>;
  /**
   * Changes what a view is. Note, tags and holds of a view have at most 400 bytes together, as
   * JSON. Durable when it answers.
   */
  set(view: View | string, changes: ViewChanges): Promise<void>;
  /**
   * From now on, whoever opens the store, the snapshot cannot be deleted (`Busy`) and is no victim;
   * until every reason is released. A second time it does nothing. Durable when it answers.
   */
  addHold(snapshot: View | string, reason: string): Promise<void>;
  /** `NotFound`: it is not held for that reason. */
  removeHold(snapshot: View | string, reason: string): Promise<void>;
  /**
   * A message of the 2009 target: `create`, `create_subsnap ID` or `delete ID`. A new snapshot is
   * called after its id. Answers the id of what was made or deleted; durable when it answers.
   */
  message(text: string): Promise<number>;
  /**
   * The origin becomes what the snapshot of its persistent store is; then there is no snapshot any
   * more. Meanwhile the origin reads as the snapshot, and that answers no more. Ended by its signal
   * or an error it can be called again. A volume that is closed in between has its snapshot when it
   * is opened again, whole, while its origin is a mixture of both.
   */
  merge(options?: ProgressOptions): Promise<void>;
  /** Answers when the space of everything deleted so far is free. */
  reclaimed(options?: ProgressOptions): Promise<void>;
  flush(): Promise<void>;
  /**
   * Changed ranges between two views, in order, joined; only what lies in the range of `options`,
   * if given (from `offset` to the end without a `length`). A walk over metadata: chunks that were
   * written with what they had before are changed, unless `content` is asked for. Progress: bytes
   * of the range that have been looked at.
   */
  diff(from: View, to: View, options?: DiffOptions): AsyncIterable<ByteRange>;
  /**
   * Which snapshot it is, wherever it lies: for who takes its content elsewhere. If it can be
   * written, the first write after that changes its `position` (once, with a commit of its own).
   */
  identity(snapshot: View | string): Promise<SnapshotIdentity>;
  /**
   * Commits from now on, as long as somebody takes them: which bytes of which views changed, and
   * which snapshots were made, deleted and renamed. An event comes when what it tells is durable.
   * In a page that has to load the code for it, the first event is a `gap`.
   */
  watch(options?: WatchOptions): AsyncIterableIterator<VolumeEvent>;
  usage(): Usage;
  status(): Status;
  /** One walk over the tree. */
  snapshotUsage(options?: ProgressOptions): Promise<SnapshotUsage[]>;
  /** The same, and the store as a whole. Reads go on meanwhile, writes wait. */
  accounting(options?: AccountingOptions): Promise<Accounting>;
  /**
   * Verifies every structure and I1 to I3 as they are on the device, and says what damage loses;
   * with `data` also every chunk that has a checksum. What views read does not change; what is only
   * in memory is written before.
   */
  check(options?: CheckOptions): Promise<CheckReport>;
  /**
   * Makes everything durable and gives the devices back. Errors: `ReadOnly` where the volume has
   * failed (they are given back all the same): what was written since the last flush may be lost.
   */
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
