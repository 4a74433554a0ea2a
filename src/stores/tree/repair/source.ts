/** What is saved of a damaged tree, column by column, and how it goes into a new one. */
import type { Task } from "../../../task.ts";
import type { ProgressOptions } from "../../store.ts";
import { Bits } from "../check/bits.ts";
import type { Blocks } from "../check/blocks.ts";
import type { Column } from "../check/columns.ts";
import { Findings } from "../check/findings.ts";
import { Salvage } from "../check/salvage.ts";
import type { SavedView } from "../check/saved-views.ts";
import type { SuperImage } from "../check/supers.ts";
import type { Restorer } from "../restore/restorer.ts";
import { type Entry, HOLE } from "../walk.ts";
import { drained } from "./drained.ts";
import { Mender } from "./mended.ts";
import type { Survey } from "./survey.ts";

const ORIGIN = 1;
const LIVE = 1;

/** The checkpoint anew: its walks can be taken once. */
export function loadSalvage(
  blocks: Blocks,
  image: SuperImage,
  options: ProgressOptions,
): Task<Salvage> {
  const { signal } = options;
  return Salvage.load(blocks, image, new Findings(signal ? { signal } : {}));
}

/** Every column, while the walk waits for `take`. */
export function* eachColumn(salvage: Salvage, take: (column: Column) => Task<void>): Task<void> {
  const found: Column[] = [];
  const walk = salvage.columns((column) => found.push(column));
  yield* drained(walk, found, take);
}

/** All that is saved of views and tree, to the restorer. */
export function* feed(
  salvage: Salvage,
  survey: Survey,
  restorer: Restorer,
): Task<{ entries: number }> {
  const { rules, timeline, image } = salvage;
  const isAttached = image.mode === "attached";
  const mender = new Mender({ rules, timeline, kind: image.kind, isAttached });
  const places = new Places(salvage);
  yield* restorer.views(timeline ?? [originOf(image)]);
  let entries = 0;
  yield* eachColumn(salvage, function* (column) {
    for (const { part, isOver } of parts(column, survey.overwritten)) {
      const isSpoilt = isOver || !isSound(part, salvage) || !places.take(part.entries);
      for (const mended of mender.columns(part, isSpoilt)) {
        entries += mended.length;
        yield* restorer.entries(mended);
      }
    }
  });
  return { entries };
}

/** The origin of a volume whose list of views is lost. */
function originOf(image: SuperImage): SavedView {
  const created = new DataView(image.bytes.buffer, image.bytes.byteOffset).getFloat64(184, true);
  const size = image.u64("SUPER_SIZE");
  const none = { parent: 0, name: new Uint8Array(0), marks: new Uint8Array(0), bit: null };
  return { id: ORIGIN, seat: ORIGIN, flags: LIVE, isLive: true, created, size, ...none };
}

/** A column, cut where its entries begin or cease to name what was overwritten. */
function* parts(column: Column, overwritten: Bits): Iterable<{ part: Column; isOver: boolean }> {
  const { first, count, entries } = column;
  if (overwritten.count === 0 || entries.length === 0) {
    yield { part: column, isOver: false };
    return;
  }
  const isNamed = (chunk: number) =>
    entries.some(
      ({ place, flags }) => (flags & HOLE) === 0 && overwritten.get(place + chunk - first),
    );
  for (let at = first; at < first + count; ) {
    const isOver = isNamed(at);
    let end = at + 1;
    while (end < first + count && isNamed(end) === isOver) end++;
    yield { part: cut(column, at, end), isOver };
    at = end;
  }
}

function cut(column: Column, first: number, end: number): Column {
  const count = end - first;
  const entries = column.entries.map((entry) => {
    const place = entry.flags & HOLE ? entry.place : entry.place + first - column.first;
    return { ...entry, first, count, place };
  });
  return { ...column, first, count, entries };
}

function isSound(column: Column, { rules }: Salvage): boolean {
  let before: Entry | undefined;
  for (const entry of column.entries) {
    if (rules.problem(entry, before) !== null) return false;
    before = entry;
  }
  return true;
}

/** Places that columns name: each by one of them. */
class Places {
  readonly #taken = new Bits();
  readonly #salvage: Salvage;

  constructor(salvage: Salvage) {
    this.#salvage = salvage;
    const { image, meta } = salvage;
    this.#taken.setRun(0, image.fixedChunks);
    for (const { base, blocks } of meta.slabs.all.values()) {
      const first = Math.floor(base / image.blocksPerChunk);
      this.#taken.setRun(first, Math.ceil(blocks / image.blocksPerChunk));
    }
  }

  /** Whether the entries of a column name what no other does, and share it where they may. */
  take(entries: readonly Entry[]): boolean {
    const own = new Map<number, Entry>();
    for (const entry of entries) {
      if (entry.flags & HOLE) continue;
      const other = own.get(entry.place);
      if (other && !this.#salvage.rules.mayShare(other, entry)) return false;
      if (!other && this.#any(entry)) return false;
      own.set(entry.place, entry);
    }
    for (const { place, count } of own.values()) this.#taken.setRun(place, count);
    return true;
  }

  #any({ place, count }: Entry): boolean {
    for (let i = 0; i < count; i++) if (this.#taken.get(place + i)) return true;
    return false;
  }
}
