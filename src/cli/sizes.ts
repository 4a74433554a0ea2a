/** Byte counts as they are typed and shown: whole numbers with K, M, G or T for powers of 1024. */
import { InvalidArgumentError } from "commander";

const SUFFIXES = "KMGT";

/** For commander: a wrong size is wrong usage. */
export function parseBytes(text: string): number {
  const match = /^(\d+)([KMGT]?)$/i.exec(text);
  if (match === null) {
    throw new InvalidArgumentError("Give a whole number of bytes, or one with K, M, G or T.");
  }
  const power = SUFFIXES.indexOf(match[2]?.toUpperCase() || " ") + 1;
  const bytes = Number(match[1]) * 1024 ** power;
  if (!Number.isSafeInteger(bytes)) throw new InvalidArgumentError("That is over 8 PiB.");
  return bytes;
}

/** `1536` as `1.5 KiB`: four significant digits at most. */
export function formatBytes(bytes: number): string {
  let value = bytes;
  let power = 0;
  while (value >= 1024 && power < SUFFIXES.length) {
    value /= 1024;
    power++;
  }
  const digits = Number(value.toPrecision(value >= 1000 ? 4 : 3));
  return power === 0 ? `${value} B` : `${digits} ${SUFFIXES[power - 1]}iB`;
}
