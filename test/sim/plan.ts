/**
 * A plan is all that a simulated run does, drawn before it begins and kept as data: what is not
 * wanted can be taken out of it, and the rest still means something. Steps name views by number (of
 * those that are there when the step's turn comes).
 */
import type { StoreKind } from "../../src/stores/store.ts";
import type { OriginMode } from "../model/model.ts";
import type { Fault } from "./faults.ts";

export interface SimWorld {
  kind: StoreKind;
  mode: OriginMode;
  /** Bytes. */
  chunk: number;
  size: number;
  /** Bytes of a chunk of each further store on the same origin. */
  others: readonly number[];
  /** Bytes of a disk that was in use before; null: the store is in a file that grows. */
  disk: number | null;
  /** The store's own limit, or null. */
  maxSize: number | null;
  /** Snapshots with data of their own that are there before the first life. */
  crowd: number;
  /** Devices answer late and in any order. */
  late: boolean;
  copySlots: number;
  queueDepth: number;
  /** Of chunks that only snapshots have. */
  checksums: boolean;
  /** What an origin write does that finds the store full or broken. */
  preserves: boolean;
  /** Snapshots that may be deleted where the store is full, as `victims` of an open; or null. */
  victims: string | null;
}

/** In bytes, within the volume. */
interface Range {
  offset: number;
  length: number;
}

export type How = "async" | "start" | "sync";

/** `view`: number of a view, taken modulo how many there are; 0 is the origin. */
export type Action =
  | ({ do: "write"; view: number; data: number; how: How } & Range)
  | ({ do: "read"; view: number; how: How } & Range)
  | ({ do: "trim" | "zero"; view: number } & Range)
  | ({ do: "extents"; view: number } & Range)
  | ({ do: "clone"; view: number; source: number } & Range)
  | { do: "snapshot"; view: number; name: string; readOnly: boolean }
  | { do: "message"; verb: "create" | "create_subsnap" | "delete"; view: number }
  | { do: "delete"; views: number[] }
  /** `waits`: until all of an attached origin has been copied. */
  | { do: "rollback"; view: number; to: number; keepAs: string | null; waits: boolean }
  /** Of the origin, in bytes. */
  | { do: "resize"; size: number }
  /** A note, and a hold that is taken and released. */
  | { do: "describe"; view: number; note: string }
  | { do: "rename"; view: number; name: string }
  | { do: "diff"; from: number; to: number }
  | { do: "flush" | "reclaimed" | "check" | "costs" | "status" | "merge" | "join" }
  | { do: "reopen"; how: "close" | "readOnly" | "sync"; views: number[] }
  | ({ do: "fault" } & Fault)
  /** The store's file system has room for so many blocks. */
  | { do: "full"; blocks: number }
  | { do: "heal" };

/** Steps of one client are done one after the other, those of different ones together. */
export type Step = Action & { client: number };

/** From an open to a power cut. */
export interface Life {
  steps: Step[];
  /** Power cuts of this life that are looked at: drawn from this. */
  cuts: number;
  /** The life goes on to a proper close before them. */
  closes: boolean;
}

export interface Plan {
  seed: number;
  world: SimWorld;
  /** Each begins with what a power cut left of the one before. */
  lives: Life[];
}

export function countSteps({ lives }: Plan): number {
  return lives.reduce((sum, { steps }) => sum + steps.length, 0);
}

/** One line a step, for people. */
export function describeStep({ client, do: what, ...rest }: Step): string {
  const words = Object.entries(rest).map(([key, value]) => `${key} ${value}`);
  return `client ${client}: ${what} ${words.join(", ")}`.trimEnd();
}

export function describePlan({ world, lives }: Plan): string {
  const lines = [`world ${JSON.stringify(world)}`];
  for (const [i, { steps, closes }] of lives.entries()) {
    lines.push(`life ${i + 1}${closes ? ", closed" : ""}:`);
    lines.push(...steps.map((step) => `  ${describeStep(step)}`));
  }
  return lines.join("\n");
}
