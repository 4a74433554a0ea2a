/**
 * A store's metadata as text: what `restore` needs to make the same of it. From a store that is
 * open for reading, so with what its journal adds.
 *
 * Memory: one leaf, and the lines of the views.
 */
import type { Task } from "../../../task.ts";
import { turn } from "../../../task.ts";
import { SavedViews } from "../saved-views.ts";
import type { TreeStore } from "../tree-store.ts";
import { type Entry, Leaves } from "../walk.ts";
import { headerOf } from "./header.ts";
import { columnLine, type DumpKind, headerLine, LINE_ENTRIES, viewLine } from "./lines.ts";
import { Sum } from "./sum.ts";

/** Leaves between two turns of others. */
const TURN_LEAVES = 16;
/** Bits of an entry that say something for good; the others tell when it was changed. */
const FLAGS = 15;
const encoder = new TextEncoder();

export class Dumper {
  readonly #store: TreeStore;
  readonly #kind: DumpKind;
  readonly #leaves: Leaves;
  readonly #sum: Sum;
  #stage: "head" | "tree" | "over" = "head";
  #views = 0;
  #entries = 0;
  /** The column at work, or its rest. */
  #column: Entry[] = [];

  constructor(store: TreeStore, module: WebAssembly.Module) {
    this.#store = store;
    this.#kind = store.kind === "bitmap" ? "bitmap" : "range";
    this.#leaves = new Leaves(store.facts);
    this.#sum = new Sum(module);
  }

  /** Entries so far, for the progress. */
  get entries(): number {
    return this.#entries;
  }

  /** The next lines, each with its end; null behind the last. */
  *next(): Task<string | null> {
    if (this.#stage === "over") return null;
    if (this.#stage === "head") {
      this.#stage = "tree";
      return this.#summed(this.#head());
    }
    for (let leaves = 1; ; leaves++) {
      const leaf = yield* this.#leaves.next();
      const lines = leaf ? this.#lines(leaf.entries) : this.#rest();
      if (!leaf) return this.#summed(lines) + this.#end();
      if (lines.length > 0) return this.#summed(lines);
      if (leaves % TURN_LEAVES === 0) yield turn();
    }
  }

  #head(): string[] {
    const { engine } = this.#store;
    const sequence = engine.u64At(engine.constant("JOURNAL_SEQUENCE"));
    const lines = [headerLine(headerOf(engine, sequence))];
    for (const view of new SavedViews(engine)) {
      lines.push(viewLine(view, this.#kind));
      this.#views++;
    }
    return lines;
  }

  #lines(entries: readonly Entry[]): string[] {
    const lines: string[] = [];
    for (const entry of entries) {
      this.#entries++;
      const head = this.#column[0];
      const isFull = this.#column.length === LINE_ENTRIES;
      if (head && (head.first !== entry.first || isFull)) lines.push(...this.#rest());
      this.#column.push({ ...entry, flags: entry.flags & FLAGS });
    }
    return lines;
  }

  #rest(): string[] {
    if (this.#column.length === 0) return [];
    const line = columnLine(this.#column, this.#kind);
    this.#column = [];
    return [line];
  }

  #summed(lines: readonly string[]): string {
    const text = lines.map((line) => `${line}\n`).join("");
    this.#sum.add(encoder.encode(text));
    return text;
  }

  #end(): string {
    this.#stage = "over";
    const end = { views: this.#views, entries: this.#entries, crc: this.#sum.text };
    return `${JSON.stringify({ end })}\n`;
  }
}
