/** How requests behave when the tab that does them goes before it has answered. */
import type { View, Volume } from "../../volume/types.ts";
import { textOf, viewOf } from "../arguments.ts";
import type { Head } from "../message.ts";
import { OPERATIONS, type Served, statusOf, viewRow } from "../operations.ts";
import type { Begun, Outcome } from "./notes.ts";

/** Done again they are the same, if nothing came between. */
const KEPT: ReadonlySet<string> = new Set(["write", "trim", "zero"]);
/** Their effect does not depend on how often they are done. */
const REPEATED: ReadonlySet<string> = new Set(["reclaimed"]);
/** They take long, and end early where they are asked to. */
const LONG: ReadonlySet<string> = new Set([
  ...["merge", "reclaimed", "check", "usage", "account", "receive", "feed", "events"],
]);

export function isKept(op: string): boolean {
  return KEPT.has(op);
}

export function isLong(op: string): boolean {
  return LONG.has(op);
}

/** Done twice it is something else than done once: its beginning is told before. */
export function isOnce(op: string): boolean {
  return (OPERATIONS.get(op)?.changes ?? false) && !KEPT.has(op) && !REPEATED.has(op);
}

/** It will fail, and changes nothing. */
export function isVain({ volume }: Served, op: string, { name }: Head): boolean {
  const names = op === "snapshot" || op === "rename";
  return names && typeof name === "string" && volume.has(name);
}

/**
 * What became of a request that the last owner began. Exact for those that can be told from what is
 * there, as an owner begins one only after the answer to the one before has gone out.
 */
export function outcomeOf(served: Served, begun: Begun): Outcome {
  try {
    const made = madeBy(served.volume, begun);
    if (made === null) return { what: "unknown", head: {} };
    if (made === false) return { what: "again", head: {} };
    return { what: "done", head: { ...made, ...statusOf(served) } };
  } catch {
    return { what: "again", head: {} };
  }
}

/** What the answer says beside the state; false: it was not done; null: who knows. */
function madeBy(volume: Volume, { op, head, payload }: Begun): Head | false | null {
  if (op === "snapshot") {
    const name = textOf(head, "name");
    return volume.has(name) && { view: viewRow(volume.get(name)) };
  }
  if (op === "delete") {
    const ids = new Set(volume.snapshots.map(({ id }) => id));
    const doomed = new Uint32Array(payload.slice().buffer);
    return doomed.every((id) => !ids.has(id)) && {};
  }
  if (op === "rename") return viewOf(volume, head, "view").name === head.name && {};
  if (op === "resize") return volume.origin.size === head.size && { view: viewRow(volume.origin) };
  if (op === "limit") return volume.usage().maxBytes === head.bytes && {};
  const isAsWanted = DESCRIBED[op];
  if (!isAsWanted) return null;
  const view = viewOf(volume, head, "view");
  return isAsWanted(view, head) && { view: viewRow(view) };
}

/** Whether a view is described as a request wants it. One that did a part of it is done again. */
const DESCRIBED: Readonly<Record<string, (view: View, head: Head) => boolean>> = {
  set: (view, { readOnly = view.readOnly, note = view.note, tags = view.tags }) =>
    view.readOnly === readOnly && view.note === note && isSame(view.tags, tags as string[]),
  addhold: ({ holds }, { reason }) => holds.includes(reason as string),
  removehold: ({ holds }, { reason }) => !holds.includes(reason as string),
};

/** In any order, and however often each is there. */
function isSame(a: readonly string[], b: readonly string[]): boolean {
  return b.every((one) => a.includes(one)) && a.every((one) => b.includes(one));
}
