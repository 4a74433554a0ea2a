/**
 * What the store keeps in a view's name beside the name. No name that a user gives has an "@", so
 * the first one ends it: behind it stands a mark, with which the volume says where the snapshot
 * came from. A stored name that begins with "@" is that of a hidden view: all of it is the name.
 */
import { MultisnapError } from "../../errors.ts";
import { HIDDEN_SIGN as SIGN } from "../hidden.ts";

const BYTES_MAX = 255;

export interface StoredName {
  name: string;
  mark: string | null;
}

export function splitName(stored: string): StoredName {
  const at = stored.indexOf(SIGN);
  if (at <= 0) return { name: stored, mark: null };
  return { name: stored.slice(0, at), mark: stored.slice(at + 1) };
}

/** `Invalid` where both are too long together. */
export function joinName(name: string, mark: string | null): string {
  if (mark === null) return name;
  const stored = name + SIGN + mark;
  const bytes = new TextEncoder().encode(stored).length;
  if (bytes <= BYTES_MAX) return stored;
  const most = BYTES_MAX - SIGN.length - mark.length;
  throw new MultisnapError(
    "Invalid",
    `${JSON.stringify(name)}: a snapshot that was sent or received has a name of at most ` +
      `${most} bytes: choose a shorter one`,
  );
}
