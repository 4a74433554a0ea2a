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
 * For commander. The last `@` divides, as no name has one. Where the path itself has an `@`, in the
 * name of a folder or of the store, what is there decides.
 */
export function parseTarget(text: string): Target {
  const whole = { store: parsePath(text), name: null };
  const at = text.lastIndexOf("@");
  const store = text.slice(0, Math.max(at, 0));
  if (store === "" || store.endsWith("/")) return whole;
  const split = { store, name: text.slice(at + 1) };
  const [likely, other] = split.name.includes("/") ? [whole, split] : [split, whole];
  return !fs.existsSync(likely.store) && fs.existsSync(other.store) ? other : likely;
}

/** In use as long as the command has the volume. `NotFound` without a snapshot of that name. */
export function viewOf(volume: Volume, target: Target): View {
  const view = target.name === null ? volume.origin : volume.get(target.name);
  view.hold();
  return view;
}
