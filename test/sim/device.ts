/**
 * A device of a simulated machine, on an image. It answers at once or late, and then in two parts;
 * every change of what it holds is an event of its machine. What it holds is what a caller reads
 * back; what of that is on the media is for `wreck.ts` to say.
 *
 * A flush reaches those writes that were answered before it was asked for, and no others.
 */

import type { Device, Later } from "../../src/devices/device.ts";
import { MultisnapError } from "../../src/errors.ts";
import { SECTOR } from "../crash/tear.ts";
import type { Image } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import { type Faults, ioError, type Lied, type Wrong } from "./faults.ts";
import type { Power } from "./power.ts";

const PAGE = 4096;

export interface SimOptions {
  /** Its number among those of the machine. */
  index: number;
  image: Image;
  faults: Faults;
  /** For cuts and parts. */
  random: Random;
  late: boolean;
  fixed?: boolean;
  readOnly?: boolean;
  /** What a write is of: where one of metadata fails, the volume must be read-only. */
  kindOf?: (bytes: Uint8Array, offset: number) => Lied;
}

export class SimDevice implements Device {
  readonly name: string;
  readonly readOnly: boolean;
  readonly synchronous: boolean;
  readonly growable: boolean;
  readonly #power: Power;
  readonly #of: SimOptions;
  /** Answered since the last flush; what a failed flush was to reach is not among them any more. */
  #answered = new Set<number>();
  #closed = false;

  constructor(power: Power, options: SimOptions) {
    this.#power = power;
    this.#of = options;
    this.name = `device ${options.index}`;
    this.readOnly = options.readOnly ?? false;
    this.synchronous = !options.late;
    this.growable = !(options.fixed ?? false);
  }

  size(): number {
    return this.#of.image.size;
  }

  read(target: Uint8Array, start: number, length: number, offset: number): Later {
    this.#assertOpen();
    const { image, index, faults, random, late } = this.#of;
    const wrong = faults.fire(index, "read");
    const piece = (from: number, to: number) => () => {
      this.#power.assertOn();
      if (wrong) throw ioError(this.name, "read");
      image.read(target, start + from, to - from, offset + from);
    };
    if (!late) return piece(0, length)();
    const part = cut(random, length, offset);
    return this.#power.later([piece(0, part), piece(part, length)]);
  }

  write(source: Uint8Array, start: number, length: number, offset: number): Later {
    this.#assertOpen();
    const { index, image, faults, random, late, kindOf } = this.#of;
    if (this.readOnly) throw new MultisnapError("ReadOnly", `${this.name} is read-only`);
    if (!this.growable && offset + length > image.size) {
      throw new MultisnapError("NoSpace", `${this.name} ends at ${image.size}`);
    }
    const wrong = faults.fire(index, "write");
    if (wrong) {
      const lied = kindOf?.(source.subarray(start, start + length), offset) ?? "data";
      if (wrong !== "eio") faults.lied.add(lied);
      else if (lied === "metadata") faults.fatal++;
    }
    const id = this.#power.nextWrite();
    const piece = (from: number, to: number) => () => {
      this.#power.assertOn();
      this.#put(id, source.slice(start + from, start + to), offset + from, wrong);
    };
    // What a write that failed has left is there, and the next flush reaches it.
    const answered = () => void this.#answered.add(id);
    if (late) {
      const part = cut(random, length, offset);
      return this.#power.later([piece(0, part), piece(part, length)]).finally(answered);
    }
    try {
      piece(0, length)();
    } finally {
      answered();
    }
  }

  #put(id: number, bytes: Uint8Array, offset: number, wrong: Wrong | null): void {
    const { index, image, random } = this.#of;
    if (wrong === "dropped") return;
    if (wrong === "eio") {
      const done = random.pick([0, 0, cut(random, bytes.length, offset)]);
      if (done > 0) this.#store(id, bytes.subarray(0, done), offset, false);
      throw ioError(this.name, "write");
    }
    if (wrong === "astray") {
      const pages = Math.max(1, Math.floor((image.size - bytes.length) / PAGE));
      const to = random.below(pages) * PAGE + (offset % PAGE);
      this.#lieAbout(bytes.length, to);
      this.#store(id, bytes, to, true);
      return;
    }
    this.#fill(id, bytes, offset);
    this.#power.happened({ device: index, kind: "write", id, offset, bytes, isAstray: false });
  }

  /** A write that went astray is a lie also about what it landed on. */
  #lieAbout(length: number, offset: number): void {
    const { image, faults, kindOf } = this.#of;
    const there = new Uint8Array(length);
    image.read(there, 0, length, offset);
    faults.lied.add(kindOf?.(there, offset) ?? "data");
  }

  #store(id: number, bytes: Uint8Array, offset: number, isAstray: boolean): void {
    const { index, image } = this.#of;
    if (!this.growable && offset + bytes.length > image.size) return;
    image.write(bytes, 0, bytes.length, offset);
    this.#power.happened({ device: index, kind: "write", id, offset, bytes, isAstray });
  }

  /** Block by block, as long as the file system has room. */
  #fill(id: number, bytes: Uint8Array, offset: number): void {
    const { image, faults, index } = this.#of;
    if (faults.room === null || index !== 0) {
      image.write(bytes, 0, bytes.length, offset);
      return;
    }
    for (let at = offset; at < offset + bytes.length; ) {
      const end = Math.min(offset + bytes.length, at - (at % PAGE) + PAGE);
      if (!image.has(at)) {
        if (faults.room === 0) {
          faults.note("full");
          if (at > offset) this.#store(id, bytes.subarray(0, at - offset), offset, false);
          throw new MultisnapError("NoSpace", `${this.name}: no space left (ENOSPC)`);
        }
        faults.room--;
      }
      image.write(bytes, at - offset, end - at, at);
      at = end;
    }
  }

  flush(): Later {
    this.#assertOpen();
    const { index, faults, late } = this.#of;
    const wrong = faults.fire(index, "flush");
    const covers = wrong === "lie" ? new Set<number>() : this.#answered;
    if (wrong === "lie") faults.lied.add("flush");
    else this.#answered = new Set();
    const work = () => {
      this.#power.assertOn();
      if (wrong === "eio") {
        faults.fatal++;
        throw ioError(this.name, "flush");
      }
      this.#power.happened({ device: index, kind: "flush", covers });
    };
    return late ? this.#power.later([work]) : work();
  }

  resize(size: number): Later {
    this.#assertOpen();
    const { index, image, late } = this.#of;
    const id = this.#power.nextWrite();
    const work = () => {
      this.#power.assertOn();
      image.resize(size);
      this.#power.happened({ device: index, kind: "resize", id, size });
      this.#answered.add(id);
    };
    return late ? this.#power.later([work]) : work();
  }

  close(): void {
    this.#closed = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw new Error(`${this.name} was used after it was closed`);
    this.#power.assertOn();
  }
}

/** A transfer is not atomic: it is cut at the start of some sector of the device. */
function cut(random: Random, length: number, offset: number): number {
  const first = SECTOR - (offset % SECTOR);
  if (first >= length) return length;
  return first + SECTOR * random.below(Math.ceil((length - first) / SECTOR));
}
