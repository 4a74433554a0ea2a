/**
 * `check` of data: every chunk that has a checksum and that an entry names is read and compared;
 * what is wrong is told as chunk ranges of views.
 *
 * Memory: a bit a place, one piece of data, and at most `LOSSES_MAX` stretches.
 */
import { RUN_SHARED } from "../../../engine/status.ts";
import { endIfAborted, settle, type Task, turn } from "../../../task.ts";
import type { CheckOptions, CheckReport, ProgressOptions } from "../../store.ts";
import type { TreeStore } from "../tree-store.ts";
import { HOLE, walkTree } from "../walk.ts";

const SUM_PLACES = 1008;
/** Bytes of the engine's transfer buffer, which nobody else uses meanwhile. */
const TRANSFER = 256 * 1024;
/** Stretches that are told; further ones are counted. */
const LOSSES_MAX = 1000;
/** Views that a loss names. */
const NAMED_MAX = 16;
/** Groups of the sum map between two turns of others. */
const TURN_GROUPS = 4;

/** Chunks that some views see at places which do not have their checksums. */
export interface DataLoss {
  /** Live views that see them there. */
  views: { id: number; name: string | null }[];
  chunk: number;
  count: number;
  place: number;
}

export interface DataReport {
  /** Chunks that were compared, and how many of them are not what was written. */
  compared: number;
  lost: number;
  /** In the order of their chunks, at most 1,000. */
  losses: DataLoss[];
}

/** Nothing changes meanwhile. `progress` counts places, used or not, of those there are. */
export function* checkData(store: TreeStore, options: ProgressOptions): Task<DataReport> {
  const report: DataReport = { compared: 0, lost: 0, losses: [] };
  if (!store.sums) return report;
  const named = yield* namedPlaces(store);
  const bad: number[] = [];
  const { top } = named;
  for (let group = 0; group * SUM_PLACES < top; group++) {
    endIfAborted(options.signal);
    options.progress?.(group * SUM_PLACES, top);
    if (group % TURN_GROUPS === 0) yield turn();
    const sums = yield* store.facts.readSums(group);
    if (!sums) continue;
    const first = group * SUM_PLACES;
    const hasSum = (i: number) => i < SUM_PLACES && sums[i] !== 0 && named.has(first + i);
    for (let i = 0; i < SUM_PLACES; i++) {
      if (!hasSum(i)) continue;
      let end = i + 1;
      while (hasSum(end)) end++;
      report.compared += end - i;
      for (const place of yield* compare(store, first + i, sums.subarray(i, end))) {
        report.lost++;
        if (bad.length < LOSSES_MAX) bad.push(place);
      }
      i = end;
    }
  }
  options.progress?.(top, top);
  if (bad.length > 0) report.losses = yield* lossesOf(store, new Set(bad));
  return report;
}

/** What `check` reports, and with `data` what is wrong with data; not where the rest is damaged. */
export function* withData(
  store: TreeStore,
  check: Task<CheckReport>,
  options: CheckOptions,
): Task<CheckReport> {
  const report = yield* check;
  if (!options.data || !report.clean) return report;
  const { losses, lost } = yield* checkData(store, options);
  if (lost === 0) return report;
  report.clean = false;
  const message = `${lost} chunks do not have the checksums of what was written`;
  report.problems.push({ where: "data", message });
  const bytes = 2 ** store.chunkShift;
  for (const { views, chunk, count } of losses) {
    const range = { chunk, count, offset: chunk * bytes, length: count * bytes };
    report.losses.push({ views: views.slice(0, NAMED_MAX), viewCount: views.length, ...range });
  }
  report.lossCount += losses.length;
  return report;
}

interface Named {
  top: number;
  has(place: number): boolean;
}

/** Places that entries name; deleted views' as well, as long as they are not reclaimed. */
function* namedPlaces(store: TreeStore): Task<Named> {
  const top = store.facts.spaceTop();
  const bits = new Uint8Array(Math.ceil(top / 8));
  yield* walkTree(store.facts, (node) => {
    for (const { place, count, flags } of node.entries) {
      if (flags & HOLE) continue;
      for (let at = place; at < Math.min(top, place + count); at++)
        bits[at >>> 3]! |= 1 << (at & 7);
    }
  });
  return { top, has: (place) => ((bits[place >>> 3]! >>> (place & 7)) & 1) === 1 };
}

/** Those of the places from `first` on whose chunks do not have these sums. */
function* compare(store: TreeStore, first: number, sums: Uint32Array): Task<number[]> {
  const { engine, device } = store;
  const at = engine.at.transfer;
  const bytes = 2 ** store.chunkShift;
  const piece = Math.min(bytes, TRANSFER);
  const most = TRANSFER / piece;
  const bad: number[] = [];
  for (let i = 0; i < sums.length; ) {
    // Several chunks at once, or one in several pieces.
    const n = piece < bytes ? 1 : Math.min(most, sums.length - i);
    let crc = 0;
    for (let done = 0; done < bytes; done += piece) {
      yield* settle(device.read(engine.u8, at, n * piece, (first + i) * bytes + done));
      if (n === 1) crc = engine.x.crc32c(at, piece, crc);
    }
    for (let k = 0; k < n; k++) {
      const sum = (n === 1 ? crc : engine.x.crc32c(at + k * bytes, bytes, 0)) >>> 0;
      if ((sum === 0 ? 1 : sum) !== sums[i + k]) bad.push(first + i + k);
    }
    i += n;
  }
  return bad;
}

/** Chunks that entries put at bad places, and who sees them there. */
function* lossesOf(store: TreeStore, bad: ReadonlySet<number>): Task<DataLoss[]> {
  // Several entries of a column can name the same place.
  const chunks = new Map<number, number>();
  yield* walkTree(store.facts, (node) => {
    for (const { first, place, count, flags } of node.entries) {
      if (flags & HOLE) continue;
      for (let i = 0; i < count; i++) if (bad.has(place + i)) chunks.set(place + i, first + i);
    }
  });
  const found: DataLoss[] = [];
  const views = store.views();
  for (const [place, chunk] of [...chunks].sort(([, a], [, b]) => a - b)) {
    const loss: DataLoss = { views: [], chunk, count: 1, place };
    for (const { id, name } of views) {
      if (yield* sees(store, id, loss)) loss.views.push({ id, name });
    }
    const last = found.at(-1);
    if (last && follows(last, loss)) last.count++;
    else found.push(loss);
  }
  return found;
}

function follows(last: DataLoss, { chunk, place, views }: DataLoss): boolean {
  const isNext = last.chunk + last.count === chunk && last.place + last.count === place;
  return isNext && last.views.map(({ id }) => id).join() === views.map(({ id }) => id).join();
}

function* sees(store: TreeStore, view: number, { chunk, place }: DataLoss): Task<boolean> {
  for (;;) {
    const runs = store.lookup(view, chunk, 1, false);
    if (runs > 0) return store.runKind(0) >= RUN_SHARED && store.runPlace(0) === place;
    yield* store.serve(runs, null);
  }
}
