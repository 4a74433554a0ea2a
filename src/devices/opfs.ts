/**
 * A file of a browser's origin private file system, in a dedicated worker: synchronous calls
 * straight from engine memory, shared or not. A read costs about 3 microseconds in Chromium, about
 * 80 in Firefox; small writes are gathered (opfs-writer.ts).
 *
 * Durability: `flush` is `FileSystemSyncAccessHandle.flush`. The standard asks a browser only to
 * "attempt to transfer all cached modifications to the underlying storage device". Chromium calls
 * fdatasync, Firefox fsync, and both wait for it. What was written and not flushed may be gone
 * where a tab or its worker is killed.
 */
import { MultisnapError } from "../errors.ts";
import type { Device, Quota } from "./device.ts";
import { OpfsCalls } from "./opfs-calls.ts";
import { openOpfs } from "./opfs-file.ts";
import { OpfsWriter } from "./opfs-writer.ts";
import { askQuota } from "./quota.ts";
import { checkSize, checkTransfer, isClosed, isReadOnly } from "./transfer.ts";

const WAIT_MS = 500;
/** When the file has become this much longer, the browser is asked again what it would give. */
const QUOTA_STEP_BYTES = 2 ** 20;

export interface OpfsDeviceOptions {
  /** A missing file is created empty, its directories too (the default); `false`: `NotFound`. */
  create?: boolean;
  /** The file must not be there yet: `Exists` otherwise. */
  exclusive?: boolean;
  /** Chromium lets several readers in together, Firefox only one. */
  readOnly?: boolean;
  /**
   * Milliseconds to wait for a file that is open elsewhere before it is `Busy`. The default is 500:
   * a tab that was closed or killed was seen to keep its files up to 370 ms, a worker that was
   * terminated up to 30; but 2 seconds in Chromium where that was in the midst of synchronous work.
   */
  waitMs?: number;
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
  const quota = await askQuota();
  const opened = await openOpfs(path, {
    create: (options.create ?? true) && !readOnly,
    exclusive: options.exclusive ?? false,
    readOnly,
    waitMs: checkWait(options.waitMs ?? WAIT_MS),
  });
  return new OpfsDevice(new OpfsCalls(opened.path, opened.handle), readOnly, quota);
}

function checkWait(milliseconds: number): number {
  if (milliseconds >= 0 && Number.isFinite(milliseconds)) return milliseconds;
  throw new MultisnapError("Invalid", `waitMs ${milliseconds}: it must be 0 or more`);
}

class OpfsDevice implements Device {
  readonly name: string;
  readonly readOnly: boolean;
  readonly synchronous = true;
  readonly growable = true;
  readonly #calls: OpfsCalls;
  readonly #writer: OpfsWriter;
  #open = true;
  #quota: Quota | null;
  /** Bytes of the file when `#quota` was asked for. */
  #quotaSize: number;
  #asking = false;

  constructor(calls: OpfsCalls, readOnly: boolean, quota: Quota | null) {
    this.name = calls.name;
    this.readOnly = readOnly;
    this.#calls = calls;
    this.#writer = new OpfsWriter(calls);
    this.#quota = quota;
    this.#quotaSize = this.#writer.size;
  }

  size(): number {
    return this.#writer.size;
  }

  read(target: Uint8Array, start: number, length: number, offset: number): void {
    if (!this.#open) throw isClosed(this.name);
    checkTransfer(this.name, target, start, length, offset);
    const here = Math.max(0, Math.min(length, this.#writer.size - offset));
    this.#calls.read(target, start, here, offset);
    if (here < length) target.fill(0, start + here, start + length);
    this.#writer.patch(target, start, length, offset);
  }

  write(source: Uint8Array, start: number, length: number, offset: number): void {
    if (!this.#open) throw isClosed(this.name);
    if (this.readOnly) throw isReadOnly(this.name);
    checkTransfer(this.name, source, start, length, offset);
    this.#writer.write(source, start, length, offset);
  }

  flush(): void {
    if (!this.#open) throw isClosed(this.name);
    if (this.readOnly) return;
    this.#writer.handOver();
    this.#calls.flush();
    if (Math.abs(this.size() - this.#quotaSize) >= QUOTA_STEP_BYTES) this.#askAgain();
  }

  resize(bytes: number): void {
    if (!this.#open) throw isClosed(this.name);
    if (this.readOnly) throw isReadOnly(this.name);
    checkSize(this.name, bytes);
    this.#writer.resize(bytes);
  }

  quota(): Quota | null {
    if (this.#quota === null) return null;
    const { available, used, persistent } = this.#quota;
    const grown = this.size() - this.#quotaSize;
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
      if (!this.readOnly) this.#writer.finish();
    } finally {
      this.#calls.close();
    }
  }

  /** Behind what goes on; at most one question at a time. */
  #askAgain(): void {
    if (this.#asking) return;
    this.#asking = true;
    const size = this.size();
    askQuota().then((quota) => {
      this.#asking = false;
      this.#quota = quota;
      this.#quotaSize = size;
    });
  }
}
