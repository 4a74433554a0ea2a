/** `Usage` in shared memory: written before a change ends, read without asking anybody. */
import type { Usage } from "../../volume/types.ts";
import { type Shared, STATE } from "./layout.ts";

const KEYS: readonly (keyof Usage)[] = [
  "storeBytes",
  "maxBytes",
  "dataBytes",
  "metadataBytes",
  "fixedBytes",
  "freeBytes",
  "memoryBytes",
  "snapshots",
  "exceptions",
];
/** In the place of what is null. */
const NONE = -1;
/** Looks at a state that changes all the while: then the last whole one has to do. */
const LOOKS_MAX = 1000;

export function writeUsage({ words, usage }: Shared, now: Usage): void {
  Atomics.add(words, STATE, 1);
  for (let i = 0; i < KEYS.length; i++) usage[i] = (now[KEYS[i]!] as number | null) ?? NONE;
  Atomics.add(words, STATE, 1);
}

/** Null where nothing has changed since `seen`, or it is being written for long. */
export function readUsage(
  { words, usage }: Shared,
  seen: number,
): { usage: Partial<Usage>; state: number } | null {
  for (let look = 0; look < LOOKS_MAX; look++) {
    const state = Atomics.load(words, STATE);
    if (state === seen) return null;
    if (state % 2 !== 0) continue;
    const found = KEYS.map((key, index) => [key, usage[index] === NONE ? null : usage[index]]);
    if (Atomics.load(words, STATE) === state) {
      return { usage: Object.fromEntries(found) as Partial<Usage>, state };
    }
  }
  return null;
}
