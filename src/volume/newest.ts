/** What is asked again and again of a volume with many snapshots, without a list of all. */
import { isHidden } from "../stores/hidden.ts";
import type { ExceptionStore, ViewRecord } from "../stores/store.ts";
import { ORIGIN } from "./core.ts";
import type { View, Volume } from "./types.ts";
import { DiskView } from "./view.ts";
import { DiskVolume } from "./volume.ts";

export interface Newer<T> {
  /** The oldest first. */
  found: T[];
  /** No other one comes with an id up to this one. */
  upTo: number;
}

/** Snapshots with ids above `after`. */
export function newerThan(volume: Volume, after: number): Newer<View> {
  // What is in the making elsewhere is not known here.
  if (!isOwn(volume)) return { found: volume.snapshots.filter(({ id }) => id > after), upTo: 0 };
  const { core } = volume;
  core.assertOpen();
  const { found, upTo } = newerRecords(core.store, after);
  return { found: found.map((record) => new DiskView(volume, record, core)), upTo };
}

export function countSnapshots(volume: Volume): number {
  if (!isOwn(volume)) return volume.snapshots.length;
  const { store } = volume.core;
  return store.usage().snapshots - store.hiddenViews().length;
}

/** Open here, with one store that makes snapshots. */
function isOwn(volume: Volume): volume is DiskVolume {
  return volume instanceof DiskVolume && !volume.core.store.capabilities.fixed;
}

/** The same of a store that makes snapshots: one that is hidden now may get its name later. */
export function newerRecords(store: ExceptionStore, after: number): Newer<ViewRecord> {
  const found: ViewRecord[] = [];
  const last = store.nextId() - 1;
  let upTo = last;
  for (const record of recordsFrom(store, last, Math.max(ORIGIN, after))) {
    if (isHidden(record.name)) upTo = record.id - 1;
    else found.push(record);
  }
  return { found: found.reverse(), upTo };
}

/** From id `last` down to `after`, which is not among them. */
function* recordsFrom(store: ExceptionStore, last: number, after: number): Generator<ViewRecord> {
  // Ids count up. Where more are missing than there are snapshots, a list of those is shorter.
  let missing = store.usage().snapshots;
  for (let id = last; id > after; id--) {
    const record = store.view(id);
    if (record) yield record;
    else if (missing-- === 0) {
      const older = store.views().filter((view) => view.id > after && view.id < id);
      yield* older.sort((a, b) => b.id - a.id);
      return;
    }
  }
}
