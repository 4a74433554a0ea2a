/**
 * The port that every platform implements: a flat run of bytes. A device answers at once (returns
 * nothing) or later (returns a promise); the volume takes the first without making a promise of it.
 *
 * All of a device's errors are `MultisnapError`: `NoSpace` when it is full, `Io` for anything else.
 */
export type Later = undefined | void | Promise<void>;

/** What the platform would still give; as far as it tells. Bytes. */
export interface Quota {
  /** As the platform estimates it: a write may find less (`NoSpace`). */
  available: number;
  /** By everything that shares the quota: in a browser, all that this origin stores. */
  used: number;
  /** The platform will not take what is stored back to make room for others. */
  persistent: boolean;
}

export interface Device {
  /** Path or label, for messages. */
  readonly name: string;
  readonly readOnly: boolean;
  /** True where read, write, flush and resize always answer at once. */
  readonly synchronous: boolean;
  /**
   * True where writes past the end make the device longer (a file), false where its size is given
   * (a disk).
   */
  readonly growable: boolean;
  /** Bytes. Grows with writes past the end on a growable device. */
  size(): number;
  /**
   * Reads `length` bytes at `offset` of the device into `target` from `start`. Bytes past the end
   * of the device read as zeros. `target` may be a view of shared memory and must not change until
   * the answer.
   */
  read(target: Uint8Array, start: number, length: number, offset: number): Later;
  /**
   * Writes all `length` bytes of `source` from `start` at `offset`, or fails. Not durable before
   * `flush`.
   */
  write(source: Uint8Array, start: number, length: number, offset: number): Later;
  /** Everything written before is durable afterwards. */
  flush(): Later;
  /** Sets the size in bytes; new bytes are zeros. */
  resize(bytes: number): Later;
  /** As of a moment ago; null, or no such method, where the platform has or tells none. */
  quota?(): Quota | null;
  /** Releases the device and its lock. Without a flush. */
  close(): Later;
}
