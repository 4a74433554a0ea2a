/** Arguments that a parser of another layer reads: what it refuses is wrong usage. */
import { InvalidArgumentError } from "commander";
import { MultisnapError } from "../errors.ts";
import { parseVictims } from "../volume/full/victims.ts";
import { parseSnapshotId } from "../volume/life/message.ts";

/** For commander. */
export function usage<T>(parse: (text: string) => T): (text: string) => T {
  return (text) => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof MultisnapError)) throw error;
      throw new InvalidArgumentError(`${error.message}.`);
    }
  };
}

/** Patterns with priorities, as they are; an empty text means none. */
export const parseVictimsText = usage((text) => {
  parseVictims(text);
  return text;
});

/** `2,5,7`, or `none`: an empty variable of a script must not mean that all are deleted. */
export const parseIds = usage((text) =>
  text === "none" ? [] : text.split(",").map(parseSnapshotId),
);
