/** What entries must be, as far as the kind of the store decides it. */
import { MaskRules } from "../../bitmap-rules.ts";
import { RangeRules } from "../../range-rules.ts";
import type { CheckProblem } from "../../store.ts";
import type { Entry } from "../walk.ts";

/** A view of the timeline, live or deleted. `bit`: a snapshot's in the masks of a bitmap store. */
export interface Placed {
  id: number;
  /** What entries of a range store name it by; its id, unless it was rolled back. */
  seat: number;
  isLive: boolean;
  bit: number | null;
}

/**
 * Entries of a column that cannot be read: those with keys in (after, to]. Keys are as inner nodes
 * keep them: seats in a range store, lowest bits in a bitmap store.
 */
export interface Lost {
  after: number;
  to: number;
}

export interface EntryRules {
  /** The key below that of every entry, and the highest of all. */
  readonly bottom: number;
  readonly top: number;
  /** What an inner node keeps of an entry beside its last chunk. */
  key(entry: Entry): number;
  /** Where a key stands in a column; -1: nowhere. All the same where the timeline is not known. */
  rank(key: number): number;
  /** The highest key that an entry before this one in its column can have. */
  below(entry: Entry): number;
  /**
   * What is wrong with an entry behind `before`, the one before it in its column, if there is one;
   * null: nothing.
   */
  problem(entry: Entry, before: Entry | undefined): CheckProblem | null;
  /**
   * The flags that entry `index` of a column may keep of its own: who believes others does not see
   * what he should, or copies too little.
   */
  flags(entries: readonly Entry[], index: number, isAttached: boolean): number;
  /** Whether two entries of a column may name the same place. */
  mayShare(a: Entry, b: Entry): boolean;
  /** Ids of live views that see the chunks of entry `index` of a column. */
  seers(entries: readonly Entry[], index: number): number[];
  /**
   * Without a timeline: which of a column's entries is the origin's. Undefined: none is; null:
   * nobody can tell, some may be.
   */
  originsOwn(entries: readonly Entry[]): Entry | undefined | null;
  /** Without a timeline: whether the origin's entry can be among lost ones. */
  mayBeOrigins(lost: Lost): boolean;
  /** Ids of live views that see something else, or nothing, without a column's lost entries. */
  losers(entries: readonly Entry[], lost: Lost): number[];
}

/**
 * `timeline`: null where it is lost; then seats and bits are taken as they are, and `origin` is the
 * origin's seat.
 */
export function rulesOf(
  kind: "range" | "bitmap",
  timeline: readonly Placed[] | null,
  origin = 1,
): EntryRules {
  return kind === "bitmap" ? new MaskRules(timeline) : new RangeRules(timeline, origin);
}
