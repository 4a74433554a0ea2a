/** Messages that the origin target of 2009 took: text, as `dmsetup message` sent it. */
import { MultisnapError } from "../../errors.ts";

/** The first id that a snapshot may have; 1 is the origin's, and the last u32 stays free. */
const ID_MIN = 2;
const ID_MAX = 2 ** 32 - 2;

export type Message =
  | { verb: "create" }
  /** `id`: of the snapshot that the new one is of. */
  | { verb: "create_subsnap"; id: number }
  | { verb: "delete"; id: number };

/** `Invalid` for anything but `create`, `create_subsnap ID` and `delete ID`. */
export function parseMessage(text: string): Message {
  const [verb, id, ...more] = typeof text === "string" ? text.trim().split(/[ \t]+/) : [];
  if (verb === "create" && id === undefined) return { verb };
  if ((verb === "create_subsnap" || verb === "delete") && id !== undefined && more.length === 0) {
    return { verb, id: parseSnapshotId(id) };
  }
  throw new MultisnapError(
    "Invalid",
    `${JSON.stringify(text)} is no message: "create", "create_subsnap ID" or "delete ID"`,
  );
}

/** Digits alone, without a leading zero. */
export function parseSnapshotId(text: string): number {
  const id = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (id === 1) {
    throw new MultisnapError("Invalid", 'id 1 is the origin, not a snapshot; "create" is for it');
  }
  if (isSnapshotId(id)) return id;
  const wanted = `a whole number from ${ID_MIN} to ${ID_MAX}`;
  throw new MultisnapError("Invalid", `${JSON.stringify(text)} is no id of a snapshot: ${wanted}`);
}

export function isSnapshotId(id: unknown): id is number {
  return Number.isInteger(id) && (id as number) >= ID_MIN && (id as number) <= ID_MAX;
}
