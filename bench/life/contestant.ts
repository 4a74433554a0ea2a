/**
 * One history for everybody: a disk of 1 GiB with 64 MiB of data, a snapshot after each small
 * write, and 1,000 chunks changed between the last two.
 */
import { spawnSync } from "node:child_process";
import { drawn } from "../order.ts";

export const MIB = 2 ** 20;
export const DISK_BYTES = 1024 * MIB;
export const WRITTEN_BYTES = 64 * MIB;
export const PAGE = 4096;
export const CHANGED = 1000;
export const DATA_BYTE = 0x5a;
/** Each writes another byte, so that nobody finds the data to be what it was. */
export const CHANGED_BYTE = 0x5b;
/** The snapshots that are compared and sent. */
export const BEFORE = "before";
export const AFTER = "after";
/** Nobody spends longer on making the snapshots that are there before anything is measured. */
export const BUILD_MS_MAX = 30_000;
export const TURNS = 3;

/** Pages written before each snapshot, and at last between the two that are compared. */
export function crowdPages(count: number): Uint32Array {
  return drawn(count, WRITTEN_BYTES / PAGE, 71);
}

export function changedPages(): Uint32Array {
  return drawn(CHANGED, WRITTEN_BYTES / PAGE, 72);
}

export const DEEDS = ["create", "delete", "rollback", "diff", "send"] as const;
export type Deed = (typeof DEEDS)[number];

export interface Contestant {
  name: string;
  /** Snapshots that it came to have in its time. */
  reached: number;
  /** Milliseconds of one call; null where there is no such thing. */
  time(deed: Deed): Promise<number | null>;
  close(): Promise<void>;
}

/** Milliseconds of a command from start to end; what it prints goes nowhere. */
export function commandMs(command: string, args: readonly string[]): number {
  const start = performance.now();
  const run = spawnSync(command, args, {
    encoding: "utf8",
    stdio: ["ignore", "ignore", "pipe"],
  });
  const ms = performance.now() - start;
  if (run.error) throw run.error;
  if (run.status === 0) return ms;
  throw new Error(`${command} ${args.join(" ")}: ${run.stderr.trim()}`);
}
