/**
 * Who watches the volume's commits: what writes and changes of the timeline note is told when it is
 * durable.
 *
 * Bounded: `RANGES_MAX` ranges of a view are noted between two commits, then all of it counts as
 * changed; `EVENTS_MAX` events wait for a slow reader, then he gets a gap in their place. Without a
 * watcher nothing is noted.
 */
import { isHidden } from "../../stores/hidden.ts";
import { Signal } from "../../task.ts";
import type { Traffic } from "../traffic.ts";
import type { ByteRange } from "../types.ts";

const RANGES_MAX = 1024;
const VIEWS_MAX = 256;
const EVENTS_MAX = 64;

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
  readonly #readers = new Set<Reader>();
  #noted = nothing();

  wrote(id: number, offset: number, length: number): void {
    if (this.#readers.size === 0 || length === 0) return;
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
    if (this.#readers.size === 0) return;
    if (list.length < RANGES_MAX) list.push(item);
    else this.#noted.isTooMuch = true;
  }

  /** What a commit that begins now makes durable; null: nobody wants to know, or nothing is. */
  take(): Noted | null {
    if (this.#readers.size === 0) return null;
    const noted = this.#noted;
    const { type: _, ...lists } = noted.commit;
    const isNothing = Object.values(lists).every(({ length }) => length === 0);
    if (noted.ranges.size === 0 && isNothing && !noted.isTooMuch) return null;
    this.#noted = nothing();
    return noted;
  }

  tell({ ranges, commit, isTooMuch }: Noted): void {
    const changed = [...ranges].map(([id, found]) => ({ id, ranges: found && joined(found) }));
    for (const reader of this.#readers) {
      reader.put(isTooMuch ? { type: "gap" } : { ...commit, changed });
    }
  }

  watch({ signal }: WatchOptions): AsyncIterableIterator<VolumeEvent> {
    const reader = new Reader(() => {
      this.#readers.delete(reader);
      signal?.removeEventListener("abort", end);
      if (this.#readers.size === 0) this.#noted = nothing();
    });
    const end = () => reader.end();
    if (signal?.aborted) reader.end();
    else {
      this.#readers.add(reader);
      signal?.addEventListener("abort", end);
    }
    return reader;
  }

  /** The volume closes: those who wait hear the end. */
  close(): void {
    for (const reader of [...this.#readers]) reader.end();
  }
}

/** Of one who watches: begins when he asks for it, so that nothing is missed before he reads. */
class Reader implements AsyncIterableIterator<VolumeEvent> {
  #events: VolumeEvent[] = [];
  #isOver = false;
  readonly #moved = new Signal();
  readonly #leave: () => void;

  constructor(leave: () => void) {
    this.#leave = leave;
  }

  put(event: VolumeEvent): void {
    if (this.#events.length >= EVENTS_MAX) this.#events = [{ type: "gap" }];
    else if (event.type !== "gap" || this.#events.at(-1)?.type !== "gap") this.#events.push(event);
    this.#moved.wake();
  }

  end(): void {
    this.#isOver = true;
    this.#leave();
    this.#moved.wake();
  }

  async next(): Promise<IteratorResult<VolumeEvent>> {
    for (;;) {
      const event = this.#events.shift();
      if (event) return { done: false, value: event };
      if (this.#isOver) return { done: true, value: undefined };
      await this.#moved.wait();
    }
  }

  async return(): Promise<IteratorResult<VolumeEvent>> {
    this.#events = [];
    this.end();
    return { done: true, value: undefined };
  }

  [Symbol.asyncIterator](): this {
    return this;
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
