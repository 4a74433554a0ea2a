/** One line of the benchmark's table, and what a section is. */
import type { Machine } from "./machine.ts";
import type { Scratch } from "./scratch.ts";

export interface Figure {
  value: number;
  /** `op/s`, `ns`, `us`, `bytes` ... */
  unit: string;
}

/** What the ratio to the peer, or without a peer our own figure, must reach. */
export interface Target {
  least?: number;
  most?: number;
}

export interface Row {
  measure: string;
  ours: Figure | null;
  peer: (Figure & { name: string }) | null;
  /** ours / peer where more is better, peer / ours where less is: above 1 is good. */
  ratio: number | null;
  target: Target | null;
  /** Null where there is no target, or nothing was measured. */
  met: boolean | null;
  /** Why it was skipped, or what to know. */
  note: string | null;
}

export interface Context {
  scratch: Scratch;
  machine: Machine;
  /** A line about what runs now, to standard error. */
  say: (line: string) => void;
}

/** One measure (or a family of them): a file of micro/ or io/. */
export interface Section {
  name: string;
  about: string;
  run: (context: Context) => Promise<Row[]>;
}

const NO_GCC = "no gcc here to build the C peer";

function isMet(value: number, target: Target | null): boolean | null {
  if (target === null) return null;
  return value >= (target.least ?? -Infinity) && value <= (target.most ?? Infinity);
}

/**
 * A figure against a peer: the target is on the ratio. A peer's NaN is one that could not be built
 * here.
 */
export function comparedRow(
  measure: string,
  ours: Figure,
  peer: Figure & { name: string },
  ratio: number,
  target: Target | null,
  note: string | null = null,
): Row {
  if (Number.isNaN(peer.value))
    return skippedRow(`${measure} / ${peer.name}`, target, NO_GCC, ours);
  return { measure, ours, peer, ratio, target, met: isMet(ratio, target), note };
}

/** A figure of its own: the target is on the figure. */
export function plainRow(
  measure: string,
  ours: Figure,
  target: Target | null,
  note: string | null = null,
): Row {
  return { measure, ours, peer: null, ratio: null, target, met: isMet(ours.value, target), note };
}

/** What could not be measured here, and why. */
export function skippedRow(
  measure: string,
  target: Target | null,
  why: string,
  ours: Figure | null = null,
): Row {
  return { measure, ours, peer: null, ratio: null, target, met: null, note: `skipped: ${why}` };
}
