/** What the library's callers see: options, views, reports. */
import type { Device, Later } from "../devices/device.ts";
import type { Env } from "../env.ts";
import type { StoreUsage } from "../stores/store.ts";

export type StoreKind = "range" | "bitmap" | "persistent" | "transient";

export interface CreateOptions {
  /**
   * Bytes of the origin; a multiple of 512. Defaults to the size of an attached origin or of a
   * base.
   */
  size?: number;
  /** Bytes of a chunk: a power of two from 4096 (the default) to 1048576. */
  chunk?: number;
  /** The default is `range`. */
  kind?: StoreKind;
  /** The store's limit in bytes; without one it grows as long as its device does. */
  maxSize?: number;
  /**
   * Remembered in the store: where its attached origin or its base is found (at most 1023 bytes of
   * UTF-8).
   */
  originPath?: string;
  basePath?: string;
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
  /** Makes a new store on an empty device. */
  create?: CreateOptions;
  readOnly?: boolean;
  /** Bytes of the metadata page cache; the default is 64 MiB, the least 1 MiB. */
  cacheBytes?: number;
  /** Copies at a time; the default is 8. */
  copySlots?: number;
  /** Requests in flight before further ones wait; the default is 256. */
  queueDepth?: number;
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

export interface SnapshotOptions {
  readOnly?: boolean;
}

/** Bytes, unless said otherwise. */
export type Usage = Omit<StoreUsage, "reclaiming">;

export interface Status extends StoreUsage {
  kind: StoreKind;
  uuid: string;
  chunk: number;
  size: number;
  originMode: "inline" | "base" | "attached";
  originPath: string | null;
  basePath: string | null;
  readOnly: boolean;
  /** Why the volume went read-only, or null. */
  error: string | null;
  counters: Counters;
}

/** Since the volume was opened. */
export interface Counters {
  reads: number;
  writes: number;
  bytesRead: number;
  bytesWritten: number;
  copies: number;
  bytesCopied: number;
  commits: number;
  checkpoints: number;
  flushes: number;
  /** Requests that met a conflict or a full queue and waited. */
  waits: number;
}

/** Bytes; two ranges that touch are one. */
export interface ByteRange {
  offset: number;
  length: number;
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
  /** Bytes freed if it alone were deleted. */
  exclusive: number;
  /** Bytes it sees in the store together with other views. */
  shared: number;
}

export interface CheckProblem {
  /** What is wrong, in one sentence. */
  message: string;
  /** Invariant (`I1` ...) or structure (`superblock`, `journal`, `tree`, `space`, `views`). */
  where: string;
}

export interface CheckReport {
  clean: boolean;
  problems: CheckProblem[];
  /** What was looked at. */
  blocks: number;
  exceptions: number;
  chunks: number;
}

export interface ProgressOptions {
  signal?: AbortSignal;
  /** Called now and then with work done and work in all, same unit. */
  progress?: (done: number, total: number) => void;
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
  /** Answers when the space of everything deleted so far is free. */
  reclaimed(options?: ProgressOptions): Promise<void>;
  flush(): Promise<void>;
  /** Changed ranges between two views, in order, joined; only what lies in `within`, if given. */
  diff(from: View, to: View, within?: ByteRange): AsyncIterable<ByteRange>;
  usage(): Usage;
  status(): Status;
  /** One walk over the tree. */
  snapshotUsage(options?: ProgressOptions): Promise<SnapshotUsage[]>;
  /** Verifies every structure and I1 to I3. Does not change the store. */
  check(options?: ProgressOptions): Promise<CheckReport>;
  close(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}
