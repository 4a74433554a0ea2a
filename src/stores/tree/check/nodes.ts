/**
 * A walk over the tree that goes on behind what it cannot read: leaves in order, and between them
 * gaps, by the keys that stand around them. Leaves that a damaged inner node led to are found by
 * scanning.
 *
 * Memory: the path, one leaf; where an inner node is lost, some bytes for each leaf of the store.
 */
import { type Task, turn } from "../../../task.ts";
import type { Entry, Node } from "../walk.ts";
import { u64At } from "./blocks.ts";
import type { MetaBlocks } from "./meta.ts";
import type { Key, Shape } from "./shape.ts";

/** Nodes between two moments for other work. */
const TURN_NODES = 16;

/** What comes next in the tree: entries that can be read, or those that cannot. */
export interface TreeVisitor {
  leaf(entries: readonly Entry[], block: number): void;
  /** Entries with keys above `after` up to `to` are lost; null: the tree's ends. */
  gap(after: Key | null, to: Key | null): void;
}

/** A leaf that a scan found. */
interface Orphan {
  number: number;
  at: number;
  generation: number;
  /** Entries. */
  count: number;
  first: Key;
  /** The highest key that an entry before the first could have. */
  below: Key;
  last: Key;
}

interface Step {
  node: Node;
  low: Key | null;
  next: number;
}

export class TreeWalk {
  readonly #meta: MetaBlocks;
  readonly #shape: Shape;
  readonly #visitor: TreeVisitor;
  /** Whether a leaf can be the one of this checkpoint; what speaks against it. */
  readonly #suspect: (entries: readonly Entry[]) => string | null;
  #orphans: Orphan[] | null = null;
  /** Blocks in use that nobody can read. */
  #missing = 0;

  constructor(
    meta: MetaBlocks,
    shape: Shape,
    suspect: (entries: readonly Entry[]) => string | null,
    visitor: TreeVisitor,
  ) {
    this.#meta = meta;
    this.#shape = shape;
    this.#suspect = suspect;
    this.#visitor = visitor;
  }

  *run(): Task<void> {
    const { image, findings } = this.#meta;
    const height = image.u32("SUPER_HEIGHT");
    const root = image.u32("SUPER_ROOT");
    if (height === 0) {
      if (root !== 0) findings.problem("tree", `a tree without levels has a root, block ${root}`);
      return;
    }
    const path: Step[] = [];
    yield* this.#enter(root, height - 1, null, null, path);
    let nodes = 0;
    while (path.length > 0) {
      const top = path[path.length - 1]!;
      if (top.next === top.node.children.length) {
        path.pop();
        continue;
      }
      if (++nodes % TURN_NODES === 0) yield turn();
      const index = top.next++;
      const low = index === 0 ? top.low : top.node.keys[index - 1]!;
      const child = top.node.children[index]!;
      yield* this.#enter(child, top.node.level - 1, low, top.node.keys[index]!, path);
    }
  }

  *#enter(
    block: number,
    level: number,
    low: Key | null,
    high: Key | null,
    path: Step[],
  ): Task<void> {
    const { findings } = this.#meta;
    const bounds = { level, low, high };
    const read = (bytes: Uint8Array) => {
      const node = this.#shape.read(bytes, bounds);
      if (typeof node === "string" || level > 0) return node;
      return this.#suspect(node.entries) ?? node;
    };
    const problem = (bytes: Uint8Array) => {
      const node = read(bytes);
      return typeof node === "string" ? node : null;
    };
    const bytes = yield* this.#meta.fetch(block, "tree", problem);
    const node = bytes && read(bytes);
    if (node === null || typeof node === "string") {
      if (level === 0) this.#visitor.gap(low, high);
      else yield* this.#salvage(low, high);
    } else if (level > 0) {
      path.push({ node, low, next: 0 });
    } else {
      this.#visitor.leaf(node.entries, block);
      findings.step();
    }
  }

  /** The leaves between two keys, without the inner nodes above them. */
  *#salvage(low: Key | null, high: Key | null): Task<void> {
    const visitor = this.#visitor;
    this.#orphans ??= yield* this.#scanLeaves();
    let after = low;
    for (let i = this.#firstAfter(this.#orphans, low); i < this.#orphans.length; i++) {
      const orphan = this.#orphans[i]!;
      if (high && this.#shape.compare(orphan.first, high) > 0) break;
      if (!this.#isAfter(orphan.first, after) || this.#meta.met.get(orphan.number)) continue;
      if (high && this.#shape.compare(orphan.last, high) > 0) continue;
      const bounds = { level: 0, low: after, high: orphan.last };
      const { bytes } = yield* this.#meta.blocks.readSealed(orphan.at);
      const node = this.#shape.read(bytes, bounds);
      if (typeof node === "string" || this.#suspect(node.entries) !== null) continue;
      this.#meta.met.set(orphan.number);
      this.#meta.findings.blocks++;
      if (this.#mayMiss()) visitor.gap(after, orphan.below);
      visitor.leaf(node.entries, orphan.number);
      after = orphan.last;
    }
    const isEnd = after !== null && high !== null && this.#shape.compare(after, high) === 0;
    if (!isEnd && (this.#mayMiss() || high !== null || after === null)) visitor.gap(after, high);
  }

  #isAfter(key: Key, bound: Key | null): boolean {
    return bound === null || this.#shape.compare(bound, key) < 0;
  }

  /** Index of the first leaf behind a key. */
  #firstAfter(orphans: readonly Orphan[], bound: Key | null): number {
    let from = 0;
    let end = orphans.length;
    while (from < end) {
      const middle = (from + end) >>> 1;
      if (this.#isAfter(orphans[middle]!.first, bound)) end = middle;
      else from = middle + 1;
    }
    return from;
  }

  /** Whether there can be leaves that no scan finds. */
  #mayMiss(): boolean {
    return !this.#meta.slabs.isKnown || this.#missing > 0;
  }

  /** All leaves of the checkpoint that can be read, in the order of their keys. */
  *#scanLeaves(): Task<Orphan[]> {
    const { slabs, image, damaged } = this.#meta;
    const scan = yield* this.#meta.scan();
    const { misplaced } = scan;
    const found = new Map<number, Orphan>();
    let whole = 0;
    let entries = 0;
    yield* scan.walk((number, at, bytes) => {
      const isThere = slabs.home(number) === at || misplaced.get(number) === at;
      if (!isThere || !slabs.isUsed(number)) return;
      whole++;
      const known = found.get(number);
      const generation = u64At(bytes, 16);
      if (!this.#shape.isLeaf(bytes) || (known && known.generation >= generation)) return;
      const node = this.#shape.read(bytes, { level: 0, low: null, high: null });
      if (typeof node !== "string") found.set(number, this.#orphan(node, at, generation));
    });
    for (const { count } of found.values()) entries += count;
    const missing = image.u32("SUPER_META") - 1 - whole - damaged.count;
    // Blocks that nobody can read are not leaves, if all entries are there.
    this.#missing = entries === image.u64("SUPER_ENTRIES") ? 0 : Math.max(0, missing);
    return [...found.values()].sort(
      (a, b) => this.#shape.compare(a.first, b.first) || b.generation - a.generation,
    );
  }

  #orphan(node: Node, at: number, generation: number): Orphan {
    const first = this.#shape.keyAt(node, 0);
    const below = { last: first.last, to: this.#shape.rules.below(node.entries[0]!) };
    const last = this.#shape.keyAt(node, node.count - 1);
    return { number: node.block, at, generation, count: node.count, first, below, last };
  }
}
