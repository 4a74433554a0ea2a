/** The calls of a synchronous access handle with every count checked and every error ours. */
import { MultisnapError } from "../errors.ts";
import { deviceError } from "./opfs-error.ts";

/** Browsers count bytes of a call in 32 bits. */
const CALL_BYTES_MAX = 2 ** 30;

export class OpfsCalls {
  readonly name: string;
  readonly #file: FileSystemSyncAccessHandle;
  /** The argument of every call, so that none makes one. */
  readonly #place = { at: 0 };

  constructor(name: string, file: FileSystemSyncAccessHandle) {
    this.name = name;
    this.#file = file;
  }

  /** Bytes. In Firefox as dear as half a transfer. */
  size(): number {
    return this.#file.getSize();
  }

  /** Bytes that were read: all, or those up to the file's end. */
  read(target: Uint8Array, start: number, length: number, offset: number): number {
    let read = 0;
    while (read < length) {
      const wanted = Math.min(length - read, CALL_BYTES_MAX);
      const done = this.#read(part(target, start + read, wanted), offset + read);
      if (done === 0) break;
      read += done;
    }
    return read;
  }

  #read(target: Uint8Array<ArrayBuffer>, offset: number): number {
    const doing = () => `reading ${target.length} bytes at ${offset}`;
    let done = 0;
    try {
      this.#place.at = offset;
      done = this.#file.read(target, this.#place);
    } catch (cause) {
      throw deviceError(this.name, doing(), cause);
    }
    if (isCount(done, target.length)) return done;
    throw new MultisnapError("Io", `${this.name}: ${doing()}: the browser answers ${done}`);
  }

  /** All of it, or it throws. */
  write(source: Uint8Array, start: number, length: number, offset: number): void {
    for (let written = 0; written < length; ) {
      const wanted = Math.min(length - written, CALL_BYTES_MAX);
      written += this.#write(part(source, start + written, wanted), offset + written);
    }
  }

  /**
   * At least a byte. Out of room, Chromium throws (and has been seen to answer what is no count),
   * Firefox writes a part, in the end nothing.
   */
  #write(source: Uint8Array<ArrayBuffer>, offset: number): number {
    const doing = () => `writing ${source.length} bytes at ${offset}`;
    let done = 0;
    try {
      this.#place.at = offset;
      done = this.#file.write(source, this.#place);
    } catch (cause) {
      throw deviceError(this.name, doing(), cause);
    }
    if (done > 0 && isCount(done, source.length)) return done;
    const found = `the browser took ${done} of them and gives this origin no more room`;
    throw new MultisnapError("NoSpace", `${this.name}: ${doing()}: ${found}`);
  }

  flush(): void {
    try {
      this.#file.flush();
    } catch (cause) {
      // Not retried: what failed to reach the disk may be gone from the cache.
      throw deviceError(this.name, "flushing", cause);
    }
  }

  truncate(bytes: number): void {
    try {
      this.#file.truncate(bytes);
    } catch (cause) {
      throw deviceError(this.name, `resizing to ${bytes} bytes`, cause);
    }
  }

  close(): void {
    try {
      this.#file.close();
    } catch (cause) {
      throw deviceError(this.name, "closing", cause);
    }
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
