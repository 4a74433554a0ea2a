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

  /** All of it, which must lie inside of the file, or it throws. */
  read(target: Uint8Array, start: number, length: number, offset: number): void {
    for (let read = 0; read < length; ) {
      const wanted = Math.min(length - read, CALL_BYTES_MAX);
      this.#read(part(target, start + read, wanted), offset + read);
      read += wanted;
    }
  }

  #read(target: Uint8Array<ArrayBuffer>, offset: number): void {
    const doing = () => `reading ${target.length} bytes at ${offset}`;
    let done = 0;
    try {
      this.#place.at = offset;
      done = this.#file.read(target, this.#place);
    } catch (cause) {
      throw deviceError(this.name, doing(), cause);
    }
    if (done === target.length) return;
    throw new MultisnapError("Io", `${this.name}: ${doing()}: the browser answers ${done}`);
  }

  /** All of it, or it throws. */
  write(source: Uint8Array, start: number, length: number, offset: number): void {
    for (let written = 0; written < length; ) {
      const wanted = Math.min(length - written, CALL_BYTES_MAX);
      this.#write(part(source, start + written, wanted), offset + written);
      written += wanted;
    }
  }

  /**
   * At its quota Chromium throws and Firefox answers 0. On a full disk Chromium answers less, and
   * Firefox a number that has nothing to do with what it wrote: so nothing but all is believed.
   */
  #write(source: Uint8Array<ArrayBuffer>, offset: number): void {
    const doing = () => `writing ${source.length} bytes at ${offset}`;
    let done = 0;
    try {
      this.#place.at = offset;
      done = this.#file.write(source, this.#place);
    } catch (cause) {
      throw deviceError(this.name, doing(), cause);
    }
    if (done === source.length) return;
    const found = `the browser answers ${done}: it gives this origin no more room`;
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
