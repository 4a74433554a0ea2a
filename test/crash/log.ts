/**
 * Devices that remember what was done to them: one global order of writes and flushes over all
 * devices of a volume. From it, `Wreck` makes what a power cut may leave.
 */
import type { Device } from "../../src/devices/device.ts";
import { type Image, imageDevice } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import { apply, type Change, type Effort, tear } from "./tear.ts";

export type DeviceEvent = Change | { device: number; kind: "flush" };

export interface DeviceOptions {
  fixed?: boolean;
  readOnly?: boolean;
}

export class CrashLog {
  readonly events: DeviceEvent[] = [];
  /** What the devices held before the first event. */
  readonly first: Image[] = [];

  /** Events so far: the clock of a crash run. */
  get now(): number {
    return this.events.length;
  }

  /** A device on `image`, which is new to this log. */
  device(image: Image, options: DeviceOptions = {}): Device {
    this.first.push(image.copy());
    return this.again(this.first.length - 1, image, options);
  }

  /** The device of that number, opened again. */
  again(device: number, image: Image, options: DeviceOptions = {}): Device {
    const inner = imageDevice(image, { ...options, name: `device ${device}` });
    return {
      ...inner,
      write: (source, start, length, offset) => {
        inner.write(source, start, length, offset);
        const bytes = source.slice(start, start + length);
        this.events.push({ device, kind: "write", offset, bytes });
      },
      resize: (size) => {
        inner.resize(size);
        this.events.push({ device, kind: "resize", size });
      },
      flush: () => {
        inner.flush();
        this.events.push({ device, kind: "flush" });
      },
    };
  }
}

/**
 * What is on the media after a number of events: what is durable, and the writes that may or may
 * not be.
 */
export class Wreck {
  readonly #durable: Image[];
  #pending: Change[] = [];

  constructor(log: CrashLog) {
    this.#durable = log.first.map((image) => image.copy());
  }

  get pending(): number {
    return this.#pending.length;
  }

  advance(event: DeviceEvent): void {
    if (event.kind !== "flush") {
      this.#pending.push(event);
      return;
    }
    const flushed = this.#pending.filter((other) => other.device === event.device);
    for (const write of flushed) apply(this.#durable, write);
    this.#pending = this.#pending.filter((other) => other.device !== event.device);
  }

  /**
   * Copies in which any subset of the pending writes is missing or torn. With `newest`, only
   * those with the last write in them: the others were possible one event earlier.
   */
  *states(random: Random, effort: Effort, newest = false): Generator<Image[]> {
    const count = this.#pending.length;
    const last = newest && count > 0;
    if (count <= effort.allUpTo) {
      for (let mask = 0; mask < 2 ** count; mask++) {
        if (!last || mask >= 2 ** (count - 1)) yield this.#with((i) => (mask >> i) % 2 === 1);
      }
    } else {
      if (!last) yield this.#with(() => false);
      yield this.#with(() => true);
      for (let i = 0; i < effort.samples; i++) {
        const share = random.pick([0.1, 0.5, 0.9]);
        yield this.#with((at) => (last && at === count - 1) || random.chance(share));
      }
    }
    for (let i = 0; i < effort.torn && count > 0; i++) {
      const torn = last ? count - 1 : random.below(count);
      yield this.#with((at) => at === torn || random.chance(0.5), torn, random);
    }
  }

  #with(kept: (index: number) => boolean, torn = -1, random?: Random): Image[] {
    const images = this.#durable.map((image) => image.copy());
    this.#pending.forEach((event, i) => {
      if (i === torn && random !== undefined) tear(images, event, random);
      else if (kept(i)) apply(images, event);
    });
    return images;
  }
}
