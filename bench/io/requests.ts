/**
 * The library's side of a comparison: one request after another, an order of offsets, the final
 * flush counted.
 */
import type { View } from "../../src/index.ts";

export interface Requests {
  view: View;
  what: "read" | "write";
  /** The request `i` is at `order[i] * unit`. */
  order: Uint32Array;
  unit: number;
  count: number;
  /** Of a request. */
  bytes: number;
}

/** Operations a second through `readSync` and `writeSync`. */
export async function runSync(requests: Requests): Promise<number> {
  const { view, what, order, unit, count } = requests;
  const data = new Uint8Array(requests.bytes).fill(0xa5);
  const start = performance.now();
  if (what === "read") {
    for (let i = 0; i < count; i++) view.readSync(order[i] * unit, data);
  } else {
    for (let i = 0; i < count; i++) view.writeSync(order[i] * unit, data);
    await view.flush();
  }
  return count / ((performance.now() - start) / 1000);
}

/** Operations a second through `read` and `write`, each awaited. */
export async function runAwaited(requests: Requests): Promise<number> {
  const { view, what, order, unit, count } = requests;
  const data = new Uint8Array(requests.bytes).fill(0xa5);
  const start = performance.now();
  if (what === "read") {
    for (let i = 0; i < count; i++) await view.read(order[i] * unit, data);
  } else {
    for (let i = 0; i < count; i++) await view.write(order[i] * unit, data);
    await view.flush();
  }
  return count / ((performance.now() - start) / 1000);
}
