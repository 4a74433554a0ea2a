/**
 * Exhaustive small worlds: two chunks, at most three snapshots, each sequence of steps from a
 * small alphabet. Left out is what cannot be done, what does nothing, and what differs from
 * another sequence only in the names of the chunks.
 */
import type { Capabilities } from "../../src/stores/store.ts";

export const CHUNKS = 2;
export const SNAPSHOTS_MAX = 3;

export type Target = "origin" | "newest" | "oldest";

export type Step =
  | { do: "write"; to: Target; chunk: 0 | 1 | "both" | "half" }
  | { do: "trim"; to: Target; chunk: 0 | 1 }
  | { do: "snapshot"; of: Target }
  | { do: "delete"; which: "newest" | "oldest" }
  | { do: "rollback"; of: Target; to: Target; keep: boolean }
  | { do: "reclaim" }
  | { do: "flush" };

export const alphabet: readonly Step[] = [
  { do: "write", to: "origin", chunk: 0 },
  { do: "write", to: "origin", chunk: 1 },
  { do: "write", to: "origin", chunk: "both" },
  { do: "write", to: "origin", chunk: "half" },
  { do: "write", to: "newest", chunk: 0 },
  { do: "write", to: "newest", chunk: "half" },
  { do: "write", to: "oldest", chunk: 0 },
  { do: "trim", to: "origin", chunk: 0 },
  { do: "trim", to: "newest", chunk: 0 },
  { do: "snapshot", of: "origin" },
  { do: "snapshot", of: "newest" },
  { do: "delete", which: "newest" },
  { do: "delete", which: "oldest" },
  { do: "reclaim" },
];

/** The same with rollbacks, and less of the rest. */
export const rollbackAlphabet: readonly Step[] = [
  { do: "write", to: "origin", chunk: 0 },
  { do: "write", to: "origin", chunk: "both" },
  { do: "write", to: "newest", chunk: 0 },
  { do: "trim", to: "origin", chunk: 0 },
  { do: "snapshot", of: "origin" },
  { do: "snapshot", of: "newest" },
  { do: "delete", which: "newest" },
  { do: "delete", which: "oldest" },
  { do: "rollback", of: "origin", to: "newest", keep: false },
  { do: "rollback", of: "origin", to: "oldest", keep: true },
  { do: "rollback", of: "newest", to: "origin", keep: false },
  { do: "rollback", of: "newest", to: "oldest", keep: true },
  { do: "reclaim" },
];

/** What a prefix leaves, as far as it decides which steps make sense. */
interface Situation {
  snapshots: number;
  /** A chunk was told apart from the other: before that, the second one needs no look. */
  apart: boolean;
  toReclaim: boolean;
}

function after(step: Step, before: Situation): Situation | null {
  const { snapshots, apart, toReclaim } = before;
  switch (step.do) {
    case "flush":
      return before;
    case "reclaim":
      return toReclaim ? { ...before, toReclaim: false } : null;
    case "delete":
      if (snapshots === 0 || (snapshots === 1 && step.which === "oldest")) return null;
      return { snapshots: snapshots - 1, apart, toReclaim: true };
    case "rollback": {
      const least = step.of === "newest" && step.to === "oldest" ? 2 : 1;
      if (snapshots < least || (step.to === "oldest" && snapshots < 2)) return null;
      if (!step.keep) return { ...before, toReclaim: true };
      return snapshots === SNAPSHOTS_MAX ? null : { ...before, snapshots: snapshots + 1 };
    }
    case "snapshot":
      if (snapshots === SNAPSHOTS_MAX || (step.of === "newest" && snapshots === 0)) return null;
      return { ...before, snapshots: snapshots + 1 };
    default:
      if (step.to !== "origin" && snapshots === 0) return null;
      if (step.to === "oldest" && snapshots === 1) return null;
      if (step.chunk === 1 && !apart) return null;
      return step.chunk === "both" ? before : { ...before, apart: true };
  }
}

function isPossible(step: Step, { fixed, ofSnapshots }: Capabilities): boolean {
  if (step.do === "delete" || step.do === "reclaim") return !fixed;
  return step.do !== "snapshot" || (!fixed && (ofSnapshots || step.of === "origin"));
}

/**
 * Every sequence of `length` steps that makes sense in a store of these capabilities; a shorter one
 * is the start of a longer one.
 */
export function* sequences(
  length: number,
  capabilities: Capabilities,
  wanted = alphabet,
): Generator<Step[]> {
  const steps = wanted.filter((step) => isPossible(step, capabilities));
  const visit = function* (prefix: Step[], situation: Situation): Generator<Step[]> {
    if (prefix.length === length) return yield prefix;
    for (const step of steps) {
      const next = after(step, situation);
      if (next !== null) yield* visit([...prefix, step], next);
    }
  };
  const snapshots = capabilities.fixed ? 1 : 0;
  yield* visit([], { snapshots, apart: false, toReclaim: false });
}

export function describeStep(step: Step): string {
  switch (step.do) {
    case "reclaim":
    case "flush":
      return step.do;
    case "delete":
      return `delete ${step.which}`;
    case "rollback":
      return `rollback ${step.of} to ${step.to}${step.keep ? ", kept" : ""}`;
    case "snapshot":
      return `snapshot of ${step.of}`;
    default:
      return `${step.do} ${step.to} ${step.chunk}`;
  }
}
