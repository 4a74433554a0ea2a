/**
 * A device over the SQLite storage of a Durable Object: blocks are rows of a table, those that were
 * never written are none. Bytes are copied out of the engine's memory before they are bound.
 *
 * Why a flush is durable: what is written between two turns of the event loop is one transaction of
 * the platform, transactions become durable in their order, and `sync()` answers when all so far
 * have. So after a crash the tables are as they were between two turns, with all that was flushed.
 *
 * Invariants:
 * - Q1 Every row has `block` bytes; those past the end of the device are zeros.
 * - Q2 A row of the first table has the size of its device as of the last flush, resize or
 *   close; rows past that are of writes that no flush has answered for, and go when it is opened.
 */
import { MultisnapError } from "../errors.ts";
import type { Device, Later } from "./device.ts";
import { type BlockTable, openTable } from "./sql/table.ts";
import { checkSize, checkTransfer, isClosed } from "./transfer.ts";

/** What is needed of `ctx.storage` of a Durable Object with SQLite. */
export interface SqlStorage {
  readonly sql: {
    exec(query: string, ...bindings: (string | number | ArrayBuffer | null)[]): SqlCursor;
    readonly databaseSize: number;
  };
  sync(): Promise<void>;
}

export interface SqlCursor {
  raw(): Iterable<unknown[]> & { toArray(): unknown[][] };
}

export interface SqlDeviceOptions {
  /** Of the device, among others in one object: letters, digits, `_`, `-`. Default: `volume`. */
  name?: string;
  /**
   * Bytes of a row of a new device, a power of two from 4096 to 1048576; the default is 8192. With
   * 16384, sequential writes are a quarter faster and write half the rows, and single chunks of
   * 4 KiB, which rewrite their row, take half as long again; with 4096, rows take an eighth more
   * space.
   */
  blockBytes?: number;
  /**
   * Bytes of the object's database from which on the device is full; the default is 9.9e9, a little
   * below what an object may have (10 GB on a paid plan).
   */
  maxBytes?: number;
  /**
   * `"sync"` (the default): a flush answers when its bytes are durable. `"gate"`: at once, as the
   * platform lets no answer of the object out before what it has written is durable; the device is
   * synchronous then. Who is told of a flush inside of the object is told too early.
   */
  flush?: "sync" | "gate";
}

const MAX_DEFAULT = 9.9e9;

/** Devices that are open, by storage. An object is the only one that has its storage. */
const open = new WeakMap<SqlStorage, Set<string>>();

/**
 * Opens the device of that name, or makes it, empty. It grows.
 *
 * Memory: one row at a time. A read is one statement; a write is one for each row, and two where it
 * covers only a part of it.
 *
 * Errors: `Invalid` (options; not the storage of an object with SQLite), `Busy` (this object has
 * the device open), `Unsupported` (a newer layout), `Corrupt`, `Io`.
 */
export function sqlDevice(storage: SqlStorage, options: SqlDeviceOptions = {}): Device {
  const { name = "volume", blockBytes = 8192, maxBytes = MAX_DEFAULT, flush = "sync" } = options;
  check(storage, { name, blockBytes, maxBytes, flush });
  const names = open.get(storage) ?? new Set();
  open.set(storage, names);
  if (names.has(name)) {
    throw new MultisnapError("Busy", `${name}: this object has it open already; close that first`);
  }
  const table = openTable(storage, name, blockBytes, maxBytes);
  names.add(name);
  return new SqlDevice(storage, name, table, flush === "gate", () => names.delete(name));
}

function check(storage: SqlStorage, options: Required<SqlDeviceOptions>): void {
  const { name, blockBytes, maxBytes, flush } = options;
  if (typeof storage?.sql?.exec !== "function" || typeof storage.sync !== "function") {
    throw new MultisnapError(
      "Invalid",
      "sqlDevice: needs ctx.storage of a Durable Object with SQLite (new_sqlite_classes)",
    );
  }
  if (!/^[A-Za-z0-9_-]{1,64}$/.test(name)) {
    throw new MultisnapError("Invalid", `${name}: a name has 1 to 64 letters, digits, _ and -`);
  }
  const power = Number.isInteger(blockBytes) && Math.log2(blockBytes) % 1 === 0;
  if (!power || blockBytes < 4096 || blockBytes > 2 ** 20) {
    const bounds = "a power of two from 4096 to 1048576";
    throw new MultisnapError("Invalid", `${name}: blockBytes ${blockBytes}: it must be ${bounds}`);
  }
  if (!(maxBytes > 0)) throw new MultisnapError("Invalid", `${name}: maxBytes ${maxBytes}`);
  if (flush !== "sync" && flush !== "gate") {
    throw new MultisnapError("Invalid", `${name}: flush ${flush}: it must be sync or gate`);
  }
}

class SqlDevice implements Device {
  readonly name: string;
  readonly readOnly = false;
  readonly synchronous: boolean;
  readonly growable = true;
  readonly #storage: SqlStorage;
  readonly #table: BlockTable;
  readonly #leave: () => void;
  #closed = false;

  constructor(
    storage: SqlStorage,
    name: string,
    table: BlockTable,
    gated: boolean,
    leave: () => void,
  ) {
    this.name = name;
    this.synchronous = gated;
    this.#storage = storage;
    this.#table = table;
    this.#leave = leave;
  }

  size(): number {
    return this.#table.size;
  }

  read(target: Uint8Array, start: number, length: number, offset: number): void {
    this.#assertOpen();
    checkTransfer(this.name, target, start, length, offset);
    const inside = Math.max(0, Math.min(length, this.#table.size - offset));
    target.fill(0, start, start + length);
    if (inside > 0) this.#table.read(target, start, inside, offset);
  }

  write(source: Uint8Array, start: number, length: number, offset: number): void {
    this.#assertOpen();
    checkTransfer(this.name, source, start, length, offset);
    if (length > 0) this.#table.write(source, start, length, offset);
  }

  flush(): Later {
    this.#assertOpen();
    this.#table.saveSize();
    if (!this.synchronous) return this.#sync();
  }

  async #sync(): Promise<void> {
    try {
      await this.#storage.sync();
    } catch (cause) {
      // The platform starts the object anew, as of its last transaction.
      const found = cause instanceof Error ? cause.message : String(cause);
      throw new MultisnapError("Io", `${this.name}: flushing: ${found}`, { cause });
    }
  }

  resize(bytes: number): void {
    this.#assertOpen();
    checkSize(this.name, bytes);
    this.#table.resize(bytes);
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#leave();
    this.#table.saveSize();
  }

  #assertOpen(): void {
    if (this.#closed) throw isClosed(this.name);
  }
}
