/**
 * A file of a browser's origin private file system, in a dedicated worker: synchronous calls
 * straight from engine memory, shared or not. A call costs about 3 microseconds in Chromium, about
 * 80 in Firefox, whatever its size; `getSize` costs half of that there, so the size is kept here.
 *
 * Durability: `flush` is `FileSystemSyncAccessHandle.flush`. The standard asks the browser to
 * "attempt to transfer all cached modifications to the underlying storage device"; Chromium and
 * Firefox call fdatasync or fsync and wait for it (FlushFileBuffers on Windows).
 */
import { MultisnapError } from "../errors.ts";
import type { Device, Quota } from "./device.ts";
import { deviceError } from "./opfs-error.ts";
import { openOpfs } from "./opfs-file.ts";
import { askQuota } from "./quota.ts";
import { checkSize, checkTransfer, isClosed, isReadOnly } from "./transfer.ts";

/** Browsers count bytes of a call in 32 bits. */
const CALL_BYTES_MAX = 2 ** 30;
/** When the file has become this much longer, the browser is asked again what it would give. */
const QUOTA_STEP_BYTES = 2 ** 20;

export interface OpfsDeviceOptions {
  /** A missing file is created empty, its directories too (the default); `false`: `NotFound`. */
  create?: boolean;
  /** The file must not be there yet: `Exists` otherwise. */
  exclusive?: boolean;
  /** Chromium lets several readers in together, Firefox only one. */
  readOnly?: boolean;
}

/**
 * Opens the file at `path` under the origin's root (`disks/a.msnap`), or that of a handle. It is
 * the only one that has it open until `close`, over all tabs and workers.
 *
 * Errors: `NotFound`, `Exists`, `Busy`, `Invalid` (a path), `Unsupported` (not a dedicated worker,
 * no storage), `NoSpace`, `Io`.
 */
export async function opfsDevice(
  path: string | FileSystemFileHandle,
  options: OpfsDeviceOptions = {},
): Promise<Device> {
  const readOnly = options.readOnly ?? false;
  const opened = await openOpfs(path, {
    create: (options.create ?? true) && !readOnly,
    exclusive: options.exclusive ?? false,
    readOnly,
  });
  return new OpfsDevice(opened.path, readOnly, opened.handle, await askQuota());
}

class OpfsDevice implements Device {
  readonly name: string;
  readonly readOnly: boolean;
  readonly synchronous = true;
  readonly growable = true;
  readonly #file: FileSystemSyncAccessHandle;
  /** The argument of every call, so that none makes one. */
  readonly #place = { at: 0 };
  #size: number;
  #open = true;
  #quota: Quota | null;
  /** Bytes of the file when `#quota` was asked for. */
  #quotaSize: number;
  #asking = false;

  constructor(
    name: string,
    readOnly: boolean,
    file: FileSystemSyncAccessHandle,
    quota: Quota | null,
  ) {
    this.name = name;
    this.readOnly = readOnly;
    this.#file = file;
    this.#size = file.getSize();
    this.#quota = quota;
    this.#quotaSize = this.#size;
  }

  size(): number {
    return this.#size;
  }

  read(target: Uint8Array, start: number, length: number, offset: number): void {
    if (!this.#open) throw isClosed(this.name);
    checkTransfer(this.name, target, start, length, offset);
    const end = start + length;
    while (start < end && offset < this.#size) {
      const wanted = Math.min(end - start, CALL_BYTES_MAX);
      let done = 0;
      try {
        this.#place.at = offset;
        done = this.#file.read(part(target, start, wanted), this.#place);
      } catch (cause) {
        throw deviceError(this.name, `reading ${wanted} bytes at ${offset}`, cause);
      }
      if (!isCount(done, wanted)) {
        const what = `reading ${wanted} bytes at ${offset}`;
        throw new MultisnapError("Io", `${this.name}: ${what}: the browser answers ${done}`);
      }
      if (done === 0) break;
      start += done;
      offset += done;
    }
    if (start < end) target.fill(0, start, end);
  }

  write(source: Uint8Array, start: number, length: number, offset: number): void {
    if (!this.#open) throw isClosed(this.name);
    if (this.readOnly) throw isReadOnly(this.name);
    checkTransfer(this.name, source, start, length, offset);
    const end = start + length;
    while (start < end) {
      const wanted = Math.min(end - start, CALL_BYTES_MAX);
      let done = 0;
      try {
        this.#place.at = offset;
        done = this.#file.write(part(source, start, wanted), this.#place);
      } catch (cause) {
        this.#measure();
        throw deviceError(this.name, `writing ${wanted} bytes at ${offset}`, cause);
      }
      // Firefox writes less where it is out of room, in the end nothing. Chromium throws, and has
      // answered what is no count at all.
      if (done === 0 || !isCount(done, wanted)) throw this.#full(wanted, offset, done);
      start += done;
      offset += done;
      if (offset > this.#size) this.#size = offset;
    }
  }

  flush(): void {
    if (!this.#open) throw isClosed(this.name);
    if (this.readOnly) return;
    try {
      this.#file.flush();
    } catch (cause) {
      // Not retried: what failed to reach the disk may be gone from the cache.
      throw deviceError(this.name, "flushing", cause);
    }
    if (Math.abs(this.#size - this.#quotaSize) >= QUOTA_STEP_BYTES) this.#askAgain();
  }

  resize(bytes: number): void {
    if (!this.#open) throw isClosed(this.name);
    if (this.readOnly) throw isReadOnly(this.name);
    checkSize(this.name, bytes);
    try {
      this.#file.truncate(bytes);
    } catch (cause) {
      this.#measure();
      throw deviceError(this.name, `resizing to ${bytes} bytes`, cause);
    }
    this.#size = bytes;
  }

  quota(): Quota | null {
    if (this.#quota === null) return null;
    const { available, used, persistent } = this.#quota;
    const grown = this.#size - this.#quotaSize;
    return {
      available: Math.max(0, available - grown),
      used: Math.max(0, used + grown),
      persistent,
    };
  }

  close(): void {
    if (!this.#open) return;
    this.#open = false;
    try {
      this.#file.close();
    } catch (cause) {
      throw deviceError(this.name, "closing", cause);
    }
  }

  /** After a failure: how much of it took effect. */
  #measure(): void {
    try {
      this.#size = this.#file.getSize();
    } catch {
      // The failure itself says enough.
    }
  }

  #full(wanted: number, offset: number, done: unknown): MultisnapError {
    this.#measure();
    const what = `writing ${wanted} bytes at ${offset}: the browser took ${done} of them`;
    return new MultisnapError(
      "NoSpace",
      `${this.name}: ${what}; it gives this origin no more room`,
    );
  }

  /** Behind what goes on; at most one question at a time. */
  #askAgain(): void {
    if (this.#asking) return;
    this.#asking = true;
    const size = this.#size;
    askQuota().then((quota) => {
      this.#asking = false;
      this.#quota = quota;
      this.#quotaSize = size;
    });
  }
}

function part(bytes: Uint8Array, start: number, length: number): Uint8Array<ArrayBuffer> {
  const all = start === 0 && length === bytes.length;
  // Calls take shared memory, too, which the types do not know.
  return (all ? bytes : bytes.subarray(start, start + length)) as Uint8Array<ArrayBuffer>;
}

function isCount(done: unknown, wanted: number): boolean {
  return Number.isInteger(done) && (done as number) >= 0 && (done as number) <= wanted;
}
