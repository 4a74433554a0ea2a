/**
 * Requests that are in flight together (or not yet flushed) may take effect in more than one way.
 * A patch is what one of them does to a view; here it is decided, sector by sector, whether some
 * order explains the bytes that were found.
 */
import { keyOf, same } from "./bytes.ts";

export { same };

export const SECTOR = 512;

export interface Patch {
  view: number;
  offset: number;
  bytes: Uint8Array;
  /** It was refused while others were in flight: it may have taken effect all the same. */
  optional?: boolean;
}

/**
 * - `all`: each patch has taken effect, in some order.
 * - `some`: any number of them have, in some order.
 * - `inOrder`: any number of them have, in the order given (they were issued one after another).
 */
export type Rule = "all" | "some" | "inOrder";

function touches(patch: Patch, offset: number, length: number): boolean {
  return patch.offset < offset + length && offset < patch.offset + patch.bytes.length;
}

function apply(patch: Patch, content: Uint8Array, offset: number): Uint8Array {
  const from = Math.max(offset, patch.offset);
  const to = Math.min(offset + content.length, patch.offset + patch.bytes.length);
  const after = content.slice();
  after.set(patch.bytes.subarray(from - patch.offset, to - patch.offset), from - offset);
  return after;
}

function explainsInOrder(before: Uint8Array, patches: Patch[], found: Uint8Array, at: number) {
  let contents = [before];
  for (const patch of patches) {
    const seen = new Map(contents.map((content) => [keyOf(content), content]));
    for (const content of contents) {
      const after = apply(patch, content, at);
      seen.set(keyOf(after), after);
    }
    contents = [...seen.values()];
  }
  return contents.some((content) => same(content, found));
}

function explainsAnyOrder(
  before: Uint8Array,
  patches: Patch[],
  found: Uint8Array,
  at: number,
  all: boolean,
): boolean {
  const reached = new Set<string>();
  const needed = patches.reduce((mask, { optional }, i) => (optional ? mask : mask | (1 << i)), 0);
  const visit = (applied: number, content: Uint8Array): boolean => {
    const key = applied + keyOf(content);
    if (reached.has(key)) return false;
    reached.add(key);
    if ((!all || (applied & needed) === needed) && same(content, found)) return true;
    return patches.some(
      (patch, i) =>
        (applied & (1 << i)) === 0 && visit(applied | (1 << i), apply(patch, content, at)),
    );
  };
  return visit(0, before);
}

/**
 * Offset of the first sector of `found` (which starts at `offset` of the view) that no choice of
 * `patches` on top of `before` explains; -1 when all are explained.
 */
export function firstUnexplained(
  before: Uint8Array,
  patches: Patch[],
  found: Uint8Array,
  offset: number,
  rule: Rule,
): number {
  for (let at = offset; at < offset + found.length; ) {
    const end = Math.min(offset + found.length, at - (at % SECTOR) + SECTOR);
    const old = before.subarray(at - offset, end - offset);
    const now = found.subarray(at - offset, end - offset);
    const here = patches.filter((patch) => touches(patch, at, end - at));
    const last = here.at(-1);
    const covered =
      last !== undefined && last.offset <= at && last.offset + last.bytes.length >= end;
    const quick = here.length === 0 ? same(old, now) : covered && same(apply(last, old, at), now);
    if (!quick) {
      if (here.length === 0) return at;
      const explained =
        rule === "inOrder"
          ? explainsInOrder(old, here, now, at)
          : explainsAnyOrder(old, here, now, at, rule === "all");
      if (!explained) return at;
    }
    at = end;
  }
  return -1;
}

export function firstDifference(a: Uint8Array, b: Uint8Array): number {
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}
