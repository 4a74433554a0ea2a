/**
 * What has come of a stream that is not whole yet, in hidden views. What there is to know of it is
 * in their names, so that it changes with them in one step:
 *
 *     c0001@NAME@IDENTITY   a snapshot that is whole, the second of the stream; without NAME, its
 *                           marks have it (`waitingName`)
 *     p0002POINT            the one at work, and what of it is durable (`breakText`)
 *     w                     one that is not yet what its base is
 */
import { run } from "../task.ts";
import { ORIGIN } from "../volume/core.ts";
import {
  bytesOf,
  decodeIdentity,
  encodeIdentity,
  IDENTITY_BYTES,
  isSameIdentity,
  type SnapshotIdentity,
  textOf,
} from "../volume/identity/identity.ts";
import { waitingName } from "../volume/identity/positions.ts";
import { type Published, Stages } from "../volume/identity/stages.ts";
import type { Hold } from "../volume/types.ts";
import { DiskView } from "../volume/view.ts";
import type { DiskVolume } from "../volume/volume.ts";
import type { SnapshotHead } from "./heads.ts";
import { type BreakPoint, breakText, parseBreak } from "./token.ts";

const READY = "@c";
const HALF = "@p";
const RAW = "@w";
const INDEX_DIGITS = 4;
/** Of a name beside an identity: a view's name has 255 bytes. */
const NAME_BYTES_MAX = 200;

/** A snapshot in the making. */
export interface Staged {
  view: DiskView;
  /** In the stream, from 0. */
  index: number;
  /** `offset`: bytes up to which it is written. */
  point: BreakPoint;
  /** That it gets in the end. */
  name: string;
}

export class HalfReceived {
  readonly #volume: DiskVolume;
  readonly #stages: Stages;
  /** Whole, in the order of the stream; the last one is `current` until another one follows. */
  readonly #ready: Published[] = [];
  #current: Staged | null = null;
  #hold: Hold | null = null;

  constructor(volume: DiskVolume) {
    this.#volume = volume;
    this.#stages = new Stages(volume);
    const found = this.#stages.all().sort((a, b) => (a.name! < b.name! ? -1 : 1));
    for (const { id, name, marks } of found) {
      const text = name!.slice(READY.length + INDEX_DIGITS);
      if (name!.startsWith(READY)) this.#ready.push(parseReady(id, text, marks));
      if (!name!.startsWith(HALF)) continue;
      const index = Number(name!.slice(HALF.length, HALF.length + INDEX_DIGITS));
      this.#current = { view: this.#writable(id), index, point: parseBreak(text), name: "" };
    }
    this.#hold = this.#current?.view.hold() ?? null;
  }

  /** The snapshot at work; null: nothing is half received that could be gone on with. */
  get current(): Staged | null {
    return this.#current;
  }

  /** Those before it. */
  get ready(): readonly Published[] {
    return this.#ready;
  }

  /** Nobody goes on with it here. */
  release(): void {
    this.#hold?.release();
  }

  /** Begins a snapshot: what `base` (null: the origin) has; the one before it is whole. */
  async open(point: BreakPoint, base: number | null, head: SnapshotHead): Promise<Staged> {
    const { core } = this.#volume;
    const source = base !== null && core.store.capabilities.ofSnapshots ? base : ORIGIN;
    // First: of two that are at work, nobody could say which one is whole.
    await this.#finish();
    const index = this.#ready.length;
    const { size } = core.store.view(base ?? source)!;
    const isEqual = (base === null || source === base) && size === head.size;
    const name = isEqual ? halfName(index, point) : RAW.slice(1);
    const view = this.#writable(await this.#run(this.#stages.open(source, name, head.created)));
    this.#hold = view.hold();
    // Where there are no snapshots of snapshots, it is one of the origin, made equal.
    if (base !== null && source !== base) {
      await this.#resize(view, size);
      await view.cloneFrom(this.#view(base), 0, size);
    }
    await this.#resize(view, head.size);
    this.#current = { view, index, point, name: head.name };
    if (!isEqual) await this.keep();
    return this.#current;
  }

  /** The one at work is whole and another one follows. */
  async #finish(): Promise<void> {
    const current = this.#current;
    if (!current) return;
    const { view, index, point, name } = current;
    const ready = { id: view.id, name, identity: point.current };
    const waits = isShort(name) ? undefined : name;
    await this.#run(this.#stages.note(view.id, readyName(index, ready), waits));
    this.#ready.push(ready);
    this.#current = null;
    this.release();
  }

  /** What is written of the one at work is durable, and need not come again. */
  async keep(): Promise<void> {
    if (!this.#current) return;
    const { view, index, point } = this.#current;
    await this.#run(this.#stages.note(view.id, halfName(index, point)));
  }

  async drop(): Promise<void> {
    this.release();
    const stages = this.#stages;
    await this.#run(stages.drop(stages.all().map(({ id }) => id)));
    this.#ready.length = 0;
    this.#current = null;
  }

  /** All of them get their names. */
  async publish(): Promise<readonly Published[]> {
    const { view, name, point } = this.#current!;
    const views = [...this.#ready, { id: view.id, name, identity: point.current }];
    await this.#run(this.#stages.publish(views));
    return views;
  }

  #run<T>(work: Parameters<typeof run<T>>[0]): Promise<T> {
    return run(this.#volume.guard(work));
  }

  #view(id: number): DiskView {
    const { core } = this.#volume;
    return new DiskView(this.#volume, core.store.view(id)!, core);
  }

  /** To everybody else it is read-only. */
  #writable(id: number): DiskView {
    const { core } = this.#volume;
    return new DiskView(this.#volume, core.store.view(id)!, core, true);
  }

  async #resize({ id, size: from }: DiskView, size: number): Promise<void> {
    if (size !== from) await this.#run(this.#volume.timeline.resize(id, size, { shrink: true }));
  }
}

function isShort(name: string): boolean {
  return new TextEncoder().encode(name).length <= NAME_BYTES_MAX;
}

function indexText(index: number): string {
  return String(index).padStart(INDEX_DIGITS, "0");
}

function halfName(index: number, point: BreakPoint): string {
  return HALF.slice(1) + indexText(index) + breakText(point);
}

function readyName(index: number, { name, identity }: Published): string {
  const of = textOf(encodeIdentity(identity));
  return `${READY.slice(1)}${indexText(index)}@${isShort(name) ? name : ""}@${of}`;
}

function parseReady(id: number, text: string, marks: string): Published {
  const [, kept, identity] = text.split("@");
  const name = kept || waitingName(marks);
  return { id, name, identity: decodeIdentity(bytesOf(identity!, IDENTITY_BYTES)) };
}

export function isGoneOnWith(
  { point, view }: Staged,
  { identity, base, size }: SnapshotHead,
  offset: number,
): boolean {
  const isSameBase =
    point.base === null ? base === null : base !== null && isSameIdentity(point.base, base);
  return (
    isSameIdentity(point.current, identity) &&
    isSameBase &&
    point.offset === offset &&
    view.size === size
  );
}

export function isSameStream(point: BreakPoint, target: SnapshotIdentity): boolean {
  return isSameIdentity(point.target, target);
}
