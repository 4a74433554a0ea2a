/**
 * Who watches the volume's commits: what writes and changes of the timeline note is told when it is
 * durable.
 *
 * Bounded: `RANGES_MAX` ranges of a view are noted between two commits, then all of it counts as
 * changed; for a slow reader see readers.ts. Without a watcher nothing is noted.
 */
import { isHidden } from "../../stores/hidden.ts";
import type { Traffic } from "../traffic.ts";
import type { ByteRange } from "../types.ts";
import { Readers } from "./readers.ts";

const RANGES_MAX = 1024;
const VIEWS_MAX = 256;

export interface WatchOptions {
  signal?: AbortSignal;
}

export interface Named {
  id: number;
  name: string;
}

export interface Changed {
  /** Of the view; the origin's is 1. */
  id: number;
  /** In order, joined; null: anywhere. `diff` tells where, from a snapshot. */
  ranges: ByteRange[] | null;
}

export type VolumeEvent =
  | {
      type: "commit";
      changed: Changed[];
      made: Named[];
      deleted: Named[];
      /** `name`: the new one. */
      renamed: (Named & { from: string })[];
      /** Views whose note, tags, holds or read-only flag are others; the origin's name is null. */
      described: { id: number; name: string | null }[];
    }
  /** The reader was too slow, or too much changed at once: anything may have happened. */
  | { type: "gap" };

type Commit = Extract<VolumeEvent, { type: "commit" }>;

/** What has been noted since the last commit. */
export interface Noted {
  ranges: Map<number, ByteRange[] | null>;
  commit: Omit<Commit, "changed">;
  isTooMuch: boolean;
}

/** Of a volume: made with the first one who watches. */
export function watchersOf(traffic: Traffic): Watchers {
  traffic.watchers ??= new Watchers();
  return traffic.watchers;
}

export class Watchers {
  #noted = nothing();
  readonly #readers = new Readers(() => {
    this.#noted = nothing();
  });

  wrote(id: number, offset: number, length: number): void {
    if (this.#readers.isEmpty || length === 0) return;
    const { ranges } = this.#noted;
    const known = ranges.get(id);
    if (known === null) return;
    if (known === undefined) {
      if (ranges.size === VIEWS_MAX) this.#noted.isTooMuch = true;
      else ranges.set(id, [{ offset, length }]);
      return;
    }
    const last = known.at(-1)!;
    if (offset >= last.offset && offset <= last.offset + last.length) {
      last.length = Math.max(last.length, offset + length - last.offset);
    } else if (known.length < RANGES_MAX) known.push({ offset, length });
    else ranges.set(id, null);
  }

  made(id: number, name: string): void {
    if (!isHidden(name)) this.#note(this.#noted.commit.made, { id, name });
  }

  deleted(id: number, name: string | null): void {
    if (name !== null && !isHidden(name)) this.#note(this.#noted.commit.deleted, { id, name });
  }

  renamed(id: number, from: string | null, name: string): void {
    if (from !== null) this.#note(this.#noted.commit.renamed, { id, from, name });
  }

  described(id: number, name: string | null): void {
    const { described } = this.#noted.commit;
    if (!isHidden(name) && !described.some((view) => view.id === id)) {
      this.#note(described, { id, name });
    }
  }

  #note<T>(list: T[], item: T): void {
    if (this.#readers.isEmpty) return;
    if (list.length < RANGES_MAX) list.push(item);
    else this.#noted.isTooMuch = true;
  }

  /** What a commit that begins now makes durable; null: nobody wants to know, or nothing is. */
  take(): Noted | null {
    if (this.#readers.isEmpty) return null;
    const noted = this.#noted;
    const { type: _, ...lists } = noted.commit;
    const isNothing = Object.values(lists).every(({ length }) => length === 0);
    if (noted.ranges.size === 0 && isNothing && !noted.isTooMuch) return null;
    this.#noted = nothing();
    return noted;
  }

  tell({ ranges, commit, isTooMuch }: Noted): void {
    const changed = [...ranges].map(([id, found]) => ({ id, ranges: found && joined(found) }));
    this.#readers.put(isTooMuch ? { type: "gap" } : { ...commit, changed });
  }

  watch({ signal }: WatchOptions): AsyncIterableIterator<VolumeEvent> {
    return this.#readers.add(signal);
  }

  /** The volume closes: those who wait hear the end. */
  close(): void {
    this.#readers.end();
  }
}

function nothing(): Noted {
  const commit = { type: "commit" as const, made: [], deleted: [], renamed: [], described: [] };
  return { ranges: new Map(), commit, isTooMuch: false };
}

function joined(ranges: readonly ByteRange[]): ByteRange[] {
  const found: ByteRange[] = [];
  for (const { offset, length } of [...ranges].sort((a, b) => a.offset - b.offset)) {
    const last = found.at(-1);
    if (last && offset <= last.offset + last.length) {
      last.length = Math.max(last.length, offset + length - last.offset);
    } else found.push({ offset, length });
  }
  return found;
}
