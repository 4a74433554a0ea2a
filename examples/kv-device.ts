/** A disk over anything that keeps values under keys: objects, a key-value store, a cache. */
import { type Device, MultisnapError } from "../src/index.ts"; // in your code: from "multisnap"

/** `get` answers undefined for what was never set, `set` when the bytes are durable. */
export interface KeyValues {
  get(key: string): Promise<Uint8Array | undefined>;
  set(key: string, bytes: Uint8Array): Promise<unknown>;
}

/** A disk of `size` bytes in values of `block` bytes. What was never written takes no room. */
export function keyValueDevice(keys: KeyValues, size: number, block = 16384): Device {
  const value = async (key: string) => (await keys.get(key)) ?? new Uint8Array(block);
  const turns = new Map<string, Promise<unknown>>();
  /** Writes to one value follow each other: who writes a part of it reads it before. */
  function inTurn(key: string, work: () => Promise<unknown>): Promise<unknown> {
    const turn = (turns.get(key) ?? Promise.resolve()).catch(() => {}).then(work);
    turns.set(key, turn);
    return turn.finally(() => turns.get(key) === turn && turns.delete(key));
  }
  async function each(length: number, offset: number, work: Work): Promise<void> {
    const all: Promise<unknown>[] = [];
    for (let done = 0; done < length; ) {
      const from = (offset + done) % block;
      const bytes = Math.min(block - from, length - done);
      all.push(work(`${(offset + done - from) / block}`, from, bytes, done));
      done += bytes;
    }
    for (const end of await Promise.allSettled(all)) {
      if (end.status === "fulfilled") continue;
      throw new MultisnapError("Io", `keys and values: ${end.reason}`, { cause: end.reason });
    }
  }
  return {
    ...{ name: "keys and values", readOnly: false, synchronous: false, growable: false },
    ...{ size: () => size, flush: () => {}, resize: () => {}, close: () => {} },
    read: (target, start, length, offset) =>
      each(length, offset, async (key, from, bytes, done) =>
        target.set((await value(key)).subarray(from, from + bytes), start + done),
      ),
    write: (source, start, length, offset) =>
      each(length, offset, (key, from, bytes, done) => {
        const part = source.slice(start + done, start + done + bytes); // out of shared memory
        return inTurn(key, async () => {
          const whole = bytes === block ? part : (await value(key)).slice();
          if (bytes < block) whole.set(part, from);
          await keys.set(key, whole);
        });
      }),
  };
}
type Work = (key: string, from: number, bytes: number, done: number) => Promise<unknown>;
