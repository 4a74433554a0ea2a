/** Chunks that a repair found lost: what is said of them until they are written again. */
import { MultisnapError } from "../../errors.ts";
import { type Core, ORIGIN } from "../core.ts";

/** `doing`: what was asked; `length` bytes from `offset` of the view are lost. */
export function lostError(
  core: Core,
  view: number,
  doing: "reading" | "writing a part of" | "cloning",
  offset: number,
  length: number,
): MultisnapError {
  const name = view === ORIGIN ? "the origin" : `@${core.store.view(view)?.name ?? view}`;
  const bytes = `bytes ${offset}..${offset + length - 1} of ${name}`;
  return new MultisnapError(
    "Corrupt",
    `${doing} ${bytes}: they were lost by damage to ${core.store.device.name}: ` +
      "write or trim whole chunks to use them again",
  );
}
