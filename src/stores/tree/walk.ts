/**
 * A walk over the whole tree, block by block, for check and accounting. Bounded memory: the path,
 * and one node at a time.
 */

import { MultisnapError } from "../../errors.ts";
import { type Task, turn } from "../../task.ts";
import type { TreeFacts } from "./facts.ts";

/**
 * A column's share of one entry: chunks `first` .. `first + count - 1` lie at `place` for the views
 * in (after, to]; in a bitmap store the two are the halves of the mask, low and high.
 */
export interface Entry {
  first: number;
  count: number;
  after: number;
  to: number;
  place: number;
  flags: number;
}

export interface Node {
  block: number;
  level: number;
  count: number;
  /** Of an inner node: blocks of the children, and the keys that it has for them. */
  children: number[];
  keys: { last: number; to: number }[];
  /** Of a leaf. */
  entries: Entry[];
}

export const SHARED = 1;
export const HOLE = 2;
/** Range store: of the highest entry of a column, that nobody below it is without one. */
export const FILLED = 4;
/** Range store: only for those views of (after, to] that no entry before it in the column has. */
export const AROUND = 8;
/** Bitmap store, with HOLE: not zeros, but what lies under the store. */
export const UNDER = 8;
/** The bits of an entry's flags that are no epoch. */
export const FLAGS = 15;
/** Place of an entry with HOLE whose chunks damage took. */
export const LOST_PLACE = 0x7fffffff;

export function isLost(entry: Entry): boolean {
  return (entry.flags & HOLE) !== 0 && entry.place === LOST_PLACE;
}

const HEADER = 64;
const LEVELS_MAX = 12;
/** Nodes that are visited before others may come: some milliseconds. */
const TURN_NODES = 16;

/** A tree node from its bytes. */
export function parseNode(bytes: Uint8Array): Node {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.byteLength >>> 2);
  const level = view.getUint16(8, true);
  const count = view.getUint16(10, true);
  const node: Node = {
    block: view.getUint32(4, true),
    level,
    count,
    children: [],
    keys: [],
    entries: [],
  };
  for (let i = 0; i < count; i++) {
    if (level > 0) {
      const at = HEADER + i * 16;
      node.keys.push({ last: u48(view, at + 2), to: view.getUint32(at + 8, true) });
      node.children.push(view.getUint32(at + 12, true));
    } else {
      node.entries.push(parseEntry(words, (HEADER + i * 24) >>> 2));
    }
  }
  return node;
}

/** `at`: index of its first word; words are read faster than fields. */
function parseEntry(words: Uint32Array, at: number): Entry {
  const count = words[at]! & 0xffff;
  return {
    first: (words[at]! >>> 16) + words[at + 1]! * 2 ** 16 - count + 1,
    count,
    after: words[at + 2]!,
    to: words[at + 3]!,
    place: (words[at + 4]! >>> 16) + words[at + 5]! * 2 ** 16,
    flags: words[at + 4]! & 0xffff,
  };
}

/** Writes an entry as a leaf has it. */
export function putEntry(bytes: Uint8Array, at: number, entry: Entry): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset + at);
  view.setUint16(0, entry.count, true);
  putU48(view, 2, entry.first + entry.count - 1);
  view.setUint32(8, entry.after, true);
  view.setUint32(12, entry.to, true);
  view.setUint16(16, entry.flags, true);
  putU48(view, 18, entry.place);
}

function putU48(view: DataView, at: number, value: number): void {
  view.setUint32(at, value % 2 ** 32, true);
  view.setUint16(at + 4, Math.floor(value / 2 ** 32), true);
}

function u48(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
}

/**
 * Calls `visit` with every node, parents before children, left to right; lets other work in now and
 * then, which must not change the tree. Answers when all have been visited.
 */
export function* walkTree(
  facts: TreeFacts,
  visit: (node: Node, depth: number, key: { last: number; to: number } | null) => void,
): Task<void> {
  const root = facts.root();
  if (root === 0) return;
  const path: { node: Node; next: number }[] = [];
  const first = parseNode(yield* facts.readBlock(root));
  if (first.count === 0) throw noTree();
  visit(first, 0, null);
  path.push({ node: first, next: 0 });
  let nodes = 0;
  while (path.length > 0) {
    const top = path[path.length - 1]!;
    if (top.node.level === 0 || top.next === top.node.children.length) {
      path.pop();
      continue;
    }
    const index = top.next++;
    if (++nodes % TURN_NODES === 0) yield turn();
    if (nodes >= facts.metadataBlocks()) throw noTree();
    const child = parseNode(yield* facts.readBlock(top.node.children[index]!));
    // A page of the space map is whole and no node.
    if (child.count === 0) throw noTree();
    visit(child, path.length, top.node.keys[index]!);
    path.push({ node: child, next: 0 });
  }
}

/** A node that is reached twice would be walked over and over. */
function noTree(): MultisnapError {
  return new MultisnapError("Corrupt", "the tree of metadata blocks is no tree: run check");
}

/** The leaves of the tree, in order, one at a time: for who has to wait between two of them. */
export class Leaves {
  readonly #facts: TreeFacts;
  /** Blocks that are left of each level. */
  readonly #left: number[][] = [];
  #nodes = 0;

  constructor(facts: TreeFacts) {
    this.#facts = facts;
    if (facts.root() !== 0) this.#left.push([facts.root()]);
  }

  /** The next one, null behind the last. */
  *next(): Task<Node | null> {
    for (;;) {
      const level = this.#left.at(-1);
      if (!level) return null;
      const block = level.shift();
      if (block === undefined) {
        this.#left.pop();
        continue;
      }
      const node = parseNode(yield* this.#facts.readBlock(block));
      if (node.count === 0 || ++this.#nodes > this.#facts.metadataBlocks()) throw noTree();
      if (node.level === 0) return node;
      if (this.#left.length > LEVELS_MAX) throw noTree();
      this.#left.push(node.children);
    }
  }
}
