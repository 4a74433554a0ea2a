/**
 * Where the metadata of a store that is built anew goes: to chunks that nothing of what the device
 * holds is in. Above everything first, for there nothing is for sure; or, where a store cannot
 * grow, to chunks below that no entry, no record and no old metadata names.
 */
import { MultisnapError } from "../../../errors.ts";
import type { Bits } from "../check/bits.ts";

/** Chunks for a slab. */
export interface Run {
  place: number;
  count: number;
}

export interface RoomOptions {
  /** Chunks below this are looked at only when those above run out; nothing above is in use. */
  floor: number;
  /** Chunks that the store may have. */
  limit: number;
  /** Chunks of a whole slab. */
  slab: number;
  /** Chunks below `floor` that are in use; null: not known, so all. */
  used: Bits | null;
  /** Only chunks below `floor`: the device does not grow. */
  below: boolean;
}

export class Room {
  readonly options: RoomOptions;
  #below = 0;

  constructor(options: RoomOptions) {
    this.options = options;
  }

  /** The next run of `least` chunks to a slab, at or above `top` or below the floor. */
  next(top: number, least: number): Run | null {
    const { floor, limit, slab, below } = this.options;
    const place = Math.max(floor, top);
    if (!below && place + least <= limit) return { place, count: Math.min(slab, limit - place) };
    return this.#nextBelow(least);
  }

  #nextBelow(least: number): Run | null {
    const { used, slab } = this.options;
    if (!used) return null;
    const end = Math.min(this.options.floor, this.options.limit);
    while (this.#below < end) {
      while (this.#below < end && used.get(this.#below)) this.#below++;
      const place = this.#below;
      const stop = Math.min(end, place + slab);
      while (this.#below < stop && !used.get(this.#below)) this.#below++;
      if (this.#below - place >= least) return { place, count: this.#below - place };
    }
    return null;
  }
}

/** `bytes`: of metadata, about. */
export function noRoom(name: string, bytes: number): MultisnapError {
  return new MultisnapError(
    "NoSpace",
    `${name}: about ${bytes} bytes that nothing is in are needed for new metadata: make room on ` +
      "its disk, or dump it and restore the dump onto a copy that can be larger",
  );
}
