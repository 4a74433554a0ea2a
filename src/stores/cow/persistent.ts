/**
 * The persistent store ("P"): byte for byte what Linux' dm-snapshot writes and reads. Exceptions
 * are committed in the order in which their places were given out, many at a time.
 *
 * Invariants: I4, I5; a snapshot that was given up is marked on the device before its origin goes
 * on.
 */
import type { Device } from "../../devices/device.ts";
import { MultisnapError } from "../../errors.ts";
import type { Task } from "../../task.ts";
import type { CheckReport, Mergeable, MergeRun, ProgressOptions, StoreUsage } from "../store.ts";
import { Areas } from "./areas.ts";
import { PERSISTENT } from "./capabilities.ts";
import { checkCow } from "./check.ts";
import { type CowSetup, CowStore } from "./cow-store.ts";
import { areaPlace, areasWithin, DATA_FIRST, damaged, isAreaPlace, SECTOR } from "./format.ts";
import { Places } from "./places.ts";

export class PersistentStore extends CowStore implements Mergeable {
  readonly kind = "persistent";
  override readonly mergeable = this;
  readonly capabilities = PERSISTENT;
  protected readonly places: Places;
  protected readonly capacity: number;
  readonly #areas: Areas;

  private constructor(device: Device, areas: Areas, chunk: number, setup: CowSetup) {
    super(device, chunk, 0, setup);
    this.#areas = areas;
    this.places = new Places(DATA_FIRST, this.limit, areas.perArea);
    // Behind the last one there is always the end of the table.
    this.capacity = areasWithin(this.limit, areas.perArea) * areas.perArea - 1;
  }

  static *create(device: Device, chunk: number, setup: CowSetup): Task<PersistentStore> {
    const store = PersistentStore.#over(device, chunk, setup);
    if (store.capacity <= 0) {
      const least = `at least ${(DATA_FIRST + 1) * chunk} bytes are needed`;
      throw new MultisnapError("NoSpace", `${device.name} is too small: ${least}`);
    }
    yield* store.#areas.format();
    return store;
  }

  /** `writable`: what a power cut left behind the end of the table is wiped. */
  static *open(
    device: Device,
    chunk: number,
    setup: CowSetup,
    writable: boolean,
  ): Task<PersistentStore> {
    const store = PersistentStore.#over(device, chunk, setup);
    yield* store.#load(writable);
    return store;
  }

  static #over(device: Device, chunk: number, setup: CowSetup): PersistentStore {
    let store: PersistentStore | null = null;
    const areas = new Areas(device, chunk, (error) => store?.fail(error));
    store = new PersistentStore(device, areas, chunk, setup);
    return store;
  }

  *#load(writable: boolean): Task<void> {
    const { name } = this.device;
    const chunks = Math.floor(this.device.size() / this.chunk);
    const origin = Math.ceil(this.originBytes / this.chunk);
    let next = DATA_FIRST;
    let isAscending = true;
    yield* this.#areas.load((old, place) => {
      const what = `its exception ${this.table.length}, chunk ${old} at chunk ${place},`;
      if (old >= origin) throw damaged(name, `${what} is past the end of the origin`);
      if (place < DATA_FIRST || isAreaPlace(place, this.#areas.perArea)) {
        throw damaged(name, `${what} lies where metadata is`);
      }
      if (place >= chunks) throw damaged(name, `${what} lies past its end`);
      if (this.table.find(old) >= 0) throw damaged(name, `${what} is the second for that chunk`);
      if (place < next) isAscending = false;
      else next = place + 1;
      this.table.add(old, place);
    }, writable);
    if (!isAscending) this.#refuseTwice();
    this.places.startAt(next);
    // What was just read may be in a cache only: a power cut after a write must not undo it.
    if (writable) yield* this.#areas.flush();
  }

  /** Old kernels did not name places in the order in which they gave them out. */
  #refuseTwice(): void {
    const places = new Float64Array(this.table.length);
    for (let i = 0; i < places.length; i++) places[i] = this.table.place(i);
    places.sort();
    const twice = places.find((place, i) => i > 0 && place === places[i - 1]);
    if (twice === undefined) return;
    throw damaged(this.device.name, `two exceptions name its chunk ${twice}`);
  }

  get flushes(): number {
    return this.#areas.flushes;
  }
  protected get committed(): number {
    return this.#areas.entries;
  }

  protected *commitNow(): Task<void> {
    const { table, places } = this;
    let last = 0;
    for (let i = this.committed; i < table.length; i++) last = Math.max(last, table.place(i));
    while (places.oldest < last) {
      this.assertSound();
      yield places.moved();
    }
    table.sort(this.committed);
    const { oldest } = places;
    let end = this.committed;
    while (end < table.length && table.place(end) < oldest) end++;
    if (end > this.committed) {
      this.dirty = false;
      yield* this.#areas.append(table, end);
      this.commits++;
    } else if (this.dirty) {
      this.dirty = false;
      yield* this.#areas.flush();
    }
  }

  protected giveUpNow(): Task<void> {
    return this.#areas.invalidate();
  }

  protected closeNow(): Task<void> {
    return this.commit();
  }

  // ---- merge

  beginMerge(): void {
    this.assertValid();
    if (this.uncommitted) throw new MultisnapError("Internal", "a merge begins in between");
    this.merging = true;
    this.mergeFailed = false;
  }

  /** All of one area. */
  lastRuns(most: number, chunks: number): MergeRun[] {
    const { table, committed } = this;
    const runs: MergeRun[] = [];
    const areaStart = Math.floor((committed - 1) / this.#areas.perArea) * this.#areas.perArea;
    for (let i = committed - 1; i >= areaStart && i >= 0; i--) {
      const old = table.old(i);
      const place = table.place(i);
      const run = runs[runs.length - 1];
      if (run && run.count < chunks && old === run.old - 1 && place === run.place - 1) {
        run.old = old;
        run.place = place;
        run.count++;
      } else {
        if (runs.length === most) break;
        runs.push({ old, place, count: 1 });
      }
    }
    return runs;
  }

  *withdraw(count: number): Task<void> {
    yield* this.still(this.#withdrawNow(count));
  }

  *#withdrawNow(count: number): Task<void> {
    this.assertSound();
    try {
      yield* this.#areas.withdraw(this.table, count);
    } catch (error) {
      this.fail(error);
      throw error;
    }
    this.commits++;
    this.table.truncate(this.committed);
    const { perArea, current } = this.#areas;
    this.places.startAt(areaPlace(current, perArea) + 1 + (this.committed % perArea));
  }

  endMerge(): void {
    this.merging = false;
    this.merged = true;
  }

  // ---- reports

  override usage(): StoreUsage {
    return {
      ...super.usage(),
      metadataBytes: (this.#areas.current + 1) * this.chunk,
      fixedBytes: this.chunk,
    };
  }

  /** As the kernel's, in sectors: allocated/total metadata. */
  protected statusLine(): string {
    const sectors = this.chunk / SECTOR;
    const total = Math.floor((this.maxBytes ?? this.device.size()) / SECTOR);
    return `${this.places.next * sectors}/${total} ${(this.#areas.current + 2) * sectors}`;
  }

  check(options: ProgressOptions): Task<CheckReport> {
    return this.still(this.#checkNow(options));
  }

  /** Looks at its state only once it runs: a commit may be under way until then. */
  *#checkNow(options: ProgressOptions): Task<CheckReport> {
    const { device, chunk, table, committed } = this;
    const limit = Math.min(this.limit, this.places.next);
    const facts = { device, chunk, table, committed, limit, valid: this.invalid === null };
    return yield* checkCow(facts, options);
  }
}
