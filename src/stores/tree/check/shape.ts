/** What a node of the tree must be by itself and by what its parent says of it. */
import type { CheckProblem } from "../../store.ts";
import { type Entry, HOLE, type Node, parseNode } from "../walk.ts";
import { type Blocks, u32At } from "./blocks.ts";
import type { EntryRules } from "./rules.ts";

/** What an inner node keeps of the last entry under a child; what lies between two of them. */
export interface Key {
  last: number;
  to: number;
}

/** Entries of a node have keys above `low`, the last one `high`; null: the tree's ends. */
export interface Bounds {
  level: number;
  low: Key | null;
  high: Key | null;
}

export class Shape {
  readonly rules: EntryRules;
  readonly #leaf: number;
  readonly #inner: number;
  readonly #leafMax: number;
  readonly #innerMax: number;
  readonly #top: number;

  /** `top`: places are below it. */
  constructor(blocks: Blocks, rules: EntryRules, top: number) {
    this.rules = rules;
    this.#leaf = blocks.constant("TYPE_LEAF");
    this.#inner = blocks.constant("TYPE_INNER");
    this.#leafMax = blocks.constant("LEAF_MAX");
    this.#innerMax = blocks.constant("INNER_MAX");
    this.#top = top;
  }

  isLeaf(bytes: Uint8Array): boolean {
    return u32At(bytes, 12) === this.#leaf;
  }

  /** A whole block as a node, or what is wrong with it. */
  read(bytes: Uint8Array, bounds: Bounds): Node | string {
    const { level } = bounds;
    const type = u32At(bytes, 12);
    if (type !== (level === 0 ? this.#leaf : this.#inner)) return "it is of another type";
    const head = u32At(bytes, 8);
    const count = head >>> 16;
    if ((head & 0xffff) !== level) return `it is of level ${head & 0xffff}, not ${level}`;
    const most = level === 0 ? this.#leafMax : this.#innerMax;
    if (count === 0 || count > most) return `it has ${count} entries`;
    const node = parseNode(bytes);
    return this.#entriesProblem(node.entries) ?? this.#boundsProblem(node, bounds) ?? node;
  }

  /** Key of an entry of a leaf, or of an inner node. */
  keyAt(node: Node, index: number): Key {
    const entry = node.entries[index];
    if (!entry) return node.keys[index]!;
    return this.keyOf(entry);
  }

  keyOf(entry: Entry): Key {
    return { last: entry.first + entry.count - 1, to: this.rules.key(entry) };
  }

  /** Below 0: `a` stands before `b`. Keys whose order is not known are equal. */
  compare(a: Key, b: Key): number {
    return a.last - b.last || this.rules.rank(a.to) - this.rules.rank(b.to);
  }

  #entriesProblem(entries: readonly Entry[]): string | null {
    let before: Entry | undefined;
    for (const entry of entries) {
      const found = this.entryProblem(entry, before);
      if (found !== null) return `${found.where}: ${chunksOf(entry)} ${found.message}`;
      before = entry;
    }
    return null;
  }

  /** What is wrong with an entry behind `before` in its leaf, or its column, or both. */
  entryProblem(entry: Entry, before: Entry | undefined): CheckProblem | null {
    const { first, count, place, flags } = entry;
    if (count === 0 || first < 0) return { where: "tree", message: "are no run of chunks" };
    if ((flags & HOLE) === 0 && (place === 0 || place + count > this.#top)) {
      return { where: "space", message: `lie at place ${place}, past the end` };
    }
    const isColumn = before && before.first + before.count === first + count;
    if (isColumn && before.count !== count) return { where: "I1", message: "are a ragged column" };
    if (before && !isColumn && before.first + before.count > first) {
      return { where: "I1", message: "overlap the column before it" };
    }
    return this.rules.problem(entry, isColumn ? before : undefined);
  }

  #boundsProblem(node: Node, { low, high }: Bounds): string | null {
    for (let i = 0; i < node.count; i++) {
      const key = this.keyAt(node, i);
      if (this.rules.rank(key.to) < 0) return `its key names view ${key.to}, which is not there`;
      const before = i === 0 ? low : this.keyAt(node, i - 1);
      if (before && this.#isAbove(before, key)) return "its keys are out of order";
    }
    if (high && this.compare(this.keyAt(node, node.count - 1), high) !== 0) {
      return "its last key is not what its parent says";
    }
    return null;
  }

  /** Whether `before` does not stand before `key`: equal keys count where the order is known. */
  #isAbove(before: Key, key: Key): boolean {
    const order = this.compare(before, key);
    return order > 0 || (order === 0 && before.to === key.to);
  }
}

export function chunksOf({ first, count }: Entry): string {
  return `chunks ${first}..${first + count - 1}`;
}
