/** What clients can open: the origin and every snapshot, as they are at the moment of asking. */
import type { View, Volume } from "../volume/types.ts";
import {
  EXPORT_CAN_MULTI_CONN,
  EXPORT_HAS_FLAGS,
  EXPORT_READ_ONLY,
  EXPORT_SEND_CACHE,
  EXPORT_SEND_DF,
  EXPORT_SEND_FAST_ZERO,
  EXPORT_SEND_FLUSH,
  EXPORT_SEND_FUA,
  EXPORT_SEND_TRIM,
  EXPORT_SEND_WRITE_ZEROES,
} from "./protocol.ts";

/** The origin's names; snapshots have theirs behind an `@`. */
const ORIGIN_NAMES = ["", "origin"];

export interface Export {
  name: string;
  description: string;
  view: View;
  readOnly: boolean;
  /** An attached origin, which has no holes: zeros are written there. */
  isPlain: boolean;
}

/** Null where there is none of that name. */
export function findExport(volume: Volume, name: string, readOnly: boolean): Export | null {
  const view = viewNamed(volume, name);
  if (!view) return null;
  const isOrigin = view.name === null;
  return {
    name,
    description: isOrigin ? "the origin" : `snapshot ${view.name}`,
    view,
    readOnly: readOnly || view.readOnly || volume.readOnly,
    isPlain: isOrigin && volume.status().originMode === "attached",
  };
}

function viewNamed(volume: Volume, name: string): View | null {
  if (ORIGIN_NAMES.includes(name)) return volume.origin;
  const snapshot = name.slice(1);
  return name.startsWith("@") && volume.has(snapshot) ? volume.get(snapshot) : null;
}

/** Names of all exports, the origin's first. */
export function* exportNames(volume: Volume): Generator<string> {
  yield* ORIGIN_NAMES;
  for (const { name } of volume.snapshots) yield `@${name}`;
}

/** Transmission flags. A flush on one connection reaches the writes of all: multi-conn. */
export function exportFlags({ readOnly }: Export, structured: boolean): number {
  const always =
    EXPORT_HAS_FLAGS |
    EXPORT_SEND_FLUSH |
    EXPORT_SEND_FUA |
    EXPORT_CAN_MULTI_CONN |
    EXPORT_SEND_CACHE;
  const writing = EXPORT_SEND_TRIM | EXPORT_SEND_WRITE_ZEROES | EXPORT_SEND_FAST_ZERO;
  return always | (readOnly ? EXPORT_READ_ONLY : writing) | (structured ? EXPORT_SEND_DF : 0);
}
