/**
 * What one view may hold, sector by sector: what is durable, and what was written since. A write is
 * issued, acknowledged, and durable once a flush that was issued after that is acknowledged.
 */
import { markOf, SECTOR } from "./sectors.ts";

/** Sectors `first` .. of a view. */
export interface Write {
  readonly first: number;
  readonly count: number;
  readonly mark: number;
}

export class Book {
  readonly #durable: Uint32Array;
  /** Per sector, the writes that may have changed it, oldest first. */
  readonly #since = new Map<number, Write[]>();
  #acknowledged: Write[] = [];
  /** Books of snapshots that are being taken: they may have what is written meanwhile. */
  readonly #taking = new Set<Book>();

  /** `mark`: what all of it holds at first. */
  constructor(sectors: number, mark: number | Uint32Array) {
    this.#durable = typeof mark === "number" ? new Uint32Array(sectors).fill(mark) : mark.slice();
  }

  issue(write: Write): Write {
    for (let sector = write.first; sector < write.first + write.count; sector++) {
      const since = this.#since.get(sector);
      if (since) since.push(write);
      else this.#since.set(sector, [write]);
    }
    for (const book of this.#taking) book.issue(write);
    return write;
  }

  /** `durable`: it was forced. */
  acknowledge(write: Write, durable = false): void {
    if (durable) this.#settle(write);
    else this.#acknowledged.push(write);
  }

  /** Call what is answered when a flush that begins now is acknowledged. */
  beginFlush(): () => void {
    const writes = [...this.#acknowledged];
    return () => {
      for (const write of writes) this.#settle(write);
      const settled = new Set(writes);
      this.#acknowledged = this.#acknowledged.filter((write) => !settled.has(write));
    };
  }

  /**
   * The book of a snapshot that is taken from now until `endSnapshot`. Call `hasAll` where it is
   * certain that it has all that is acknowledged now.
   */
  beginSnapshot(): { book: Book; hasAll: () => void } {
    const book = new Book(0, this.#durable);
    for (const [sector, writes] of this.#since) book.#since.set(sector, [...writes]);
    const writes = [...this.#acknowledged];
    this.#taking.add(book);
    const hasAll = () => {
      for (const write of writes) book.#settle(write);
    };
    return { book, hasAll };
  }

  endSnapshot(book: Book): void {
    this.#taking.delete(book);
  }

  #settle(write: Write): void {
    for (let sector = write.first; sector < write.first + write.count; sector++) {
      const since = this.#since.get(sector) ?? [];
      const at = since.indexOf(write);
      if (at < 0) continue;
      this.#durable[sector] = write.mark;
      if (at + 1 === since.length) this.#since.delete(sector);
      else since.splice(0, at + 1);
    }
  }

  /**
   * What is there after a crash is what is durable, or any write since; from now on it is what is
   * durable. Answers what is wrong with the bytes from `offset` on, or null.
   */
  adopt(bytes: Buffer, offset: number): string | null {
    for (let at = 0; at < bytes.length; at += SECTOR) {
      const sector = (offset + at) / SECTOR;
      const mark = markOf(bytes, at, sector);
      const since = this.#since.get(sector) ?? [];
      const durable = this.#durable[sector];
      if (mark !== durable && !since.some((write) => write.mark === mark)) {
        const may = [durable, ...since.map((write) => write.mark)].join(" or ");
        return `sector ${sector} is of write ${mark}, not of ${may}`;
      }
      this.#durable[sector] = mark;
      this.#since.delete(sector);
    }
    return null;
  }

  /** The server is gone: nothing is under way any more. */
  crashed(): void {
    this.#acknowledged = [];
    this.#taking.clear();
  }
}
