/**
 * One history for everybody: a disk of 1 GiB with 64 MiB of data, a snapshot after each small
 * write, and 1,000 chunks changed between the last two that count.
 */
import { drawn } from "../order.ts";

export const MIB = 2 ** 20;
export const DISK_BYTES = 1024 * MIB;
export const WRITTEN_BYTES = 64 * MIB;
export const PAGE = 4096;
export const CHANGED = 1000;
export const DATA_BYTE = 0x5a;
/** Each writes another byte, so that nobody finds the data to be what it was. */
export const CROWD_BYTE = 0x5b;
export const CHANGED_BYTE = 0x5c;
/** The snapshots that are compared and sent. */
export const BEFORE = "before";
export const AFTER = "after";
/** As the one before it: what was changed there is written again with the same bytes. */
export const SAME = "same";
/** Nobody spends longer on making the snapshots that are there before anything is measured. */
export const BUILD_MS_MAX = 40_000;

/** Turns that only warm up, and those that count. What lives on is asked often, and compiled. */
export const TURNS = { warm: 1, counted: 3 };
export const TURNS_LIVE = { warm: 5, counted: 9 };

/** Pages written before each snapshot, and at last between the two that are compared. */
export function crowdPages(count: number): Uint32Array {
  return drawn(count, WRITTEN_BYTES / PAGE, 71);
}

export function changedPages(): Uint32Array {
  return drawn(CHANGED, WRITTEN_BYTES / PAGE, 72);
}

export const DEEDS = [
  "create",
  "delete",
  "rollback",
  "diff",
  "differ",
  "equal",
  "send",
  "move",
] as const;
export type Deed = (typeof DEEDS)[number];

export interface Contestant {
  name: string;
  /** Snapshots that it came to have in its time. */
  reached: number;
  /** In a process that has the disk open. */
  isLive?: boolean;
  /** What does it, where that needs to be said. */
  how?: Partial<Record<Deed, string>>;
  /** Milliseconds of one call, durable where it changes something; null: there is no such thing. */
  time(deed: Deed): Promise<number | null>;
  close(): Promise<void>;
}

/** What is measured one after the other on what was built once; or why it is not. */
export type Family = AsyncGenerator<Contestant | string>;

export async function timed(body: () => unknown): Promise<number> {
  const start = performance.now();
  await body();
  return performance.now() - start;
}
