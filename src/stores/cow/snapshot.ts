/** The one snapshot that a store has from the beginning, and the origin that it is of. */
import type { ViewRecord } from "../store.ts";

export const ORIGIN = 1;
/** Id of the first store's snapshot; those of stores beside it follow. */
const SNAPSHOT_FIRST = 2;

/**
 * The snapshot of store `index` among those attached to one origin, of `size` bytes. Names and ids
 * are made up, for no device remembers any.
 */
export function fixedSnapshot(index: number, size: number, created: number): ViewRecord {
  const name = index === 0 ? "cow" : `cow${index + 1}`;
  const id = SNAPSHOT_FIRST + index;
  return { id, name, parent: ORIGIN, created, size, readOnly: false, marks: "" };
}

export function originOf({ created, size }: ViewRecord): ViewRecord {
  return { id: ORIGIN, name: null, parent: 0, created, size, readOnly: false, marks: "" };
}
