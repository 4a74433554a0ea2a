/**
 * Header and metadata areas of a COW device: read once, then entries are appended to, or taken from
 * the end of, the last area.
 *
 * Order of an append: data is written before; where the area becomes full, the next one is zeroed;
 * flush; the area; flush (I4). So there is an end of the table at any moment, and an area that the
 * power cut short names nothing but what is there.
 */
import type { Device } from "../../devices/device.ts";
import { settle, type Task } from "../../task.ts";
import type { Exceptions } from "./exceptions.ts";
import {
  areaPlace,
  damaged,
  ENTRY_BYTES,
  entriesPerArea,
  HEADER_PLACE,
  headerChunk,
  putEntry,
  readEntries,
  restOfArea,
} from "./format.ts";

export class Areas {
  /** Entries that are on the device, durable. */
  entries = 0;
  flushes = 0;
  readonly perArea: number;
  readonly #device: Device;
  readonly #chunk: number;
  readonly #failed: (error: unknown) => void;
  /** The area that the next entry goes to: zeros behind its entries. */
  readonly #image: Uint8Array;

  /** `failed` is told of a flush that failed. */
  constructor(device: Device, chunk: number, failed: (error: unknown) => void) {
    this.#device = device;
    this.#chunk = chunk;
    this.#failed = failed;
    this.perArea = entriesPerArea(chunk);
    this.#image = new Uint8Array(chunk);
  }

  /** Number of the area that the next entry goes to. */
  get current(): number {
    return Math.floor(this.entries / this.perArea);
  }

  /** Makes an empty table. The header comes last: without it there is no COW device. */
  *format(): Task<void> {
    yield* this.#write(areaPlace(0, this.perArea), this.#image);
    yield* this.flush();
    yield* this.#write(HEADER_PLACE, headerChunk(this.#chunk, true));
    yield* this.flush();
  }

  /** Gives the snapshot up for good. */
  *invalidate(): Task<void> {
    yield* this.#write(HEADER_PLACE, headerChunk(this.#chunk, false));
    yield* this.flush();
  }

  /**
   * Reads the table. `take` gets the entries in their order, numbers that it has to check. `mends`:
   * what a power cut left behind the end of the table is wiped, or a later entry would join it.
   */
  *load(take: (old: number, place: number) => void, mends: boolean): Task<void> {
    const { name } = this.#device;
    for (let index = 0; ; index++) {
      const place = areaPlace(index, this.perArea);
      if ((place + 1) * this.#chunk > this.#device.size()) {
        throw damaged(name, `its metadata area ${index} lies past its end`);
      }
      yield* settle(this.#device.read(this.#image, 0, this.#chunk, place * this.#chunk));
      const found = readEntries(this.#image);
      const count = found.length / 2;
      const rest = restOfArea(this.#image, count);
      if (rest === "damaged") {
        throw damaged(name, `something lies behind the last entry of its metadata area ${index}`);
      }
      for (let i = 0; i < count; i++) take(found[2 * i]!, found[2 * i + 1]!);
      this.entries += count;
      this.#image.fill(0, count * ENTRY_BYTES);
      if (rest === "torn" && mends) {
        yield* this.#write(place, this.#image);
        yield* this.flush();
      }
      if (count < this.perArea) return;
    }
  }

  /** Appends the exceptions up to number `end`: they are durable, and their data is, afterwards. */
  *append(table: Exceptions, end: number): Task<void> {
    while (this.entries < end) {
      const { current } = this;
      const areaEnd = (current + 1) * this.perArea;
      const last = Math.min(end, areaEnd);
      for (let i = this.entries; i < last; i++) {
        putEntry(this.#image, i % this.perArea, table.old(i), table.place(i));
      }
      if (last === areaEnd) yield* this.#zero(areaPlace(current + 1, this.perArea));
      yield* this.flush();
      yield* this.#write(areaPlace(current, this.perArea), this.#image);
      yield* this.flush();
      this.entries = last;
      if (last === areaEnd) this.#image.fill(0);
    }
  }

  /** Takes the last `count` entries out, which must lie in one area; durable afterwards. */
  *withdraw(table: Exceptions, count: number): Task<void> {
    const left = this.entries - count;
    const area = Math.floor(left / this.perArea);
    this.#image.fill(0);
    for (let i = area * this.perArea; i < left; i++) {
      putEntry(this.#image, i % this.perArea, table.old(i), table.place(i));
    }
    yield* this.flush();
    yield* this.#write(areaPlace(area, this.perArea), this.#image);
    yield* this.flush();
    this.entries = left;
  }

  *flush(): Task<void> {
    this.flushes++;
    try {
      yield* settle(this.#device.flush());
    } catch (error) {
      this.#failed(error);
      throw error;
    }
  }

  *#zero(place: number): Task<void> {
    yield* this.#write(place, new Uint8Array(this.#chunk));
  }

  *#write(place: number, bytes: Uint8Array): Task<void> {
    yield* settle(this.#device.write(bytes, 0, this.#chunk, place * this.#chunk));
  }
}
