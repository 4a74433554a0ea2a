/** The rows of a device: one table for its blocks, and a row of a table that all devices share. */
import { MultisnapError } from "../../errors.ts";
import type { SqlStorage } from "../sql.ts";

const FORMAT = 1;
/** Rows of one statement: what it answers is in memory at once, at most. */
const READ_BYTES_MAX = 2 ** 20;
/** The database's size is asked for again after so many bytes that may have been added to it. */
const LOOK_BYTES = 4 * 2 ** 20;
/** A row takes its bytes, and pages that are not quite full. */
const ROW_EXTRA = 4096;

/** Finds the device, or makes it; what no flush has answered for is cut off (Q2). */
export function openTable(
  storage: SqlStorage,
  name: string,
  blockBytes: number,
  maxBytes: number,
): BlockTable {
  const exec = executor(storage, name);
  exec(
    "opening",
    `CREATE TABLE IF NOT EXISTS multisnap
     (name TEXT PRIMARY KEY, format INTEGER, block INTEGER, size INTEGER)`,
  );
  const find = () =>
    exec("opening", "SELECT format, block, size FROM multisnap WHERE name = ?", name);
  let [found] = find();
  if (!found) {
    exec("opening", `CREATE TABLE "multisnap_${name}" (number INTEGER PRIMARY KEY, data BLOB)`);
    exec("opening", "INSERT INTO multisnap VALUES (?, ?, ?, 0)", name, FORMAT, blockBytes);
    [found] = find();
  }
  const [format, block, size] = (found ?? []) as number[];
  if (format !== FORMAT) {
    const asked = `its tables have layout ${format}, this build knows ${FORMAT}`;
    throw new MultisnapError("Unsupported", `${name}: ${asked}: use a newer one`);
  }
  const sound = [block, size].every((value) => Number.isSafeInteger(value) && value! >= 0);
  if (!sound || block! < 4096 || Math.log2(block!) % 1 !== 0) {
    throw new MultisnapError("Corrupt", `${name}: rows of ${block} bytes, ${size} bytes in all`);
  }
  const table = new BlockTable(storage, exec, { name, block: block!, size: size!, maxBytes });
  table.cut();
  return table;
}

type Binding = string | number | ArrayBuffer | null;
type Execute = (doing: string, query: string, ...bindings: Binding[]) => unknown[][];

/** Runs a statement to its end. Errors: `NoSpace`, `Io`. */
function executor({ sql }: SqlStorage, name: string): Execute {
  return (doing, query, ...bindings) => {
    try {
      return sql
        .exec(query, ...bindings)
        .raw()
        .toArray();
    } catch (cause) {
      const found = cause instanceof Error ? cause.message : String(cause);
      const full = found.includes("SQLITE_FULL");
      throw new MultisnapError(full ? "NoSpace" : "Io", `${name}: ${doing}: ${found}`, { cause });
    }
  };
}

interface Shape {
  name: string;
  block: number;
  size: number;
  maxBytes: number;
}

export class BlockTable {
  size: number;
  readonly #storage: SqlStorage;
  readonly #exec: Execute;
  readonly #name: string;
  readonly #block: number;
  readonly #maxBytes: number;
  readonly #select: string;
  readonly #insert: string;
  readonly #remove: string;
  #savedSize: number;
  /** Bytes that can be added before the database's size has to be looked at. */
  #room = 0;

  constructor(storage: SqlStorage, exec: Execute, { name, block, size, maxBytes }: Shape) {
    this.#storage = storage;
    this.#exec = exec;
    this.#name = name;
    this.#block = block;
    this.#maxBytes = maxBytes;
    this.size = size;
    this.#savedSize = size;
    const table = `"multisnap_${name}"`;
    this.#select = `SELECT number, data FROM ${table} WHERE number BETWEEN ? AND ?`;
    this.#insert = `INSERT OR REPLACE INTO ${table} VALUES (?, ?)`;
    this.#remove = `DELETE FROM ${table} WHERE number >= ?`;
  }

  /** Into zeros; the range lies inside the device. */
  read(target: Uint8Array, start: number, length: number, offset: number): void {
    const block = this.#block;
    const last = Math.floor((offset + length - 1) / block);
    const step = Math.max(1, READ_BYTES_MAX / block);
    for (let first = Math.floor(offset / block); first <= last; first += step) {
      for (const [number, data] of this.#rows(first, Math.min(last, first + step - 1))) {
        const at = number * block - offset;
        const from = Math.max(0, -at);
        const to = Math.min(block, length - at);
        target.set(data.subarray(from, to), start + at + from);
      }
    }
  }

  #rows(first: number, last: number): [number, Uint8Array<ArrayBuffer>][] {
    const rows = this.#exec(`reading ${this.#block} bytes`, this.#select, first, last);
    return rows.map(([number, data]) => {
      if (data instanceof ArrayBuffer && data.byteLength === this.#block) {
        return [number as number, new Uint8Array(data)];
      }
      throw new MultisnapError("Corrupt", `${this.#name}: row ${number} is not a block`);
    });
  }

  write(source: Uint8Array, start: number, length: number, offset: number): void {
    const block = this.#block;
    for (let done = 0; done < length; ) {
      const from = (offset + done) % block;
      const bytes = Math.min(block - from, length - done);
      const number = (offset + done - from) / block;
      const [row] = bytes < block ? this.#rows(number, number) : [];
      const data = row?.[1] ?? new Uint8Array(block);
      data.set(source.subarray(start + done, start + done + bytes), from);
      this.#reserve(number);
      this.#put(number, data);
      done += bytes;
      this.size = Math.max(this.size, offset + done);
    }
  }

  #put(number: number, data: Uint8Array<ArrayBuffer>): void {
    this.#exec(`writing ${data.length} bytes`, this.#insert, number, data.buffer);
  }

  /** Room for a row. The platform is not gentle with an object that has too much. */
  #reserve(number: number): void {
    const wanted = this.#block + ROW_EXTRA;
    if (this.#room < wanted) {
      const left = this.#maxBytes - this.#storage.sql.databaseSize;
      this.#room = Math.min(left, Math.max(LOOK_BYTES, wanted));
    }
    this.#room -= wanted;
    if (this.#room >= 0 || this.#rows(number, number).length > 0) return;
    throw new MultisnapError(
      "NoSpace",
      `${this.#name}: the object's database has all of its ${this.#maxBytes} bytes (maxBytes)`,
    );
  }

  saveSize(): void {
    if (this.size === this.#savedSize) return;
    const save = "UPDATE multisnap SET size = ? WHERE name = ?";
    this.#exec("flushing", save, this.size, this.#name);
    this.#savedSize = this.size;
  }

  resize(bytes: number): void {
    const shorter = bytes < this.size;
    this.size = bytes;
    if (shorter) this.cut();
    this.saveSize();
  }

  /** Nothing is past the end any more (Q1, Q2). */
  cut(): void {
    const block = this.#block;
    this.#exec("cutting", this.#remove, Math.ceil(this.size / block));
    const from = this.size % block;
    if (from === 0) return;
    const number = (this.size - from) / block;
    const [row] = this.#rows(number, number);
    if (!row || row[1].subarray(from).every((byte) => byte === 0)) return;
    row[1].fill(0, from);
    this.#put(number, row[1]);
  }
}
