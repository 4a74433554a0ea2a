/**
 * Leaves and gaps of the tree as columns: of each its chunks, the entries that can be read, and
 * what of it cannot.
 *
 * Memory: one column.
 */
import type { Entry } from "../walk.ts";
import type { TreeVisitor } from "./nodes.ts";
import type { EntryRules, Lost } from "./rules.ts";
import type { Key } from "./shape.ts";

/**
 * Chunks with the same entries. Where none of them can be read, any number of chunks that belong to
 * one column or several, or to none.
 */
export interface Column {
  first: number;
  count: number;
  /** In order. */
  entries: readonly Entry[];
  /** In order. For the views of a stretch, entries that stand behind it do not count. */
  lost: readonly Lost[];
}

/** Chunks from `first` on up to a key, nothing of which can be read. */
interface Gap {
  first: number;
  to: Key | null;
}

export class Columns implements TreeVisitor {
  readonly #rules: EntryRules;
  readonly #visit: (column: Column, block: number) => void;
  /** Chunks that any view has. */
  readonly #chunks: number;
  #entries: Entry[] = [];
  #lost: Lost[] = [];
  #gap: Gap | null = null;
  #block = 0;

  /** `visit` gets a column that stays as it is, and the block of its last entry. */
  constructor(rules: EntryRules, chunks: number, visit: (column: Column, block: number) => void) {
    this.#rules = rules;
    this.#chunks = chunks;
    this.#visit = visit;
  }

  leaf(entries: readonly Entry[], block: number): void {
    for (const entry of entries) this.#take(entry, block);
  }

  #take(entry: Entry, block: number): void {
    const head = this.#entries[0];
    const last = entry.first + entry.count - 1;
    if (head && (head.first !== entry.first || head.count !== entry.count)) this.#flush();
    if (this.#gap) this.#fill(this.#gap, entry.first, last);
    this.#entries.push(entry);
    this.#block = block;
  }

  /** What is lost before a column and of it. */
  #fill(gap: Gap, first: number, last: number): void {
    this.#gap = null;
    const { bottom } = this.#rules;
    const isOfIt = gap.to !== null && gap.to.last === last;
    this.#blank(gap.first, isOfIt ? first : (gap.to?.last ?? first - 1) + 1, first);
    if (isOfIt && gap.to!.to !== bottom) this.#lost.push({ after: bottom, to: gap.to!.to });
  }

  gap(after: Key | null, to: Key | null): void {
    if (this.#gap) {
      this.#gap.to = to;
      return;
    }
    const head = this.#entries[0];
    const last = head ? head.first + head.count - 1 : -1;
    if (head && after?.last === last) {
      const isInside = to !== null && to.last === last;
      const end = isInside ? to.to : this.#rules.top;
      if (this.#isStretch(after.to, end)) this.#lost.push({ after: after.to, to: end });
      if (isInside) return;
    }
    this.#flush();
    this.#gap = { first: after ? after.last + 1 : 0, to };
  }

  /** Whether entries can have keys in (after, to]; all can be where the order is not known. */
  #isStretch(after: number, to: number): boolean {
    return after !== to && this.#rules.rank(after) <= this.#rules.rank(to);
  }

  /** Behind the last leaf and gap. */
  end(): void {
    this.#flush();
    if (!this.#gap) return;
    const { first, to } = this.#gap;
    this.#gap = null;
    this.#blank(first, to ? to.last + 1 : this.#chunks, this.#chunks);
  }

  /**
   * Nothing of the chunks `first` to `end` - 1 can be read; those from `bound` on do not
   * count, and none that no view has: else a far key would make columns without end.
   */
  #blank(first: number, end: number, bound: number): void {
    const count = Math.min(end, bound, this.#chunks) - first;
    const { bottom, top } = this.#rules;
    if (count <= 0) return;
    this.#visit({ first, count, entries: [], lost: [{ after: bottom, to: top }] }, 0);
  }

  #flush(): void {
    const head = this.#entries[0];
    if (head) {
      const { first, count } = head;
      this.#visit({ first, count, entries: this.#entries, lost: this.#lost }, this.#block);
    }
    this.#entries = [];
    this.#lost = [];
  }
}
