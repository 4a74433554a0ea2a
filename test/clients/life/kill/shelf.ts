/** Every view of the served store, with its book and what is certain of its name and its life. */
import { Book } from "./book.ts";

export interface Entry {
  readonly book: Book;
  /** Names that it may have; null: the origin. */
  names: Set<string> | null;
  /** Whether it is there is not certain: its making or its end was never answered. */
  maybe: boolean;
  /** It is being deleted or renamed, or takes no writes: no client goes there. */
  closed: boolean;
}

export class Shelf {
  readonly origin: Entry;
  snapshots: Entry[] = [];
  #names = 0;

  constructor(sectors: number, mark: number) {
    const book = new Book(sectors, mark);
    this.origin = { book, names: null, maybe: false, closed: false };
  }

  get entries(): Entry[] {
    return [this.origin, ...this.snapshots];
  }

  newName(): string {
    return `s${++this.#names}`;
  }

  /** A flush at one connection is for all of them, on every view. */
  beginFlush(): () => void {
    const ends = this.entries.map(({ book }) => book.beginFlush());
    return () => {
      for (const end of ends) end();
    };
  }

  /** After a crash: what is listed settles what was not certain. */
  adopt(listed: string[]): void {
    const found = new Set<Entry>();
    for (const name of listed) {
      const entry = this.snapshots.find(({ names }) => names?.has(name));
      if (!entry || found.has(entry)) throw new Error(`snapshot ${name} should not be there`);
      found.add(entry);
      entry.names = new Set([name]);
    }
    for (const entry of this.snapshots) {
      if (!found.has(entry) && !entry.maybe) throw new Error(`${nameOf(entry)} is lost`);
      entry.maybe = false;
      entry.closed = false;
    }
    this.snapshots = this.snapshots.filter((entry) => found.has(entry));
    for (const { book } of this.entries) book.crashed();
  }
}

/** As an export: `""` or `@NAME`. */
export function exportOf({ names }: Entry): string {
  return names === null ? "" : `@${[...names][0]}`;
}

export function nameOf({ names }: Entry): string {
  return names === null ? "the origin" : `snapshot ${[...names].join(" or ")}`;
}
