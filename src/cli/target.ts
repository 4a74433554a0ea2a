/** `STORE` and `STORE@NAME` on the command line. */
import fs from "node:fs";
import { InvalidArgumentError } from "commander";
import type { View, Volume } from "../volume/types.ts";

export interface Target {
  store: string;
  /** Of a snapshot; `null`: the origin. */
  name: string | null;
}

/** For commander: a path that is at least there. */
export function parsePath(text: string): string {
  if (text === "") throw new InvalidArgumentError("Give a path.");
  return text;
}

/**
 * For commander. The last `@` of the last part of the path divides; a file whose own name has an
 * `@` is meant where only that one exists.
 */
export function parseTarget(text: string): Target {
  const at = text.lastIndexOf("@");
  if (at <= text.lastIndexOf("/") + 1) return { store: parsePath(text), name: null };
  const store = text.slice(0, at);
  if (!fs.existsSync(store) && fs.existsSync(text)) return { store: text, name: null };
  return { store, name: text.slice(at + 1) };
}

/** `NotFound` without a snapshot of that name. */
export function viewOf(volume: Volume, target: Target): View {
  return target.name === null ? volume.origin : volume.get(target.name);
}
