/**
 * One random history: operations on a volume and on the model, compared after every step.
 * Everything is drawn from the seed, so that seed and number of steps replay it.
 */
import * as assert from "uvu/assert";
import type { View, Volume } from "../../src/volume/types.ts";
import { DiskVolume } from "../../src/volume/volume.ts";
import { firstDifference, same } from "./explain.ts";
import { turns } from "./late.ts";
import { Model } from "./model.ts";
import { Random } from "./prng.ts";
import {
  againOptions,
  begin,
  beginAgain,
  FIXED,
  type Media,
  openOn,
  rollsBack,
  type Subject,
} from "./subjects.ts";
import { drawImage, drawMedia, drawWorld, openOptions, type World } from "./world.ts";

const LOG_LINES = 25;
/** No range that is compared is longer: a small volume, or a reach with a chunk on both sides. */
const LONGEST = 2 ** 21;

export interface Range {
  offset: number;
  length: number;
}

export class History {
  readonly random: Random;
  readonly world: World;
  readonly model: Model;
  volume: Volume;
  /** Operations done: a burst counts each of its requests. */
  operations = 0;
  readonly log: string[] = [];
  readonly subject: Subject;
  readonly #media: Media;
  readonly #found = new Uint8Array(LONGEST);
  readonly #expected = new Uint8Array(LONGEST);
  #names = 0;
  /** The rollback that goes on beside other steps, or went on. */
  #rolling: Promise<void> = Promise.resolve();

  constructor(
    subject: Subject,
    random: Random,
    world: World,
    media: Media,
    volume: Volume,
    model: Model,
  ) {
    this.subject = subject;
    this.random = random;
    this.world = world;
    this.#media = media;
    this.volume = volume;
    this.model = model;
  }

  static async start(subject: Subject, seed: number): Promise<History> {
    const random = new Random(seed);
    const world = drawWorld(random, subject);
    const image = drawImage(random, world);
    const media = await drawMedia(subject, random, world, image);
    const volume = await openOn(subject.open, world.mode, media, openOptions(world));
    const model = new Model(volume.origin.id, world.size, world.chunk, world.mode, image);
    begin(model, subject.capabilities, world.others.length);
    const history = new History(subject, random, world, media, volume, model);
    for (let i = 0; i < world.crowd; i++) await history.#joinCrowd();
    return history;
  }

  /** One more snapshot, with data of its own and of what it is a snapshot of. */
  async #joinCrowd(): Promise<void> {
    const { random, model } = this;
    const of = random.chance(0.7) ? model.origin : this.source();
    const name = this.newName();
    const made = await this.view(of).snapshot(name);
    model.snapshot(of, made.id, name);
    for (const id of random.pick([[of], [made.id], [of, made.id]])) {
      const bytes = random.bytes(512);
      const offset = random.below(random.chance(0.7) ? 8 : model.size / 512) * 512;
      await this.view(id).write(offset, bytes);
      model.write(id, offset, bytes);
    }
  }

  /** Synchronous calls work. */
  get answersAtOnce(): boolean {
    return this.subject.remote?.synchronous ?? this.world.medium !== "late";
  }

  note(line: string): void {
    this.operations++;
    this.log.push(`${this.operations} ${line}`);
    if (this.log.length > LOG_LINES) this.log.shift();
  }

  /** The handle as the volume gives it now: by name, as a new caller would get it. */
  view(id: number): View {
    const snapshot = this.model.snapshots.get(id);
    return snapshot === undefined ? this.volume.origin : this.volume.get(snapshot.name);
  }

  anyView(): number {
    const ids = [...this.model.views.keys()];
    return this.random.chance(0.45) ? this.model.origin : this.random.pick(ids);
  }

  /** A view that has snapshots in this kind of store. */
  source(): number {
    return this.subject.capabilities.ofSnapshots ? this.anyView() : this.model.origin;
  }

  writableView(): number {
    const id = this.anyView();
    return this.model.snapshots.get(id)?.readOnly ? this.model.origin : id;
  }

  /** What a trim asks of must have the volume's chunks: those of other stores are of their own. */
  trimmable(id: number): number {
    return this.world.others.length > 0 ? Math.min(id, FIXED.id) : id;
  }

  /** Whether a view of this world can be rolled back. */
  rollsBack(id: number): boolean {
    return rollsBack(this.subject.capabilities, this.world.mode, id === this.model.origin);
  }

  newName(): string {
    return `s${++this.#names}`;
  }

  /** A range inside a view: aligned or not, in one chunk or over several. */
  range(id: number = this.model.origin): Range {
    const { random, world } = this;
    const size = this.model.sizeOf(id);
    const { chunk, reach } = world;
    const end = Math.max(0, size - reach);
    const start = size !== world.size && random.chance(0.3) ? end : random.pick(world.spots);
    const unit = random.pick([chunk, chunk, 512, 1]);
    const longest = Math.min(reach, random.pick([chunk, chunk, 2 * chunk, reach]));
    const offset = start + random.below(Math.ceil(reach / unit)) * unit;
    const length = random.between(1, Math.max(1, Math.floor(longest / unit))) * unit;
    return this.inside(id, { offset, length });
  }

  /** What of a range a view has: one byte at least, where it has none its last one. */
  inside(id: number, { offset, length }: Range): Range {
    const size = this.model.sizeOf(id);
    const inside = Math.min(offset, size - 1);
    return { offset: inside, length: Math.min(length, size - inside) };
  }

  data(length: number): Uint8Array {
    return this.random.chance(0.1) ? new Uint8Array(length) : this.random.bytes(length);
  }

  async check() {
    this.note("check");
    const report = await this.volume.check({ data: true });
    if (!report.clean) throw new Error(`check: ${JSON.stringify(report.problems.slice(0, 5))}`);
  }

  async reopen() {
    this.note("close and open");
    await this.volume.close();
    await this.#rolling;
    const { open, capabilities } = this.subject;
    const options = againOptions(capabilities, openOptions(this.world));
    this.volume = await openOn(open, this.world.mode, this.#media, options);
    beginAgain(this.model, capabilities);
    this.sameViews();
    if (this.world.shape !== "sparse") await this.verifyAll();
  }

  /** Nobody holds it, and the origin is not being rolled back to it. */
  mayGo(id: number): boolean {
    const { marks, snapshots } = this.model;
    const isWanted = this.volume.status().rollingBack === snapshots.get(id)?.name;
    return !isWanted && (marks.get(id)?.holds ?? []).length === 0;
  }

  /**
   * A rollback has begun, if not ended: what was asked for is there. Now and then the rest of it
   * goes on beside the steps that follow.
   */
  async rollback(id: number, start: () => Promise<void>): Promise<void> {
    const { volume } = this;
    const isHere = volume instanceof DiskVolume && id === this.model.origin;
    if (!isHere || this.random.chance(0.3)) return start();
    const before = volume.core.missing;
    let isOver = false;
    const over = start().finally(() => {
      isOver = true;
    });
    this.#rolling = over.catch((error) => {
      if (error.code !== "Closed") throw error;
    });
    this.#rolling.catch(() => {});
    const { core } = volume;
    while (!isOver && (core.missing === null || core.missing === before)) await turns(1);
    if (isOver) await over;
  }

  /** Nothing is being rolled back any more. */
  async settled(): Promise<void> {
    await this.#rolling;
    const { core } = this.volume as Partial<DiskVolume>;
    await core?.missing?.finished({});
    const left = this.volume.status().rollingBack;
    if (left !== null) throw new Error(`the origin is still being rolled back to ${left}`);
  }

  async verify(id: number, range: Range): Promise<void> {
    const found = this.#found.subarray(0, range.length).fill(0xee);
    await this.view(id).read(range.offset, found);
    this.compare(id, range, found);
  }

  async verifyAll(): Promise<void> {
    this.sameViews();
    for (const id of this.model.views.keys()) {
      if (this.world.shape !== "sparse") {
        await this.verify(id, { offset: 0, length: this.model.sizeOf(id) });
        continue;
      }
      for (const spot of this.world.spots) {
        await this.verify(id, this.inside(id, { offset: spot, length: this.world.reach }));
      }
    }
  }

  /** Everything compared, then everything given back: what is still in use then has leaked. */
  async finish(): Promise<void> {
    const { fixed, merge } = this.subject.capabilities;
    this.note("finish");
    await this.check();
    await this.verifyAll();
    await this.settled();
    await this.verifyAll();
    if (!fixed) await this.#empty();
    else if (merge) await this.merge();
    await this.check();
    await this.volume.close();
    if (this.subject.capabilities.crash === "lost") await this.#gone();
  }

  async #empty(): Promise<void> {
    for (const [id, { holds }] of this.model.marks) {
      for (const reason of holds) await this.volume.removeHold(this.view(id), reason);
    }
    await this.volume.delete(...this.volume.snapshots);
    for (const id of [...this.model.snapshots.keys()]) this.model.delete(id);
    await this.volume.reclaimed();
    await this.volume.origin.trim(0, this.model.size);
    await this.volume.flush();
    await this.volume.reclaimed();
    const whole = this.model.size % this.world.chunk === 0;
    const { dataBytes } = this.volume.usage();
    const most = whole || this.world.mode === "attached" ? 0 : this.world.chunk;
    if (dataBytes > most) throw new Error(`leak: ${dataBytes} bytes of data in an empty volume`);
  }

  /** The origin becomes what the snapshot is, and that is all there is then. */
  async merge(): Promise<void> {
    this.note("merge");
    const { model } = this;
    await this.volume.merge();
    model.views.set(model.origin, new Map(model.pages(FIXED.id)));
    model.delete(FIXED.id);
    await this.verifyAll();
    const { dataBytes, exceptions } = this.volume.usage();
    if (dataBytes + exceptions === 0 || this.world.others.length > 0) return;
    throw new Error(`after a merge: ${exceptions} exceptions, ${dataBytes} bytes of data`);
  }

  /** Nothing of a store that keeps nothing is left behind. */
  async #gone(): Promise<void> {
    const device = await this.#media.store.open();
    const bytes = device.size();
    await device.close();
    if (bytes > 0) throw new Error(`${bytes} bytes are left of a store that is gone at close`);
  }

  async discard(): Promise<void> {
    await this.#media.store.discard();
    await this.#media.under?.discard();
    for (const other of this.#media.others ?? []) await other.discard();
  }

  compare(id: number, range: Range, found: Uint8Array): void {
    const scratch = this.#expected.subarray(0, range.length);
    const expected = this.model.read(id, range.offset, range.length, scratch);
    if (same(expected, found)) return;
    const at = firstDifference(expected, found);
    const where = `byte ${range.offset + at} of view ${id}`;
    throw new Error(`${where}: found ${found[at]}, expected ${expected[at]}`);
  }

  /** Every view is there under its name, as large and as marked as it must be. */
  sameViews(): void {
    const list = (items: Iterable<[number, string | null]>) => JSON.stringify([...items]);
    const found = list(this.volume.snapshots.map((view) => [view.id, view.name]));
    const oldestFirst = [...this.model.snapshots].sort(([a], [b]) => a - b);
    const expected = list(oldestFirst.map(([id, { name }]) => [id, name]));
    if (found !== expected) throw new Error(`snapshots: found ${found}, expected ${expected}`);
    const { model } = this;
    for (const view of [this.volume.origin, ...this.volume.snapshots]) {
      const { id, size, readOnly, note, tags, holds } = view;
      const isReadOnly = model.snapshots.get(id)?.readOnly ?? false;
      const should = { size: model.sizeOf(id), readOnly: isReadOnly, ...model.marksOf(id) };
      const is = { size, readOnly, note, tags, holds };
      assert.equal(is, should, `view ${id}`);
    }
  }
}

export async function expectCode(code: string, promise: Promise<unknown>): Promise<void> {
  const found = await promise.then(
    () => "no error",
    (error) => error.code ?? error,
  );
  if (found !== code) throw new Error(`expected ${code}, found ${found}`);
}
