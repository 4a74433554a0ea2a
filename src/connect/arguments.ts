/** What a request brings, checked before the volume sees it (I10). */
import { MultisnapError } from "../errors.ts";
import type { View, Volume } from "../volume/types.ts";
import type { Head } from "./message.ts";

export function numberOf(head: Head, key: string, most = Number.MAX_SAFE_INTEGER): number {
  const value = head[key];
  if (Number.isSafeInteger(value) && (value as number) >= 0 && (value as number) <= most) {
    return value as number;
  }
  throw wrong(key, `a whole number from 0 to ${most}`);
}

export function textOf(head: Head, key: string): string {
  const value = head[key];
  if (typeof value === "string") return value;
  throw wrong(key, "text");
}

/** At most 1,000 of them. */
export function textsOf(head: Head, key: string): string[] {
  const value = head[key];
  const isList = Array.isArray(value) && value.length <= 1000;
  if (isList && value.every((one) => typeof one === "string")) return value as string[];
  throw wrong(key, "a list of texts");
}

export function flagOf(head: Head, key: string): boolean {
  const value = head[key];
  if (typeof value === "boolean") return value;
  throw wrong(key, "true or false");
}

/**
 * A view by its id and by the name that the client knows it by (null: the origin). The name is the
 * short way; the id decides, as names come and go.
 */
export function viewOf(volume: Volume, head: Head, key: string): View {
  const value = head[key];
  if (typeof value !== "object" || value === null) throw wrong(key, "a view: {id, name}");
  const id = numberOf(value as Head, "id");
  if (id === volume.origin.id) return volume.origin;
  const name = textOf(value as Head, "name");
  const named = volume.has(name) ? volume.get(name) : null;
  const found = named?.id === id ? named : volume.snapshots.find((view) => view.id === id);
  if (found) return found;
  throw new MultisnapError("NotFound", `there is no snapshot ${JSON.stringify(name)} any more`);
}

/** Snapshots by their ids, four bytes each. */
export function snapshotsOf(volume: Volume, payload: Uint8Array): View[] {
  if (payload.length % 4 !== 0) throw wrong("payload", "ids of four bytes each");
  const view = new DataView(payload.buffer, payload.byteOffset, payload.length);
  const ids = new Set<number>();
  for (let at = 0; at < payload.length; at += 4) ids.add(view.getUint32(at, true));
  const found = volume.snapshots.filter(({ id }) => ids.has(id));
  if (found.length === ids.size) return found;
  const missing = ids.size - found.length;
  throw new MultisnapError(
    "NotFound",
    `${missing} of ${ids.size} snapshots are not there any more`,
  );
}

function wrong(key: string, wanted: string): MultisnapError {
  return new MultisnapError("Invalid", `request: ${key} must be ${wanted}`);
}
