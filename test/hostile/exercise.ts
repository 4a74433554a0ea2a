/**
 * What everybody does with a store: opens it to read, looks at it in all ways, dumps it, repairs a
 * copy, opens it to write, changes it, closes it, opens it again. Each may fail with a clear error,
 * none in another way.
 */
import { MultisnapError } from "../../src/errors.ts";
import { dumpStore } from "../../src/volume/open/dump-store.ts";
import { repairStore } from "../../src/volume/open/repair-store.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { type Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import type { Devices } from "../model/subjects.ts";
import { type Base, openBase } from "./bases.ts";
import { Budget, Finding, hostileDevice } from "./device.ts";

const WHOLE_BYTES_MAX = 2 ** 20;
const RANGES_MAX = 2000;
const VIEWS_MAX = 4;
const DUMP_BYTES_MAX = 2 ** 24;

/** What each thing that was done came to: `ok`, or the error, without its numbers. */
export type Outcomes = string[];

export class Exercise {
  readonly outcomes: Outcomes = [];
  /** Whether the first `check` called the store clean. */
  clean: boolean | null = null;
  readonly #base: Base;
  readonly #image: Image;
  readonly #under: Image;
  readonly #kept: number;
  readonly #random: Random;
  readonly #budget = new Budget();
  readonly #begin: (what: string) => void;

  /** `begin` is told what is done next. */
  constructor(base: Base, image: Image, seed: number, kept: number, begin: (what: string) => void) {
    this.#base = base;
    this.#image = image;
    this.#under = base.under.copy();
    this.#kept = kept;
    this.#random = new Random(seed);
    this.#begin = begin;
  }

  async run(): Promise<void> {
    await this.#read("read", VIEWS_MAX);
    this.clean ??= false;
    await this.#dump();
    await this.#repair();
    await this.#write();
    await this.#read("again", 1);
  }

  async #dump(): Promise<void> {
    const damaged = this.#random.chance(0.5);
    const options = { readOnly: true, fixed: false, kept: this.#kept, budget: this.#budget };
    const store = hostileDevice(this.#image, options);
    await this.#try("dump", async () => {
      let bytes = 0;
      for await (const text of dumpStore({ store, damaged })) {
        bytes += text.length;
        if (bytes > DUMP_BYTES_MAX) return;
      }
    });
  }

  /** Of a copy: what is repaired opens, and `check` calls it clean. */
  async #repair(): Promise<void> {
    const image = this.#image.copy();
    const fixed = this.#random.chance(0.3);
    const options = { readOnly: false, fixed, kept: this.#kept, budget: this.#budget };
    const store = hostileDevice(image, options);
    const report = await this.#try("repair", () => repairStore({ store }));
    if (!report) return;
    const again = await this.#try("repair: again", () => repairStore({ store }));
    if (again && again.repaired.length > 0) throw new Finding(`repaired twice: ${again.repaired}`);
  }

  async #try<T>(what: string, work: () => Promise<T>): Promise<T | null> {
    this.#begin(what);
    try {
      const value = await work();
      this.outcomes.push(`${what}: ok`);
      return value;
    } catch (error) {
      if (!(error instanceof MultisnapError) || error.code === "Internal") throw error;
      for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
        if (cause instanceof Finding) throw cause;
      }
      this.outcomes.push(`${what}: ${error.code}: ${shape(error.message)}`);
      return null;
    }
  }

  #open(readOnly: boolean): Promise<Volume> {
    const { mode } = this.#base;
    const fixed = this.#random.chance(0.3);
    const options = { readOnly, fixed, kept: this.#kept, budget: this.#budget };
    const devices: Devices = { store: hostileDevice(this.#image, options) };
    const isRead = readOnly || mode === "base";
    const under = imageDevice(this.#under, { fixed: true, readOnly: isRead, name: mode });
    if (mode === "base") devices.base = under;
    if (mode === "attached") devices.origin = under;
    return openBase(this.#base, devices, { readOnly });
  }

  async #read(name: string, views: number): Promise<void> {
    const volume = await this.#try(`${name}: open`, () => this.#open(true));
    if (!volume) return;
    const report = await this.#try(`${name}: check`, () => volume.check({ data: true }));
    if (report) {
      this.clean ??= report.clean;
      const problems = new Set(report.problems.map((one) => `${one.where} ${shape(one.message)}`));
      this.outcomes.push(...[...problems].sort());
    }
    await this.#try(`${name}: status`, async () => JSON.stringify(volume.status()));
    await this.#try(`${name}: list`, async () => {
      for (const { created } of await volume.snapshotUsage()) new Date(created).toISOString();
    });
    for (const view of this.#some(volume, views)) await this.#look(name, volume, view);
    await this.#try(`${name}: close`, () => volume.close());
  }

  #some({ snapshots, origin }: Volume, most: number): View[] {
    const some = Array.from({ length: most }, () => this.#random.pick([origin, ...snapshots]));
    return [...new Set(some)];
  }

  async #look(name: string, volume: Volume, view: View): Promise<void> {
    await this.#try(`${name}: view`, async () => {
      if (view.size <= WHOLE_BYTES_MAX) return view.read(0, new Uint8Array(view.size));
      for (let i = 0; i < 12; i++) {
        const bytes = new Uint8Array(1 + this.#random.below(70000));
        await view.read(this.#random.below(view.size - bytes.length), bytes);
      }
    });
    let ranges = 0;
    await this.#try(`${name}: extents`, async () => {
      let at = 0;
      for await (const { offset, length } of view.extents(0, view.size)) {
        if (offset !== at || length <= 0) throw new Finding("extents are not in a row");
        at = offset + length;
        if (++ranges > RANGES_MAX) return;
      }
      if (at !== view.size) throw new Finding("extents do not cover the view");
    });
    const other = this.#random.pick([volume.origin, ...volume.snapshots]);
    await this.#try(`${name}: diff`, async () => {
      let end = -1;
      ranges = 0;
      for await (const { offset, length } of volume.diff(view, other)) {
        if (offset <= end || length <= 0) throw new Finding("ranges of a diff are not in order");
        end = offset + length;
        if (++ranges > RANGES_MAX) return;
      }
    });
  }

  async #write(): Promise<void> {
    const volume = await this.#try("write: open", () => this.#open(false));
    if (!volume) return;
    const random = this.#random;
    for (let i = 0; i < 9; i++) await this.#change(volume, i);
    await this.#try("write: flush", () => volume.flush());
    if (random.chance(0.3)) await this.#try("write: check", () => volume.check());
    if (random.chance(0.5)) await this.#try("write: reclaimed", () => volume.reclaimed());
    await this.#try("write: close", () => volume.close());
  }

  async #change(volume: Volume, index: number): Promise<void> {
    const random = this.#random;
    const { origin, snapshots, chunk } = volume;
    const view = random.pick([origin, origin, ...snapshots]);
    const at = random.below(Math.min(view.size, WHOLE_BYTES_MAX)) || 0;
    const length = Math.min(1 + random.below(3 * chunk), Math.max(0, view.size - at));
    const how = random.weighted({ write: 5, trim: 1, snapshot: 1, delete: 2, rename: 1, clone: 1 });
    const what = `change: ${how}`;
    if (how === "write") await this.#try(what, () => view.write(at, random.bytes(length)));
    if (how === "trim") await this.#try(what, () => view.trim(at, length));
    if (how === "snapshot") await this.#try(what, () => view.snapshot(`new-${index}`));
    if (how === "clone") {
      const first = at - (at % chunk);
      const count = Math.min(2 * chunk, Math.max(0, view.size - first));
      await this.#try(what, () =>
        view.cloneFrom(random.pick([origin, ...snapshots]), first, count),
      );
    }
    const one = snapshots.length > 0 ? random.pick(snapshots) : null;
    if (how === "rename" && one) await this.#try(what, () => volume.rename(one, `other-${index}`));
    if (how === "delete" && one) await this.#try(what, () => volume.delete(one));
    if (random.chance(0.3)) await this.#try("change: flush", () => volume.flush());
  }
}

/** A message without its numbers. */
function shape(message: string): string {
  return message
    .replace(/-?\d+(\.\d+)?(e\+\d+)?/g, "#")
    .replace(/(#, )+#/g, "#")
    .replace(/"[^"]*"/g, '""')
    .slice(0, 160);
}
