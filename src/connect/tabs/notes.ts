/**
 * What the tabs that share a volume say to each other. Each has a session with a channel of its
 * own; at its other end is the owner, whichever tab that is. In the lobby newcomers ask for it.
 *
 *     owner  here                      I have the volume, or am opening it
 *     tab    report                    how many unflushed writes I keep, what I wait for
 *     owner  pull      tab  batch      those writes, some at a time, in the order of their stamps
 *     owner  settled                   done again in the order of all tabs: say hello (`Host`)
 *     owner  late                      the others have gone on without these writes: they are lost
 *     both   post                      a message of the session
 *     tab    ping      owner  pong
 */
import { MultisnapError } from "../../errors.ts";
import type { Head } from "../message.ts";
import type { NamedDevice } from "../options.ts";

/** A write that was done and may be lost with the tab that did it. */
export interface KeptWrite {
  /** Its place in the order of all tabs' changes. */
  stamp: number;
  op: string;
  head: Head;
  payload: Uint8Array;
}

/** A change that the owner said it begins, and did not answer. */
export interface Begun {
  op: string;
  head: Head;
  payload: Uint8Array;
}

/** done: with its answer. again: it was not. unknown: it may have been. */
export interface Outcome {
  what: "done" | "again" | "unknown";
  head: Head;
}

export type OwnerNote = { owner: string } & (
  | { kind: "here" | "pull" | "pong" }
  | { kind: "late"; message: string }
  | { kind: "settled"; outcomes: Outcome[] }
  | { kind: "post"; data: unknown }
);

export type TabNote = { to: string } & (
  | { kind: "report"; kept: number; stamp: number; begun: Begun[] }
  | { kind: "batch"; writes: KeptWrite[]; last: boolean }
  | { kind: "post"; data: unknown }
  | { kind: "ping" }
);

/** In the lobby. */
export interface Join {
  join: string;
}

/** Tabs find each other by the name of the store's device. Errors: `Invalid` for another kind. */
export function storeName({ opfs }: NamedDevice): string {
  if (typeof opfs === "string") return opfs.replace(/^\//, "");
  throw new MultisnapError("Invalid", "tabs share a store that is named { opfs: path }");
}

export const ownerLock = (store: string) => `multisnap ${store} owner`;
/** Who has it may stand for owner: a page holds it for its worker, see place.ts. */
export const turnLock = (store: string) => `multisnap ${store} turn`;
export const lobbyName = (store: string) => `multisnap ${store} lobby`;
/** Of a session's lock, which its tab holds as long as it lives, and of its channel. */
export const sessionName = (store: string, session: string) => `${sessionPrefix(store)}${session}`;
export const sessionPrefix = (store: string) => `multisnap ${store} session `;

/**
 * To a worker that shares a volume with other tabs: whether it may be the one that has it. Without
 * a word it may. From a worker that was told something: that its term is over.
 */
export interface Standing {
  stands: boolean;
}

export function isStanding(data: unknown): data is Standing {
  return typeof data === "object" && data !== null && "stands" in data;
}

export function ownerNote(data: unknown): OwnerNote | null {
  return isNote(data) && typeof data.owner === "string" ? (data as unknown as OwnerNote) : null;
}

/** What it carries is checked by whoever takes it. */
export function tabNote(data: unknown): TabNote | null {
  return isNote(data) && typeof data.to === "string" ? (data as unknown as TabNote) : null;
}

export function joinOf(data: unknown): string | null {
  const { join } = (typeof data === "object" && data !== null ? data : {}) as Partial<Join>;
  return typeof join === "string" ? join : null;
}

function isNote(data: unknown): data is Record<string, unknown> & { kind: string } {
  return typeof data === "object" && data !== null && "kind" in data;
}
