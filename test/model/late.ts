/**
 * A device that answers late: each call takes effect in two parts at two moments and completes a
 * random number of event loop turns after it was made. Now and then it answers at once, as the
 * port allows.
 */
import type { Device, Later } from "../../src/devices/device.ts";
import { turn } from "../../src/task.ts";
import type { Random } from "./prng.ts";

const SECTOR = 512;

export interface LateOptions {
  /** Most event loop turns that a call takes. */
  turnsMax?: number;
  /** Share of calls that answer at once. */
  atOnce?: number;
}

export async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await turn();
}

export function lateDevice(inner: Device, random: Random, options: LateOptions = {}): Device {
  const turnsMax = options.turnsMax ?? 3;
  const atOnce = options.atOnce ?? 0.2;

  async function later(effects: (() => Later)[]): Promise<void> {
    for (const effect of effects) {
      await turns(random.between(0, turnsMax));
      await effect();
    }
    if (random.chance(0.5)) await turns(1);
  }
  /** A transfer is not atomic: it is cut at the start of some sector of the device. */
  function cut(length: number, offset: number): number {
    const first = SECTOR - (offset % SECTOR);
    if (first >= length) return length;
    return first + SECTOR * random.below(Math.ceil((length - first) / SECTOR));
  }
  return {
    name: inner.name,
    readOnly: inner.readOnly,
    synchronous: false,
    growable: inner.growable,
    size: () => inner.size(),
    read(target, start, length, offset) {
      if (random.chance(atOnce)) return inner.read(target, start, length, offset);
      const part = cut(length, offset);
      return later([
        () => inner.read(target, start, part, offset),
        () => inner.read(target, start + part, length - part, offset + part),
      ]);
    },
    write(source, start, length, offset) {
      if (random.chance(atOnce)) return inner.write(source, start, length, offset);
      const part = cut(length, offset);
      return later([
        () => inner.write(source, start, part, offset),
        () => inner.write(source, start + part, length - part, offset + part),
      ]);
    },
    flush() {
      return random.chance(atOnce) ? inner.flush() : later([() => inner.flush()]);
    },
    resize(bytes) {
      return random.chance(atOnce) ? inner.resize(bytes) : later([() => inner.resize(bytes)]);
    },
    close: () => inner.close(),
  };
}
