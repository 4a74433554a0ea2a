/** What is saved of a damaged tree, column by column, and how it goes into a new one. */
import type { Task } from "../../../task.ts";
import { AROUND_MAX } from "../../range-rules.ts";
import type { ProgressOptions } from "../../store.ts";
import { Bits } from "../check/bits.ts";
import type { Blocks } from "../check/blocks.ts";
import type { Column } from "../check/columns.ts";
import { Findings } from "../check/findings.ts";
import { Salvage } from "../check/salvage.ts";
import type { SavedView } from "../check/saved-views.ts";
import type { SuperImage } from "../check/supers.ts";
import type { Restorer } from "../restore/restorer.ts";
import { AROUND, type Entry, FILLED, HOLE, LOST_PLACE } from "../walk.ts";
import { drained } from "./drained.ts";
import { Mender } from "./mended.ts";
import { isGone, type Survey } from "./survey.ts";

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
    for (const part of parts(column, survey, image.kind)) {
      const isSpoilt = !isSound(part, salvage) || !places.take(part.entries);
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
  const { created } = image;
  const size = image.u64("SUPER_SIZE");
  const none = { parent: 0, name: new Uint8Array(0), marks: new Uint8Array(0), bit: null };
  return { id: ORIGIN, seat: ORIGIN, flags: LIVE, isLive: true, created, size, ...none };
}

/** A column, cut where the places of an entry begin or cease to have its data; there it is lost. */
function* parts(column: Column, survey: Survey, kind: SuperImage["kind"]): Iterable<Column> {
  const { first, count, entries } = column;
  const isNear = entries.every(({ place, flags }) => flags & HOLE || place + count <= survey.end);
  if (isNear && survey.overwritten.count === 0) {
    yield column;
    return;
  }
  const goneAt = (chunk: number) =>
    entries.map(({ place, flags }) => !(flags & HOLE) && isGone(survey, place + chunk - first));
  for (let at = first; at < first + count; ) {
    const gone = goneAt(at);
    let end = at + 1;
    while (end < first + count && goneAt(end).every((is, index) => is === gone[index])) end++;
    const part = cut(column, at, end);
    yield gone.includes(true) ? without(part, gone, kind) : part;
    at = end;
  }
}

/** A column whose entries are lost where `gone` says so. */
function without(column: Column, gone: readonly boolean[], kind: SuperImage["kind"]): Column {
  const kept = kind === "range" ? AROUND | FILLED : 0;
  const entries = column.entries.map((entry, index) =>
    gone[index] ? { ...entry, place: LOST_PLACE, flags: (entry.flags & kept) | HOLE } : entry,
  );
  return { ...column, entries };
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
  const { entries, lost } = column;
  // A search would not go far enough.
  return lost.length > 0 || entries.length <= AROUND_MAX || !entries.some(isAround);
}

function isAround({ flags }: Entry): boolean {
  return (flags & AROUND) !== 0;
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
