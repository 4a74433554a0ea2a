/**
 * Verifies a store: every block of the tree, the order and bounds of every entry (I1), that ids are
 * of the timeline (I3), that every place is named by one column only and marked used, and that the
 * space map and the metadata bitmap hold nothing else. Blocks are verified against their checksums
 * as they are read.
 */
import { MultisnapError } from "../errors.ts";
import { endIfAborted, type Task, turn } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";
import type { CheckProblem, CheckReport, ProgressOptions } from "./types.ts";
import { type Entry, HOLE, type Node, SHARED, walkTree } from "./walk.ts";

const PROBLEMS_MAX = 1000;
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
  readonly #core: Core;
  readonly #position = new Map<number, number>([[0, 0]]);
  readonly #used: Bits;
  readonly #top: number;
  readonly #seenBlocks = new Set<number>();
  #column: Entry[] = [];
  #end = 0;
  readonly #progress: (done: number) => void;

  constructor(core: Core, options: ProgressOptions) {
    this.#core = core;
    let position = 1;
    for (const { id } of core.store.facts.timeline()) {
      if (this.#position.has(id)) this.problem("views", `view id ${id} is there twice`);
      this.#position.set(id, position++);
    }
    this.#top = core.store.facts.spaceTop();
    this.#used = new Bits(this.#top);
    const total = core.store.usage().exceptions;
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
      for (const message of yield* this.#core.store.facts.readSupers()) {
        this.problem("superblock", message);
      }
      yield* walkTree(this.#core.store.facts, (node, depth, key) => this.#node(node, depth, key));
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
    if (node.level !== this.#core.store.facts.treeHeight() - 1 - depth) {
      this.problem("tree", `block ${node.block} stands on level ${node.level} at depth ${depth}`);
    }
    if (key) this.#key(node, key);
    for (const entry of node.entries) this.#entry(entry, node.block);
    if (node.level === 0) this.#progress(this.exceptions);
  }

  #key(node: Node, key: { last: number; to: number }): void {
    const entry = node.entries[node.count - 1];
    const last = entry
      ? { last: entry.first + entry.count - 1, to: entry.to }
      : node.keys[node.count - 1]!;
    if (last.last !== key.last || last.to !== key.to) {
      this.problem("tree", `the key of block ${node.block} is not that of its last entry`);
    }
  }

  #entry(entry: Entry, block: number): void {
    this.exceptions++;
    const chunks = `${entry.first}..${entry.first + entry.count - 1}`;
    const where = `entry of chunks ${chunks} in block ${block}`;
    const after = this.#position.get(entry.after);
    const to = this.#position.get(entry.to);
    if (after === undefined || to === undefined) {
      this.problem("I3", `${where} names a view that is not in the timeline`);
      return;
    }
    if (after >= to) this.problem("I1", `${where} covers no view`);
    const head = this.#column[0];
    if (head && head.first !== entry.first) this.#endColumn();
    const before = this.#column[this.#column.length - 1];
    if (before) {
      if (before.count !== entry.count) this.problem("I1", `${where}: its column is ragged`);
      if (this.#position.get(before.to)! > after) {
        this.problem("I1", `${where} overlaps the entry below it in the timeline`);
      }
    } else if (entry.first < this.#end) {
      this.problem("I1", `${where} overlaps the column before it`);
    }
    this.#column.push(entry);
  }

  #endColumn(): void {
    const head = this.#column[0];
    if (!head) return;
    this.#end = head.first + head.count;
    const places = new Map<number, number>();
    for (const entry of this.#column) {
      if (entry.flags & HOLE) continue;
      const other = places.get(entry.place);
      if (other === undefined) {
        this.#takePlaces(entry);
      } else if (!(other & entry.flags & SHARED)) {
        this.problem(
          "I1",
          `chunk ${entry.first}: two entries name a place but are not marked shared`,
        );
      }
      places.set(entry.place, entry.flags);
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
    const { store } = this.#core;
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
    const { store } = this.#core;
    for (const block of store.facts.streamBlocks()) {
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
    const { store } = this.#core;
    const usage = store.usage();
    if (usage.exceptions !== this.exceptions) {
      this.problem("tree", `${usage.exceptions} entries are counted, ${this.exceptions} are there`);
    }
    if (usage.dataBytes !== this.chunks * this.#core.chunk) {
      const counted = usage.dataBytes / this.#core.chunk;
      this.problem("space", `${counted} chunks of data are counted, ${this.chunks} are named`);
    }
    if (!store.view(ORIGIN)) this.problem("views", "the origin is missing");
  }
}

export function checkStore(core: Core, options: ProgressOptions): Task<CheckReport> {
  return new Checker(core, options).run();
}
