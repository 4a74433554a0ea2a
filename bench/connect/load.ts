/** Random 4 KiB requests on a volume, so many at a time; how late a timer is meanwhile. */
import type { View } from "../../src/index.ts";

export const REQUEST_BYTES = 4096;
/** How often the timer that is watched should come. */
const TIMER_MS = 10;

export interface Load {
  view: View;
  what: "read" | "write" | "both";
  /** The request `i` is at `order[i] * REQUEST_BYTES`. */
  order: Uint32Array;
  count: number;
  depth: number;
}

/** Operations a second. */
export async function runLoad({ view, what, order, count, depth }: Load): Promise<number> {
  let next = 0;
  const lane = async () => {
    const buffer = new Uint8Array(REQUEST_BYTES).fill(0x5a);
    while (next < count) {
      const request = next++;
      const offset = order[request % order.length] * REQUEST_BYTES;
      const reads = what === "read" || (what === "both" && request % 2 === 0);
      if (reads) await view.read(offset, buffer);
      else await view.write(offset, buffer);
    }
  };
  const start = performance.now();
  await Promise.all(Array.from({ length: depth }, lane));
  return count / ((performance.now() - start) / 1000);
}

/** Milliseconds by which a 10 ms timer comes too late while `work` runs: the 99th percentile. */
export async function latenessOf(work: () => Promise<unknown>): Promise<number> {
  const late: number[] = [];
  let due = performance.now() + TIMER_MS;
  let timer: NodeJS.Timeout;
  const tick = () => {
    const now = performance.now();
    late.push(Math.max(0, now - due));
    due = now + TIMER_MS;
    timer = setTimeout(tick, TIMER_MS);
  };
  timer = setTimeout(tick, TIMER_MS);
  await work();
  clearTimeout(timer);
  late.push(Math.max(0, performance.now() - due));
  late.sort((a, b) => a - b);
  return late[Math.floor((late.length - 1) * 0.99)];
}
