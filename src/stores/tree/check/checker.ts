/**
 * Verifies a store of kind range or bitmap as it lies on its device, whether it opens or not: both
 * superblocks, the streams, every block of the tree and of the space map, the order and bounds of
 * every entry (I1), that ids are of the timeline (I3), that every place is named by one column only
 * and marked used, that space map and metadata bits hold nothing else, the counts, and the journal.
 * Says what damage loses.
 */
import type { Device } from "../../../devices/device.ts";
import type { Task } from "../../../task.ts";
import type { CheckReport, ProgressOptions } from "../../store.ts";
import { type Entry, FLAGS, HOLE, isLost } from "../walk.ts";
import { Blocks } from "./blocks.ts";
import type { Column } from "./columns.ts";
import { Findings } from "./findings.ts";
import { JournalReader } from "./journal.ts";
import { Losses } from "./losses.ts";
import { FLIPPED, type MetaBlocks } from "./meta.ts";
import { eachOperation, isNamed } from "./operations.ts";
import { Salvage } from "./salvage.ts";
import { chunksOf } from "./shape.ts";
import { operationLosses, strayLosses } from "./strays.ts";
import { checkSums } from "./sums.ts";
import { readSupers, type Supers } from "./supers.ts";

/**
 * Errors: those of the device; `Corrupt`, `Unsupported`, `Invalid` where no superblock can be read.
 */
export function* checkDevice(
  device: Device,
  module: WebAssembly.Module,
  options: ProgressOptions,
): Task<CheckReport> {
  const blocks = new Blocks(device, module);
  const findings = new Findings(options);
  const supers = yield* readSupers(blocks);
  checkSupers(supers, findings);
  findings.total = supers.newest.u64("SUPER_ENTRIES");
  const salvage = yield* Salvage.load(blocks, supers.newest, findings);
  yield* new Checker(salvage, findings).run();
  return findings.report();
}

/** The one that counts may be the only one; what is in the other slot must be the one before. */
export function checkSupers({ slots, newest }: Supers, findings: Findings): void {
  for (const { slot, state, image } of slots) {
    const what = `superblock ${slot}`;
    if (state === "flipped") findings.problem("superblock", `${what}: ${FLIPPED}`);
    else if (state === "misplaced") findings.problem("superblock", `${what} is the other slot's`);
    else if (state !== "good" && !(state === "empty" && newest.generation === 1)) {
      findings.problem("superblock", `${what} is damaged; the other one serves`);
    }
    if (image && image !== newest && image.generation !== newest.generation - 1) {
      const found = `${what} is of checkpoint ${image.generation}`;
      findings.problem("superblock", `${found}: the one before ${newest.generation} is lost`);
    }
    if (image && image.generation % 2 !== image.slot) {
      findings.problem(
        "superblock",
        `${what} is of checkpoint ${image.generation}: the wrong slot`,
      );
    }
  }
}

class Checker {
  readonly #salvage: Salvage;
  readonly #findings: Findings;
  readonly #losses: Losses;
  #entries = 0;
  #chunks = 0;
  #lostBefore = 0;
  /** Something of the tree cannot be read: then counts and maps say nothing. */
  #isTorn = false;

  constructor(salvage: Salvage, findings: Findings) {
    this.#salvage = salvage;
    this.#findings = findings;
    this.#losses = new Losses(salvage, findings);
  }

  *run(): Task<void> {
    const { timeline, space, meta, image } = this.#salvage;
    if (timeline === null) this.#losses.allSnapshots();
    yield* this.#salvage.columns((column, block) => this.#column(column, block));
    yield* checkSums(meta);
    if (!this.#isTorn) {
      space.compare();
      checkBits(meta);
      this.#checkCounts();
    }
    if (this.#lostBefore > 0) {
      this.#findings.note(`${this.#lostBefore} chunks were lost before, as a repair has noted`);
    }
    const journal = new JournalReader(meta.blocks, image, this.#findings);
    const end = yield* journal.run(true, ({ bytes }) => this.#record(bytes));
    yield* strayLosses(meta.blocks, end, this.#losses);
  }

  /** What opening will replay names data that is there. */
  #record(record: Uint8Array): void {
    const { end } = this.#salvage.meta;
    eachOperation(record, (operation) => {
      const { chunk, place, count } = operation;
      if (!isNamed(operation) || place + count <= end) return;
      const left = Math.max(0, end - place);
      const past = `names place ${place + left}, where the device has ended`;
      this.#findings.problem("journal", `an operation on chunk ${chunk + left} ${past}`);
      operationLosses({ ...operation, chunk: chunk + left, count: count - left }, this.#losses);
    });
  }

  #column(column: Column, block: number): void {
    const { entries } = column;
    if (column.lost.length > 0) {
      this.#isTorn = true;
      this.#losses.column(column);
    }
    const isAttached = this.#salvage.image.mode === "attached";
    let before: Entry | undefined;
    for (const [index, entry] of entries.entries()) {
      const wrong = entry.flags & ~this.#salvage.rules.flags(entries, index, isAttached) & FLAGS;
      if (wrong) this.#problem("flags", entry, block, `has flags that do not hold: ${wrong}`);
      this.#findings.exceptions++;
      this.#entries++;
      const found = this.#salvage.rules.problem(entry, before);
      if (found) this.#problem(found.where, entry, block, found.message);
      before = entry;
    }
    this.#takePlaces(column, block);
  }

  #problem(where: string, entry: Entry, block: number, message: string): void {
    this.#findings.problem(where, `entry of ${chunksOf(entry)} in block ${block} ${message}`);
  }

  /** Each place of a column once, and as often again as entries may share it. */
  #takePlaces(column: Column, block: number): void {
    const { entries } = column;
    const places = new Map<number, Entry>();
    for (const [index, entry] of entries.entries()) {
      if (entry.flags & HOLE) {
        if (isLost(entry)) this.#lostBefore += entry.count;
        continue;
      }
      const other = entries.length > 1 ? places.get(entry.place) : undefined;
      if (other === undefined) {
        this.#chunks += entry.count;
        this.#findings.chunks += entry.count;
        const taken = this.#salvage.space.name(entry.place, entry.count);
        if (taken >= 0) this.#problem("I2", entry, block, `names place ${taken}, in use already`);
      } else if (!this.#salvage.rules.mayShare(other, entry)) {
        this.#problem("I1", entry, block, "shares its place with another and may not");
      }
      places.set(entry.place, entry);
      this.#checkEnd(column, index, block);
    }
  }

  /** Data is written before it is named: what is past the device's end was cut off. */
  #checkEnd(column: Column, index: number, block: number): void {
    const { end } = this.#salvage.meta;
    const entry = column.entries[index]!;
    const left = Math.max(0, end - entry.place);
    if (left >= entry.count) return;
    const cut = { ...entry, first: entry.first + left, count: entry.count - left };
    const past = `names place ${entry.place + left}, where the device has ended`;
    this.#problem("space", cut, block, past);
    this.#losses.entry({ ...column, first: cut.first, count: cut.count }, index);
  }

  #checkCounts(): void {
    const { image } = this.#salvage;
    const entries = image.u64("SUPER_ENTRIES");
    const data = image.u64("SUPER_DATA");
    if (entries !== this.#entries) {
      this.#findings.problem("tree", `${entries} entries are counted, ${this.#entries} are there`);
    }
    if (data !== this.#chunks) {
      const named = `${this.#chunks} are named`;
      this.#findings.problem("space", `${data} chunks of data are counted, ${named}`);
    }
  }
}

/** The metadata bits hold what something led to, and nothing else. */
function checkBits(meta: MetaBlocks): void {
  const { slabs, image, findings } = meta;
  if (!slabs.isKnown) return;
  let used = 0;
  let extra = 0;
  for (const [index, { blocks }] of slabs.all) {
    for (let i = 0; i < slabs.size; i++) {
      const number = index * slabs.size + i;
      const isUsed = slabs.isUsed(number);
      const isMet = number === 0 || meta.met.get(number);
      if (i < blocks && isUsed) used++;
      if (i < blocks && isUsed && !isMet) extra++;
      if (!isUsed && (isMet || i >= blocks)) {
        findings.problem("tables", `metadata block ${number} is marked free`);
      }
    }
  }
  const counted = image.u32("SUPER_META");
  if (extra > 0) findings.problem("tables", `${extra} metadata blocks are in use by nobody`);
  if (used !== counted) {
    findings.problem("tables", `${counted} metadata blocks are counted, ${used} are in use`);
  }
}
