/** Ways in which a COW device can be damaged, each with what readers of it must answer. */
import type { Random } from "../model/prng.ts";
import {
  craftCow,
  getEntry,
  type Header,
  noise,
  place,
  setEntry,
  setHeader,
  shuffled,
} from "./craft.ts";
import { areaChunk, type Exception, type Refusal } from "./format.ts";

const CHUNK = 4096;
const PER_AREA = CHUNK / 16;
const ORIGIN_CHUNKS = 1024;
/** One full area, and one with some. */
const EXCEPTIONS = PER_AREA + 20;
const AREA_1 = areaChunk(1, PER_AREA);

export interface Damage {
  name: string;
  /** Why the reader refuses it. */
  why: Refusal;
  /** What the library answers. */
  code: "Invalid" | "Unsupported" | "Corrupt";
  /** Answers the damaged device; `cow` is a sound one that it may change. */
  apply(cow: Uint8Array): Uint8Array;
}

/** What is damaged: a device that ends with its last data chunk, and its origin. */
export function soundCow(random: Random): { cow: Uint8Array; origin: Uint8Array } {
  const origin = noise(ORIGIN_CHUNKS * CHUNK, random);
  const snapshot = noise(ORIGIN_CHUNKS * CHUNK, random);
  const oldChunks = shuffled([...Array(ORIGIN_CHUNKS).keys()], random).slice(0, EXCEPTIONS);
  const exceptions = place(oldChunks, CHUNK, random);
  return { cow: craftCow({ chunk: CHUNK, exceptions, snapshot }), origin };
}

export const damages: readonly Damage[] = [
  inHeader("another magic", { magic: 0x70416e54 }, "not a COW device", "Invalid"),
  inHeader("version 2", { version: 2 }, "version", "Unsupported"),
  inHeader("version 0", { version: 0 }, "version", "Unsupported"),
  inHeader("valid 0: the kernel gave the snapshot up", { valid: 0 }, "invalidated", "Corrupt"),
  inHeader("chunk size 0", { chunkSectors: 0 }),
  inHeader("chunk size 3", { chunkSectors: 3 }),
  inHeader("chunk size 2^31", { chunkSectors: 2 ** 31 }),
  inHeader("chunk size 2^32 - 1", { chunkSectors: 2 ** 32 - 1 }),
  inHeader("a chunk larger than the device", { chunkSectors: 2 ** 20 }),
  inEntry("an entry behind the end of the device", 7, { newChunk: 2 + EXCEPTIONS + 1 }),
  inEntry("an entry far behind the end of the device", 7, { newChunk: 2 ** 63 }),
  inEntry("an entry of no chunk of any origin", 7, { oldChunk: 2 ** 63 }),
  inEntry("an entry in the area that it stands in", 7, { newChunk: 1 }),
  inEntry("an entry in another area", 7, { newChunk: AREA_1 }),
  inEntry("an entry in the header", 7, { newChunk: 0 }),
  inEntry("an entry in the header, as the last", EXCEPTIONS - 1, { newChunk: 0 }),
  damaged("an entry behind the last", (cow) => {
    setEntry(cow, CHUNK, EXCEPTIONS + 1, { oldChunk: 1, newChunk: 2 });
  }),
  damaged("two entries for one old chunk", (cow) => {
    setEntry(cow, CHUNK, 8, { oldChunk: getEntry(cow, CHUNK, 7).oldChunk });
  }),
  damaged("two entries for one old chunk, in two areas", (cow) => {
    setEntry(cow, CHUNK, PER_AREA + 3, { oldChunk: getEntry(cow, CHUNK, 7).oldChunk });
  }),
  damaged("two entries for one new chunk", (cow) => {
    setEntry(cow, CHUNK, PER_AREA + 3, { newChunk: getEntry(cow, CHUNK, 7).newChunk });
  }),
  damaged("a device that ends in its last data chunk", (cow) => cow.slice(0, cow.length - 512)),
  damaged("a device that ends behind its header", (cow) => cow.slice(0, CHUNK)),
  damaged("a device that ends where its second area should be", (cow) =>
    cow.slice(0, AREA_1 * CHUNK),
  ),
  damaged("data where the second area should be", (cow) => {
    cow.copyWithin(AREA_1 * CHUNK, 2 * CHUNK, 3 * CHUNK);
  }),
];

function inHeader(
  name: string,
  header: Partial<Header>,
  why: Refusal = "damaged",
  code: Damage["code"] = "Corrupt",
): Damage {
  return { ...damaged(name, (cow) => setHeader(cow, header)), why, code };
}

function inEntry(name: string, index: number, entry: Partial<Exception>): Damage {
  return damaged(name, (cow) => setEntry(cow, CHUNK, index, entry));
}

function damaged(name: string, change: (cow: Uint8Array) => Uint8Array | void): Damage {
  return { name, why: "damaged", code: "Corrupt", apply: (cow) => change(cow) ?? cow };
}
