/** Dumps as text, for tests that change them. */
import { dumpStore } from "../../src/volume/open/dump-store.ts";
import { imageDevice } from "../model/image.ts";
import type { World } from "./world.ts";

const POLYNOMIAL = 0x82f63b78;

export async function dumpOf(world: World): Promise<string> {
  const store = imageDevice(world.store, { readOnly: true });
  let text = "";
  for await (const piece of dumpStore({ store })) text += piece;
  return text;
}

/** The text in pieces of an odd size. */
export function source(text: string): () => AsyncIterable<Uint8Array> {
  const bytes = new TextEncoder().encode(text);
  return async function* () {
    for (let at = 0; at < bytes.length; at += 777) yield bytes.subarray(at, at + 777);
  };
}

/** Lines of a dump with its last one, the end, made to fit the others. */
export function resealed(lines: readonly string[]): string {
  const before = lines
    .slice(0, -1)
    .map((line) => `${line}\n`)
    .join("");
  const crc = crc32c(new TextEncoder().encode(before)).toString(16).padStart(8, "0");
  return `${before}${lines.at(-1)!.replace(/"crc":"\w+"/, `"crc":"${crc}"`)}\n`;
}

function crc32c(bytes: Uint8Array): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? POLYNOMIAL : 0);
  }
  return ~crc >>> 0;
}
