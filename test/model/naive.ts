/**
 * The model behind the library's interface, with all of it written to the store at each commit: a
 * volume that is right and slow. It shows that the suites accept what is right; with a defect,
 * that they find what is wrong.
 */
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import type { Capabilities, StoreKind } from "../../src/stores/store.ts";
import type {
  ByteRange,
  ResizeOptions,
  RollbackOptions,
  SnapshotOptions,
  View,
  ViewChanges,
  Volume,
} from "../../src/volume/types.ts";
import { turns } from "./late.ts";
import { Model, PAGE } from "./model.ts";
import type { Defect } from "./naive-defects.ts";
import { changedPages, fail } from "./naive-report.ts";
import { lastState, newState, ORIGIN, pack, type State, slotStart } from "./naive-state.ts";
import { begin, type Devices, FIXED, type Subject } from "./subjects.ts";

/** A store that can do what a kind of stores can. */
export function naive(defect: Defect = "none", kind: StoreKind = "range"): Subject {
  const capabilities = CAPABILITIES[kind];
  return {
    name: `naive ${kind}`,
    kind,
    capabilities,
    joins: false,
    open: async (devices, options) => {
      if (!options.create && capabilities.crash === "lost") fail("Invalid", "nothing is kept");
      const state = options.create
        ? await newState(devices, options.create)
        : await lastState(devices.store, defect === "checksum ignored");
      const volume = new NaiveVolume(devices, state, defect, capabilities);
      if (!options.create) await volume.loadOrigin();
      if (state.snapshots.size === 0) begin(volume.model, capabilities);
      await volume.commit();
      return volume as unknown as Volume;
    },
  };
}

class NaiveVolume {
  readonly model: Model;
  readonly #state: State;
  readonly #devices: Devices;
  readonly #defect: Defect;
  readonly #can: Capabilities;
  #committed: Promise<void> = Promise.resolve();
  #closed = false;
  #written = new Map<number, Uint8Array>();
  readonly origin: View;
  readonly #views = new Map<number, View>();

  constructor(devices: Devices, state: State, defect: Defect, can: Capabilities) {
    this.model = new Model(ORIGIN, 0, state.chunk, state.mode);
    const { views, snapshots, sizes, marks } = state;
    Object.assign(this.model, { views, snapshots, sizes, marks });
    this.#state = state;
    this.#devices = devices;
    this.#defect = defect;
    this.#can = can;
    this.origin = this.#view(ORIGIN);
  }

  get chunk(): number {
    return this.#state.chunk;
  }

  get snapshots(): View[] {
    return [...this.model.snapshots.keys()].map((id) => this.#views.get(id) ?? this.#view(id));
  }

  has(name: string): boolean {
    return this.snapshots.some((view) => view.name === name);
  }

  get(name: string): View {
    return this.snapshots.find((view) => view.name === name) ?? fail("NotFound", name);
  }

  async loadOrigin(): Promise<void> {
    const { size } = this.model;
    if (this.#devices.origin === undefined || size > 2 ** 24) return;
    const image = new Uint8Array(size);
    await this.#devices.origin.read(image, 0, size, 0);
    this.model.write(ORIGIN, 0, image);
  }

  /** Everything into the older of two slots. */
  commit(): Promise<void> {
    if (this.#devices.store.readOnly) return this.#committed;
    this.#committed = this.#committed.then(async () => {
      const { store, origin } = this.#devices;
      if (this.#defect !== "commit over the last one") this.#state.sequence++;
      const { sequence } = this.#state;
      const bytes = pack(this.#state);
      await this.#writeOrigin();
      if (this.#defect !== "attached origin not flushed") await origin?.flush();
      await store.write(bytes, 0, bytes.length, slotStart(store, sequence));
      if (this.#defect !== "commit without device flush") await store.flush();
    });
    return this.#committed;
  }

  /** Pages of an attached origin that changed since the last commit. */
  async #writeOrigin(): Promise<void> {
    const device = this.#devices.origin;
    if (device === undefined) return;
    const pages = new Map(this.model.pages(ORIGIN));
    for (const index of new Set([...pages.keys(), ...this.#written.keys()])) {
      const page = pages.get(index) ?? new Uint8Array(PAGE);
      if (this.#written.get(index) === pages.get(index)) continue;
      const length = Math.min(PAGE, this.model.size - index * PAGE);
      if (length <= 0) continue;
      await device.write(page, 0, length, index * PAGE);
    }
    this.#written = pages;
  }

  async snapshot(name: string, options: SnapshotOptions & { of?: View } = {}): Promise<View> {
    this.#mustBeChangeable();
    if (this.has(name)) fail("Exists", name);
    const of = options.of?.id ?? ORIGIN;
    if (of !== ORIGIN && !this.#can.ofSnapshots) fail("Unsupported", name);
    if (this.model.snapshots.size >= this.#can.snapshots) fail("NoSpace", name);
    const id = this.#state.next++;
    this.model.snapshot(of, id, name, options.readOnly);
    if (this.#defect === "snapshot shares the pages") {
      this.model.views.set(id, this.model.pages(of));
    }
    const view = this.#view(id, of);
    if (this.#defect !== "snapshot answers before it is durable") await this.commit();
    if (this.#defect === "a late write lands in a new snapshot") {
      void turns(1).then(() => this.model.views.set(id, new Map(this.model.pages(of))));
    }
    return view;
  }

  async rollback(to: View | string, { of, keepAs }: RollbackOptions = {}): Promise<void> {
    this.#mustBeChangeable();
    const [id, source] = [of?.id ?? ORIGIN, typeof to === "string" ? this.get(to).id : to.id];
    if (keepAs !== undefined && this.has(keepAs)) fail("Exists", keepAs);
    if (id === source) fail("Invalid", "itself");
    if (this.model.snapshots.get(id)?.readOnly) fail("ReadOnly", String(id));
    const fresh = this.#state.next++;
    const target = this.#defect === "a rollback shares the pages" ? this.model.pages(source) : null;
    this.model.rollback(id, source, keepAs === undefined ? null : { id: fresh, name: keepAs });
    if (target !== null) this.model.views.set(id, target);
    if (keepAs !== undefined) this.#view(fresh, id);
    if (this.#defect !== "a rollback answers before it is durable") await this.commit();
  }

  async delete(...snapshots: (View | string)[]): Promise<void> {
    this.#mustBeChangeable();
    const ids = snapshots.map((one) => (typeof one === "string" ? this.get(one) : one).id);
    for (const id of ids) if (!this.model.views.has(id)) fail("NotFound", String(id));
    const isHeld = ids.some((id) => this.model.marksOf(id).holds.length > 0);
    if (isHeld && this.#defect !== "a held snapshot is deleted") fail("Busy", "held");
    if (this.#defect === "deleted names stay" && this.model.snapshots.size > 3) return;
    for (const id of ids) this.model.delete(id);
    if (this.#defect !== "recovery brings a deleted snapshot back") await this.commit();
  }

  /** The origin becomes what the fixed snapshot is. */
  async merge(): Promise<void> {
    this.model.views.set(ORIGIN, new Map(this.model.pages(FIXED.id)));
    this.model.delete(FIXED.id);
    await this.commit();
  }

  async rename(snapshot: View | string, name: string): Promise<void> {
    this.#mustBeChangeable();
    if (this.has(name)) fail("Exists", name);
    this.model.rename((typeof snapshot === "string" ? this.get(snapshot) : snapshot).id, name);
    await this.commit();
  }

  async resize(size: number, { shrink = false }: ResizeOptions = {}): Promise<void> {
    this.#mustBeChangeable();
    const { model } = this;
    if (size < model.size && !shrink) fail("Invalid", "smaller");
    const { origin } = this.#devices;
    const keeps = this.#defect === "what was cut off comes back";
    const before = new Map(model.pages(ORIGIN));
    if (origin && size > origin.size()) await origin.resize(size);
    model.resize(ORIGIN, size);
    if (keeps) model.views.set(ORIGIN, before);
    if (this.#defect === "snapshots shrink with the origin") {
      for (const id of model.snapshots.keys()) model.resize(id, Math.min(size, model.sizeOf(id)));
    }
    await this.commit();
    if (origin && !keeps) await origin.resize(size);
  }

  async setMaxSize(bytes: number | null): Promise<void> {
    this.#mustBeChangeable();
    if (bytes !== null && bytes < this.usage().dataBytes) fail("Invalid", "it has more");
  }

  async set(view: View | string, { readOnly, note, tags }: ViewChanges): Promise<void> {
    this.#mustBeChangeable();
    const { id } = typeof view === "string" ? this.get(view) : view;
    const snapshot = this.model.snapshots.get(id);
    if (snapshot && readOnly !== undefined) snapshot.readOnly = readOnly;
    const marks = { ...this.model.marksOf(id) };
    if (note !== undefined && this.#defect !== "a note is not kept") marks.note = note;
    if (tags) marks.tags = [...tags].sort();
    this.model.marks.set(id, marks);
    await this.commit();
  }

  async addHold(snapshot: View | string, reason: string): Promise<void> {
    await this.#hold(snapshot, (holds) => [...new Set([...holds, reason])].sort());
  }

  async removeHold(snapshot: View | string, reason: string): Promise<void> {
    await this.#hold(snapshot, (holds) => {
      if (!holds.includes(reason)) fail("NotFound", reason);
      return holds.filter((other) => other !== reason);
    });
  }

  async #hold(snapshot: View | string, change: (holds: readonly string[]) => string[]) {
    this.#mustBeChangeable();
    const { id } = typeof snapshot === "string" ? this.get(snapshot) : snapshot;
    const marks = this.model.marksOf(id);
    this.model.marks.set(id, { ...marks, holds: change(marks.holds) });
    await this.commit();
  }

  async reclaimed(): Promise<void> {
    this.#mustBeOpen();
  }

  async flush(): Promise<void> {
    this.#mustBeOpen();
    if (this.#defect !== "flush forgets the commit") await this.commit();
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.commit();
    const { store, origin, base } = this.#devices;
    if (this.#can.crash === "lost") {
      if (store.growable) await store.resize(0);
      else await store.write(new Uint8Array(8192), 0, 8192, 0);
    }
    for (const device of [store, origin, base]) await device?.close();
  }

  async *diff(from: View, to: View, within?: ByteRange): AsyncIterable<ByteRange> {
    const first = within?.offset ?? 0;
    const end = within ? first + within.length : from.size;
    for await (const { offset, length } of changedPages(this.model, from, to)) {
      const start = Math.max(first, offset);
      if (start < Math.min(end, offset + length)) {
        yield { offset: start, length: Math.min(end, offset + length) - start };
      }
    }
  }

  usage() {
    const views = [...this.model.views];
    const pages = views.reduce((sum, [id, map]) => sum + (id === ORIGIN ? 0 : map.size), 0);
    const leaked = this.#defect === "data leaks" ? this.#state.next : 0;
    return { dataBytes: (pages + leaked) * PAGE, snapshots: views.length - 1, exceptions: pages };
  }

  status() {
    return { ...this.usage(), size: this.model.size, rollingBack: null, error: null, counters: {} };
  }

  async check() {
    return { clean: true, problems: [], blocks: 0, exceptions: 0, chunks: 0 };
  }

  async write(id: number, offset: number, source: Uint8Array): Promise<void> {
    this.#check(id, offset, source.length, true);
    if (this.#defect === "concurrent writes lose an update" && source.length % 512 !== 0) {
      const first = offset - (offset % 512);
      const merged = this.model.read(id, first, Math.min(PAGE, this.model.sizeOf(id) - first));
      await turns(1);
      const part = source.subarray(0, merged.length - (offset - first));
      merged.set(part, offset - first);
      this.model.write(id, first, merged);
    }
    const lost =
      this.#defect === "long writes lose a byte" && source.length > 2 * this.chunk ? 1 : 0;
    this.model.write(id, offset, source.subarray(lost));
  }

  trim(id: number, offset: number, length: number): void {
    this.#check(id, offset, length, true);
    const chunk = this.chunk;
    if (this.#defect === "trim rounds outwards") {
      const first = offset - (offset % chunk);
      this.model.trim(id, first, Math.ceil((offset + length - first) / chunk) * chunk);
    } else this.model.trim(id, offset, length);
  }

  #check(id: number, offset: number, length: number, forWrite: boolean): void {
    this.#mustBeOpen();
    if (!this.model.views.has(id)) fail("NotFound", String(id));
    if (!Number.isInteger(offset) || !Number.isInteger(length) || offset < 0 || length < 0) {
      fail("Invalid", "range");
    }
    if (offset + length > this.model.sizeOf(id)) fail("Invalid", "past the end");
    if (forWrite && this.model.snapshots.get(id)?.readOnly) fail("ReadOnly", String(id));
  }

  #mustBeOpen(): void {
    if (this.#closed) fail("Closed", "volume");
  }

  #mustBeChangeable(): void {
    this.#mustBeOpen();
    if (this.#can.fixed) fail("Unsupported", "snapshots");
  }

  #view(id: number, parent: number | null = null): View {
    const volume = this;
    const view: View = {
      get name() {
        return volume.model.snapshots.get(id)?.name ?? null;
      },
      id,
      parent,
      created: 0,
      get size() {
        return volume.model.sizeOf(id);
      },
      get readOnly() {
        return volume.model.snapshots.get(id)?.readOnly ?? false;
      },
      get note() {
        return volume.model.marksOf(id).note;
      },
      get tags() {
        return volume.model.marksOf(id).tags;
      },
      get holds() {
        return volume.model.marksOf(id).holds;
      },
      read: async (offset, target) => view.readSync(offset, target),
      write: (offset, source) => volume.write(id, offset, source),
      trim: async (offset, length) => volume.trim(id, offset, length),
      startRead: (offset, target) => view.readSync(offset, target),
      startWrite: (offset, source) => volume.write(id, offset, source),
      async *extents(offset, length) {
        if (length > 0) yield { offset, length, data: volume.#defect !== "all is called a hole" };
      },
      writeZeroes: (offset, length) => volume.write(id, offset, new Uint8Array(length)),
      cloneFrom: (source, offset, length) =>
        volume.write(id, offset, volume.model.read(source.id, offset, length)),
      hold: () => ({ release() {}, [Symbol.dispose]() {} }),
      flush: () => volume.flush(),
      snapshot: (name, options) => volume.snapshot(name, { ...options, of: view }),
      readSync(offset, target) {
        volume.#check(id, offset, target.length, false);
        target.set(volume.model.read(id, offset, target.length));
      },
      writeSync(offset, source) {
        volume.#check(id, offset, source.length, true);
        volume.model.write(id, offset, source);
      },
    };
    this.#views.set(id, view);
    return view;
  }
}
