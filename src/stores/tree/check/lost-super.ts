/**
 * The superblock of a checkpoint that has lost it, made anew of what the checkpoint itself says:
 * its tables are the newest on the device, and know which blocks are in use; of those only one can
 * begin each stream, and one be the root.
 *
 * A superblock is written when all else of its checkpoint is durable. So a checkpoint that is whole
 * counts, whether a power cut tore its superblock or damage took it later.
 *
 * Memory: some bytes for each block of a stream, and what `Salvage` takes.
 */
import type { Task } from "../../../task.ts";
import { FEATURE_MARKS, FEATURE_SEATS } from "../layout.ts";
import { BLOCK, type Blocks, putU32, READ_BLOCKS, u32At, u64At } from "./blocks.ts";
import { Findings } from "./findings.ts";
import { JournalReader } from "./journal.ts";
import { HEADER, MetaBlocks } from "./meta.ts";
import { eachOperation, OP_CREATE, OP_ROLLBACK } from "./operations.ts";
import { Salvage } from "./salvage.ts";
import { Scan } from "./scan.ts";
import { Slabs } from "./slabs.ts";
import { SuperImage, type Supers } from "./supers.ts";
import { type Groups, readTables } from "./tables.ts";

/** Blocks of a stream, at most. */
const STREAM_MAX = 32_768;
const VIEW_WORDS = 6;
const ORIGIN = 1;

/** A block of a stream. */
interface Link {
  at: number;
  generation: number;
  words: number;
  next: number;
}

/**
 * The superblock that counts: the newest, or one made anew of a checkpoint that is newer, whole,
 * and has no superblock that can be read.
 */
export function* bestImage(blocks: Blocks, { slots, newest }: Supers): Task<SuperImage> {
  const lost = slots.find(({ image, state }) => image === null && state !== "unsupported");
  const isFirst = lost?.state === "empty" && newest.generation === 1;
  if (!lost || isFirst) return newest;
  // A checkpoint after the next would have overwritten the superblock that is there, so only the
  // next can have been lost; but for a repair's, which leaves a gap.
  const { next, later } = yield* lostTables(blocks, newest);
  for (const tables of [next, later]) {
    const rebuilt = yield* new Rebuild(blocks, newest).from(tables);
    if (rebuilt) return rebuilt;
  }
  return newest;
}

interface LostTables {
  /** Of the checkpoint after that of the superblock. */
  next: Link[];
  /** Of the newest one behind that. */
  later: Link[];
}

/** Blocks of tables streams on the device, of checkpoints that have no superblock. */
function* lostTables(blocks: Blocks, older: SuperImage): Task<LostTables> {
  const type = blocks.constant("TYPE_TABLES");
  const store = blocks.constant("BLOCK_STORE");
  const findings = new Findings({});
  const first = older.generation + 1;
  const next: Link[] = [];
  let later: Link[] = [];
  for (let at = 2; at < blocks.size; at += READ_BLOCKS) {
    if (at % (256 * READ_BLOCKS) === 2) findings.step();
    const bytes = yield* blocks.look(at, READ_BLOCKS);
    for (let i = 0; i < READ_BLOCKS; i++) {
      const block = bytes.subarray(i * BLOCK, (i + 1) * BLOCK);
      if (u32At(block, 12) !== type) continue;
      if (!older.isOfStore(block, store) || !blocks.isWhole(block)) continue;
      const link = linkOf(block, at + i);
      const newest = later[0]?.generation ?? first;
      if (link.generation > newest) later = [link];
      else if (link.generation === first && next.length < STREAM_MAX) next.push(link);
      else if (link.generation === newest && later.length < STREAM_MAX) later.push(link);
    }
  }
  return { next, later };
}

class Rebuild {
  readonly #blocks: Blocks;
  readonly #older: SuperImage;
  readonly #bytes: Uint8Array;

  constructor(blocks: Blocks, older: SuperImage) {
    this.#blocks = blocks;
    this.#older = older;
    this.#bytes = older.bytes.slice();
  }

  *from(links: readonly Link[]): Task<SuperImage | null> {
    const tables = chain(links);
    if (!tables) return null;
    const generation = tables[0]!.generation;
    this.#set("SUPER_GENERATION", generation);
    this.#set32("SUPER_SLOT", generation % 2);
    this.#set("SUPER_TABLES", tables[0]!.at);
    this.#set("SUPER_TABLES_WORDS", wordsOf(tables));
    const head = yield* this.#blocks.read(tables[0]!.at, 1);
    this.#set32("SUPER_GROUPS", u32At(head, HEADER));
    this.#set32("SUPER_SLABS", u32At(head, HEADER + 4));
    yield* this.#journal();
    if (!(yield* this.#fromBlocks())) return null;
    const image = new SuperImage(this.#blocks, this.#bytes);
    return (yield* isWhole(this.#blocks, image)) ? image : null;
  }

  #set(field: string, value: number): void {
    const at = this.#blocks.constant(field);
    putU32(this.#bytes, at, value % 2 ** 32);
    putU32(this.#bytes, at + 4, Math.floor(value / 2 ** 32));
  }

  #set32(field: string, value: number): void {
    putU32(this.#bytes, this.#blocks.constant(field), value);
  }

  /** Area, sequence, ids and top: from the records before it. */
  *#journal(): Task<void> {
    const older = this.#older;
    const own = older.u32("SUPER_AREA");
    const topAt = this.#blocks.constant("RECORD_TOP");
    let accepted = 0;
    let nextId = older.u32("SUPER_NEXT_ID");
    let { top } = older;
    const journal = new JournalReader(this.#blocks, older, new Findings({}));
    yield* journal.run(true, ({ bytes, area }) => {
      if (area !== own) return;
      accepted++;
      top = Math.max(top, u64At(bytes, topAt));
      eachOperation(bytes, ({ kind, view }, own) => {
        if (kind === OP_CREATE) nextId = Math.max(nextId, view + 1);
        if (kind === OP_ROLLBACK) nextId = Math.max(nextId, u32At(own, 12) + 1);
      });
    });
    this.#set32("SUPER_AREA", own ^ 1);
    this.#set("SUPER_SEQUENCE", older.u64("SUPER_SEQUENCE") + accepted);
    this.#set32("SUPER_NEXT_ID", nextId);
    this.#set("SUPER_TOP", top);
  }

  /** What is counted, the root and the views: from the blocks that are in use. */
  *#fromBlocks(): Task<boolean> {
    const blocks = this.#blocks;
    const image = new SuperImage(blocks, this.#bytes);
    const meta = new MetaBlocks(blocks, image, new Findings({}), new Slabs(image.slabBlocks));
    const groups = yield* readTables(meta);
    if (!groups || !meta.slabs.isKnown) return false;
    const found = { entries: 0, root: 0, height: 0, tops: 0, meta: 1 };
    const views: Link[] = [];
    const sums: Link[] = [];
    const [leaf, inner] = [blocks.constant("TYPE_LEAF"), blocks.constant("TYPE_INNER")];
    yield* new Scan(meta).walk((number, at, bytes) => {
      if (meta.slabs.home(number) !== at || !meta.slabs.isUsed(number)) return;
      found.meta++;
      const type = u32At(bytes, 12);
      const [level, count] = [u32At(bytes, 8) & 0xffff, u32At(bytes, 8) >>> 16];
      if (type === blocks.constant("TYPE_VIEWS")) views.push(linkOf(bytes, at));
      if (type === blocks.constant("TYPE_SUM_INDEX")) sums.push(linkOf(bytes, at));
      if (type === leaf) found.entries += count;
      if (type !== leaf && type !== inner) return;
      if (level + 1 > found.height) Object.assign(found, { height: level + 1, tops: 0 });
      if (level + 1 < found.height) return;
      found.root = number;
      found.tops++;
    });
    const stream = chain(views);
    // A block that is in use and was never written: without it the tree might look empty.
    if (!stream || found.tops > 1 || found.meta !== 1 + meta.slabs.used) return false;
    this.#set32("SUPER_ROOT", found.root);
    this.#set32("SUPER_HEIGHT", found.height);
    this.#set("SUPER_ENTRIES", found.entries);
    this.#set32("SUPER_META", found.meta);
    this.#set("SUPER_VIEWS", stream[0]!.at);
    this.#set("SUPER_VIEWS_WORDS", wordsOf(stream));
    yield* this.#views(stream);
    const index = chain(sums) ?? [];
    this.#set("SUPER_SUMS", index[0]?.at ?? 0);
    this.#set32("SUPER_SUM_GROUPS", wordsOf(index));
    yield* this.#countChunks(meta, groups);
    return true;
  }

  /** How many there are, and what the superblock says of the origin. */
  *#views(stream: readonly Link[]): Task<void> {
    const low: number[] = [];
    const high: number[] = [];
    let views = 0;
    for (const { at, words: count } of stream) {
      const bytes = yield* this.#blocks.read(at, 1);
      for (let i = 0; i < count; i++) {
        low.push(u32At(bytes, HEADER + 8 * i));
        high.push(u32At(bytes, HEADER + 8 * i + 4));
        const name = high.length >= 2 ? high[1]! : 0;
        const marks = high.length >= VIEW_WORDS ? low[5]! : 0;
        const wanted = VIEW_WORDS + Math.ceil(name / 8) + Math.ceil(marks / 8);
        if (high.length < VIEW_WORDS || high.length < wanted) continue;
        this.#view(low, high);
        views++;
        low.length = 0;
        high.length = 0;
      }
    }
    this.#set32("SUPER_VIEW_COUNT", views);
  }

  /** Words of a record of the views stream: id, flags, created, size, seat. */
  #view(low: readonly number[], high: readonly number[]): void {
    const [id, seat] = [low[0]!, low[4]!];
    if (id === ORIGIN) {
      this.#set("SUPER_SIZE", low[3]! + high[3]! * 2 ** 32);
      this.#set32("SUPER_ORIGIN_SEAT", seat);
    }
    const at = this.#blocks.constant("SUPER_INCOMPATIBLE");
    const needs = (seat === 0 ? 0 : FEATURE_SEATS) | (low[5] === 0 ? 0 : FEATURE_MARKS);
    putU32(this.#bytes, at, u32At(this.#bytes, at) | needs);
  }

  *#countChunks(meta: MetaBlocks, { blocks: maps, free }: Groups): Task<void> {
    const { image } = meta;
    const all = this.#blocks.constant("GROUP_CHUNKS");
    const used = free.reduce((sum, left) => sum + all - left, 0);
    let own = image.fixedChunks;
    for (const { blocks } of meta.slabs.all.values()) own += blocks / image.blocksPerChunk;
    this.#set("SUPER_USED", used);
    this.#set("SUPER_DATA", used - own);
    const last = free.findLastIndex((left) => left < all);
    let top = free[last] === 0 ? all : 0;
    if (maps[last]) {
      const map = yield* this.#blocks.read(Math.max(0, meta.slabs.home(maps[last])), 1);
      const byte = map.findLastIndex((bits, at) => at >= HEADER && bits !== 0);
      top = (byte - HEADER) * 8 + 32 - Math.clz32(map[byte]!);
    }
    this.#set("SUPER_TOP", Math.max(image.top, last * all + top));
  }
}

function linkOf(block: Uint8Array, at: number): Link {
  const words = u32At(block, 8) >>> 16;
  return { at, generation: u64At(block, 16), words, next: u64At(block, 32) };
}

/** Blocks as one stream, from the one that no other leads to; null: they are none. */
function chain(links: readonly Link[]): Link[] | null {
  const targets = new Set(links.map(({ next }) => next));
  const byPlace = new Map(links.map((link) => [link.at, link]));
  const firsts = links.filter(({ at }) => !targets.has(at));
  const found: Link[] = [];
  let link: Link | undefined = firsts[0];
  while (link && found.length < links.length) {
    found.push(link);
    link = byPlace.get(link.next);
  }
  return firsts.length === 1 && found.length === links.length ? found : null;
}

function wordsOf(stream: readonly Link[]): number {
  return stream.reduce((sum, { words }) => sum + words, 0);
}

/** Whether all of a checkpoint can be read, and is what it must be. */
function* isWhole(blocks: Blocks, image: SuperImage): Task<boolean> {
  const findings = new Findings({});
  const salvage = yield* Salvage.load(blocks, image, findings);
  let isLost = false;
  yield* salvage.columns(({ lost }) => {
    isLost ||= lost.length > 0;
  });
  return findings.problemCount === 0 && !isLost && salvage.timeline !== null;
}
