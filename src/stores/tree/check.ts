/**
 * Verifies a store: every block of the tree, the order and bounds of every entry (I1), that ids are
 * of the timeline (I3), that every place is named by one column only and marked used, and that the
 * space map and the metadata bitmap hold nothing else. Blocks are verified against their checksums
 * as they are read.
 */
import { MultisnapError } from "../../errors.ts";
import { endIfAborted, type Task, turn } from "../../task.ts";
import type { CheckProblem, CheckReport, ProgressOptions } from "../store.ts";
import type { TreeStore } from "./tree-store.ts";
import { type Entry, HOLE, type Node, walkTree } from "./walk.ts";

const ORIGIN = 1;
const PROBLEMS_MAX = 1000;
/** What an entry must be, as far as the kind of the store decides it. */
export interface EntryRules {
  /**
   * What is wrong with an entry behind `before`, the one before it in its column, if there is one;
   * null: nothing.
   */
  problem(entry: Entry, before: Entry | undefined): CheckProblem | null;
  /** What an inner node keeps of an entry beside its last chunk. */
  key(entry: Entry): number;
  /** Whether two entries of a column may name the same place. */
  mayShare(a: Entry, b: Entry): boolean;
}

/** Groups of the space map that are looked at before others may come. */
const TURN_GROUPS = 16;

class Bits {
  readonly #words: Uint8Array;

  constructor(size: number) {
    this.#words = new Uint8Array(Math.ceil(size / 8));
  }
  get(index: number): boolean {
    return ((this.#words[Math.floor(index / 8)]! >>> (index & 7)) & 1) !== 0;
  }
  /** Sets a bit; answers whether it was set before. */
  set(index: number): boolean {
    const before = this.get(index);
    this.#words[Math.floor(index / 8)]! |= 1 << (index & 7);
    return before;
  }
}

class Checker {
  readonly problems: CheckProblem[] = [];
  blocks = 0;
  exceptions = 0;
  chunks = 0;
  readonly #store: TreeStore;
  readonly #rules: EntryRules;
  readonly #used: Bits;
  readonly #top: number;
  readonly #seenBlocks = new Set<number>();
  #column: Entry[] = [];
  #end = 0;
  readonly #progress: (done: number) => void;

  constructor(store: TreeStore, rules: EntryRules, options: ProgressOptions) {
    this.#store = store;
    this.#rules = rules;
    const ids = new Set<number>();
    for (const { id } of store.facts.timeline()) {
      if (ids.has(id)) this.problem("views", `view id ${id} is there twice`);
      ids.add(id);
    }
    this.#top = store.facts.spaceTop();
    this.#used = new Bits(this.#top);
    const total = store.usage().exceptions;
    this.#progress = (done) => {
      endIfAborted(options.signal);
      options.progress?.(done, total);
    };
  }

  problem(where: string, message: string): void {
    if (this.problems.length < PROBLEMS_MAX) this.problems.push({ where, message });
  }

  *run(): Task<CheckReport> {
    try {
      for (const message of yield* this.#store.facts.readSupers()) {
        this.problem("superblock", message);
      }
      yield* walkTree(this.#store.facts, (node, depth, key) => this.#node(node, depth, key));
      this.#endColumn();
      yield* this.#space();
      this.#metadata();
      this.#counts();
    } catch (error) {
      if (!(error instanceof MultisnapError) || error.code !== "Corrupt") throw error;
      this.problem("tree", error.message.replace(/: run check$/, ""));
    }
    const { problems, blocks, exceptions, chunks } = this;
    return { clean: problems.length === 0, problems, blocks, exceptions, chunks };
  }

  #node(node: Node, depth: number, key: { last: number; to: number } | null): void {
    this.blocks++;
    if (this.#seenBlocks.has(node.block)) {
      this.problem("tree", `block ${node.block} is reached twice`);
      throw new MultisnapError("Corrupt", "the tree is no tree");
    }
    this.#seenBlocks.add(node.block);
    if (node.level !== this.#store.facts.treeHeight() - 1 - depth) {
      this.problem("tree", `block ${node.block} stands on level ${node.level} at depth ${depth}`);
    }
    if (key) this.#key(node, key);
    for (const entry of node.entries) this.#entry(entry, node.block);
    if (node.level === 0) this.#progress(this.exceptions);
  }

  #key(node: Node, key: { last: number; to: number }): void {
    const entry = node.entries[node.count - 1];
    const last = entry
      ? { last: entry.first + entry.count - 1, to: this.#rules.key(entry) }
      : node.keys[node.count - 1]!;
    if (last.last !== key.last || last.to !== key.to) {
      this.problem("tree", `the key of block ${node.block} is not that of its last entry`);
    }
  }

  #entry(entry: Entry, block: number): void {
    this.exceptions++;
    const head = this.#column[0];
    if (head && head.first !== entry.first) this.#endColumn();
    const before = this.#column[this.#column.length - 1];
    const chunks = `${entry.first}..${entry.first + entry.count - 1}`;
    const where = `entry of chunks ${chunks} in block ${block}`;
    const found = this.#rules.problem(entry, before);
    if (found) this.problem(found.where, `${where} ${found.message}`);
    if (before && before.count !== entry.count) {
      this.problem("I1", `${where}: its column is ragged`);
    }
    if (!before && entry.first < this.#end) {
      this.problem("I1", `${where} overlaps the column before it`);
    }
    this.#column.push(entry);
  }

  #endColumn(): void {
    const head = this.#column[0];
    if (!head) return;
    this.#end = head.first + head.count;
    const places = new Map<number, Entry>();
    for (const entry of this.#column) {
      if (entry.flags & HOLE) continue;
      const other = places.get(entry.place);
      if (other === undefined) {
        this.#takePlaces(entry);
      } else if (!this.#rules.mayShare(other, entry)) {
        this.problem("I1", `chunk ${entry.first}: two entries name a place and may not share it`);
      }
      places.set(entry.place, entry);
    }
    this.#column = [];
  }

  #takePlaces(entry: Entry): void {
    this.chunks += entry.count;
    for (let i = 0; i < entry.count; i++) {
      const place = entry.place + i;
      if (place >= this.#top) {
        this.problem("space", `chunk ${entry.first + i} lies at place ${place}, past the end`);
        return;
      }
      if (this.#used.set(place)) {
        this.problem("I2", `place ${place} is named for chunk ${entry.first + i} and for another`);
      }
    }
  }

  /**
   * The space map holds what entries name, the fixed part and slabs; and what waits for a commit.
   */
  *#space(): Task<void> {
    const store = this.#store;
    for (const { place, count } of store.facts.ownPlaces()) {
      for (let i = 0; i < count; i++) {
        if (place + i >= this.#top || this.#used.set(place + i)) {
          this.problem("space", `place ${place + i} is metadata's and data's`);
        }
      }
    }
    let extra = 0;
    let groups = 0;
    for (let at = 0; at < this.#top; ) {
      if (++groups % TURN_GROUPS === 0) yield turn();
      const group = yield* store.facts.readGroup(at);
      const end = Math.min(this.#top, group.first + group.count);
      for (; at < end; at++) {
        const marked = group.isUsed(at - group.first);
        const named = this.#used.get(at);
        if (named && !marked) this.problem("space", `place ${at} is in use and marked free`);
        if (marked && !named) extra++;
      }
      if (group.block !== 0) {
        this.blocks++;
        if (this.#seenBlocks.has(group.block)) {
          this.problem("space", `block ${group.block} is the space map's and the tree's`);
        }
        this.#seenBlocks.add(group.block);
      }
    }
    if (extra !== store.facts.heldChunks()) {
      this.problem(
        "space",
        `${extra - store.facts.heldChunks()} places are marked in use by nobody`,
      );
    }
  }

  #metadata(): void {
    const store = this.#store;
    for (const block of [...store.facts.streamBlocks(), ...store.facts.sumBlocks()]) {
      this.blocks++;
      if (this.#seenBlocks.has(block)) this.problem("tables", `block ${block} has two uses`);
      this.#seenBlocks.add(block);
    }
    for (const block of this.#seenBlocks) {
      if (!store.facts.isBlock(block))
        this.problem("space", `metadata block ${block} is marked free`);
    }
    const known = store.usage().metadataBytes / 4096 - 1;
    if (known !== this.#seenBlocks.size) {
      this.problem(
        "space",
        `${known} metadata blocks are marked in use, ${this.#seenBlocks.size} are`,
      );
    }
  }

  #counts(): void {
    const store = this.#store;
    const usage = store.usage();
    if (usage.exceptions !== this.exceptions) {
      this.problem("tree", `${usage.exceptions} entries are counted, ${this.exceptions} are there`);
    }
    if (usage.dataBytes !== this.chunks * 2 ** this.#store.chunkShift) {
      const counted = usage.dataBytes / 2 ** this.#store.chunkShift;
      this.problem("space", `${counted} chunks of data are counted, ${this.chunks} are named`);
    }
    if (!store.view(ORIGIN)) this.problem("views", "the origin is missing");
  }
}

export function checkTree(
  store: TreeStore,
  rules: EntryRules,
  options: ProgressOptions,
): Task<CheckReport> {
  return new Checker(store, rules, options).run();
}
