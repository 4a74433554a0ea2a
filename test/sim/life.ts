/**
 * One life of a volume: from an open to where the power goes. Clients ask for things together; what
 * was asked and answered is marked on the machine's clock, and reads are held against that at once.
 */
import { MultisnapError } from "../../src/errors.ts";
import { turn } from "../../src/task.ts";
import type { CheckReport, View, Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { readAll } from "../model/fixture.ts";
import type { Subject } from "../model/subjects.ts";
import type { Content } from "./content.ts";
import { type Machine, optionsOf } from "./machine.ts";
import { type FirstView, type Mark, Oracle } from "./oracle.ts";
import type { SimWorld } from "./plan.ts";

type Unmarked = Mark extends infer M ? (M extends M ? Omit<M, "tick" | "key"> : never) : never;

/** What the clients of a life count. */
export interface Tally {
  operations: number;
  refused: number;
}

/** A read; where a device fails it, it must say whose bytes they are. */
async function named(fill: (target: Uint8Array) => unknown, target: Uint8Array): Promise<void> {
  try {
    await fill(target);
  } catch (error) {
    if (!(error instanceof MultisnapError) || error.code !== "Io") throw error;
    if (/reading bytes \d+\.\.\d+ of (the origin|@)/.test(error.message)) throw error;
    throw new Error(`an error that does not say what was read: ${error.message}`);
  }
}

/** What a synchronous call is answered while others are in flight. */
class Refused extends Error {}

export class Life {
  readonly subject: Subject;
  readonly machine: Machine;
  readonly oracle: Oracle;
  readonly marks: Mark[] = [];
  readonly first: FirstView[];
  readonly tally: Tally = { operations: 0, refused: 0 };
  /** Events before this one opened the volume. */
  readonly opened: number;
  volume: Volume;
  /** Device events before anything went wrong, or null. */
  firstFault: number | null = null;
  /** Snapshots were given up and their store could not be told so. */
  isWorthless = false;
  /** No more steps: what comes next begins with an open. */
  isOver = false;
  /** Ids up to this one were given. */
  idsUsed = 0;
  /** Being deleted: nobody else goes there. */
  readonly doomed = new Set<number>();
  /** Requests in flight by view, which must end before it is deleted. */
  readonly busy = new Map<number, Set<Promise<unknown>>>();
  #keys = 0;
  #failure: unknown = null;

  private constructor(subject: Subject, machine: Machine, volume: Volume, first: FirstView[]) {
    this.subject = subject;
    this.machine = machine;
    this.volume = volume;
    this.first = first;
    this.oracle = new Oracle(first);
    this.opened = machine.power.events.length;
    if (this.#mayGo) this.mark({ do: "risk" });
    machine.faults.onFire = () => this.#wentWrong();
  }

  #wentWrong(): void {
    this.firstFault ??= this.machine.power.events.length;
    // Stores of the old kinds lose their snapshot where the others refuse a write.
    if (this.subject.capabilities.fixed) this.mark({ do: "spoiled" });
  }

  static async begin(subject: Subject, machine: Machine, isNew: boolean): Promise<Life> {
    const options = optionsOf(machine.world, isNew, subject);
    const opening = subject.open(machine.devices(), options);
    const volume = await machine.power.settled(opening, "open");
    const first: FirstView[] = [];
    for (const view of [volume.origin, ...volume.snapshots]) {
      const reading = machine.power.settled(readAll(view), "read");
      first.push({ id: view.id, name: view.name, bytes: await reading });
    }
    return new Life(subject, machine, volume, first);
  }

  get world(): SimWorld {
    return this.machine.world;
  }

  mark(mark: Unmarked, key = this.#keys++): number {
    const whole = { ...mark, key, tick: this.machine.power.next() } as Mark;
    this.marks.push(whole);
    this.oracle.apply(whole);
    return key;
  }

  /** Snapshots may go to make room. */
  get #mayGo(): boolean {
    return !this.world.preserves || this.world.victims !== null;
  }

  /** Views that a request may go to. */
  views(): View[] {
    const { volume, oracle, doomed } = this;
    const there = volume.snapshots.filter(({ id }) => oracle.view(id) && !doomed.has(id));
    return [volume.origin, ...there];
  }

  pick(number: number): View {
    const views = this.views();
    return views[number % views.length] as View;
  }

  writable(number: number): View {
    const view = this.pick(number);
    return view.readOnly && !this.volume.readOnly ? this.volume.origin : view;
  }

  /** Snapshots of these numbers, each once. */
  snapshots(numbers: readonly number[]): View[] {
    const all = this.views().slice(1);
    if (all.length === 0) return [];
    return [...new Set(numbers.map((number) => all[number % all.length] as View))];
  }

  /** Ends when no request is on these views any more, and keeps others off. */
  async reserve(ids: readonly number[]): Promise<void> {
    for (const id of ids) this.doomed.add(id);
    for (const id of ids) await Promise.allSettled([...(this.busy.get(id) ?? [])]);
  }

  /** Counts a request on views as long as it runs. */
  async on<T>(ids: readonly number[], request: () => Promise<T>): Promise<T> {
    const running = request();
    for (const id of ids) {
      const set = this.busy.get(id) ?? new Set();
      this.busy.set(id, set.add(running));
    }
    try {
      return await running;
    } finally {
      for (const id of ids) this.busy.get(id)?.delete(running);
    }
  }

  /** As `attempt`, of what works on a full store, too (I9). */
  owed(request: () => Promise<unknown>): Promise<boolean> {
    return this.attempt(async () => {
      try {
        await request();
      } catch (error) {
        if (!(error instanceof MultisnapError) || error.code !== "NoSpace") throw error;
        throw new Error(`a full store must do this: ${error.message}`, { cause: error });
      }
    });
  }

  /** Whether it was done; throws what no fault of the world explains. */
  async attempt(request: () => Promise<unknown> | unknown): Promise<boolean> {
    try {
      await request();
      return true;
    } catch (error) {
      this.mustBeAllowed(error);
      this.tally.refused++;
      return false;
    }
  }

  /** A synchronous call: `Busy` is an answer where others are in flight. */
  orBusy(call: () => void): void {
    try {
      call();
    } catch (error) {
      if (!(error instanceof MultisnapError) || error.code !== "Busy") throw error;
      throw new Refused();
    }
  }

  /** Ends when the rollback has begun; the rest of it goes on beside other requests. */
  async beside(rolling: Promise<void>): Promise<void> {
    const { core } = this.volume as Partial<DiskVolume>;
    // The naive volume has no store, and ends at once.
    if (core === undefined) return rolling;
    const before = core.missing;
    let isOver = false;
    const over = rolling.finally(() => {
      isOver = true;
    });
    over.catch((error) => {
      if (error.code !== "Closed") this.#goingWrong(() => this.mustBeAllowed(error));
    });
    while (!isOver && (core.missing === null || core.missing === before)) await turn();
    if (isOver) await over;
  }

  /** What goes wrong beside the requests is told when there are none. */
  #goingWrong(check: () => void): void {
    try {
      check();
    } catch (error) {
      this.#failure = error;
    }
  }

  mustBeClean({ clean, problems }: CheckReport): void {
    const isLost = this.oracle.isSpoiled || this.volume.status().givenUp !== null;
    if (clean || isLost || this.isLiar) return;
    throw new Error(`check: ${JSON.stringify(problems.slice(0, 4))}`);
  }

  /** What a trim makes zeros of; nothing on an attached origin. */
  wholeChunks(view: View, offset: number, length: number): [first: number, end: number] {
    const { mode, chunk: own, others } = this.world;
    if (view.id === this.oracle.origin && mode === "attached") return [0, 0];
    const chunk = this.subject.capabilities.fixed ? (others[view.id - 3] ?? own) : own;
    const end = offset + length;
    const last = end === view.size ? end : Math.floor(end / chunk) * chunk;
    const first = Math.ceil(offset / chunk) * chunk;
    return first < last ? [first, last] : [0, 0];
  }

  mustBeAllowed(error: unknown): void {
    if (error instanceof Refused) return;
    if (!(error instanceof MultisnapError)) throw error;
    if (!this.#mayAnswer(error.code)) throw error;
  }

  #mayAnswer(code: string): boolean {
    const { faults } = this.machine;
    const { fired } = faults;
    const isBroken = fired.has("eio") || fired.has("full");
    const isLiar = fired.has("lie") || fired.has("astray") || fired.has("dropped");
    switch (code) {
      case "Io":
        return fired.has("eio");
      case "ReadOnly":
        return fired.has("eio") || isLiar;
      case "NotFound":
        return this.#mayGo;
      case "NoSpace":
        return fired.has("full") || this.world.maxSize !== null;
      case "Corrupt":
        return isLiar || ((isBroken || !this.world.preserves) && this.#mayLoseSnapshots);
      case "Busy":
        return this.#isHeld || (fired.has("eio") && this.subject.capabilities.merge);
      default:
        return false;
    }
  }

  /** A power cut between a hold and its release leaves it. */
  get #isHeld(): boolean {
    return this.volume.snapshots.some(({ holds }) => holds.length > 0);
  }

  get #mayLoseSnapshots(): boolean {
    return this.subject.capabilities.fixed || !this.world.preserves;
  }

  get isLiar(): boolean {
    const { fired } = this.machine.faults;
    return fired.has("lie") || fired.has("astray") || fired.has("dropped");
  }

  // ---- between requests

  /** Nothing is in flight: what became of the faults, and of what is open, is looked at. */
  async rest(): Promise<void> {
    if (this.#failure !== null) throw this.#failure;
    if (this.isLiar || this.isOver) return;
    await this.#mustSayWhatFailed();
    this.#noteGone();
    for (const view of this.views()) {
      const content = this.oracle.view(view.id)?.content;
      const open = content?.open() ?? [];
      if (open.length > 0) await this.#mustBePoint(view, content);
      for (const { offset, length } of open) await this.adopt(view, offset, length);
    }
  }

  /** A failed flush or write of metadata makes the volume read-only, and it says so each time. */
  async #mustSayWhatFailed(): Promise<void> {
    const { faults } = this.machine;
    if (faults.fatal === 0 || !this.world.preserves || this.subject.capabilities.fixed) return;
    const { error, readOnly } = this.volume.status();
    const answer = await this.volume.origin.write(0, new Uint8Array(1)).catch((caught) => caught);
    const isSaid = answer instanceof MultisnapError && answer.code === "ReadOnly";
    if (error !== null && readOnly && this.volume.readOnly && isSaid) {
      if (answer.message.includes(error)) return;
    }
    const told = `the status says ${error}, a write is answered ${answer}`;
    throw new Error(`a flush or a write of metadata has failed; ${told}`);
  }

  #noteGone(): void {
    const { givenUp, pruned } = this.volume.status();
    if (givenUp?.reason.includes("could not be told so")) this.isWorthless = true;
    if (!this.#mayGo || this.subject.capabilities.fixed) return;
    const there = new Set(this.volume.snapshots.map(({ id }) => id));
    const lost = this.oracle.views.flatMap(({ id, must }) =>
      must && id !== null && id !== this.oracle.origin && !there.has(id) ? [id] : [],
    );
    if (lost.length === 0) return;
    if (givenUp === null && pruned === null)
      throw new Error(`snapshots ${lost} are not there any more`);
    this.mark({ do: "gone", ids: lost });
  }

  /**
   * Reads what a view has; from now on it is known, but where a write was refused. Answers null
   * where it cannot be read.
   */
  async adopt(view: View, offset: number, length: number): Promise<Uint8Array | null> {
    const bytes = await this.read(view, offset, length, (target) => view.read(offset, target));
    if (bytes === null) return null;
    if (this.oracle.view(view.id)?.content.isVague(offset, length)) return bytes;
    const key = this.mark({ do: "patch", view: view.id, offset, bytes });
    this.mark({ do: "patched", isDone: true }, key);
    return bytes;
  }

  /** Null where it was refused; throws where what was read cannot be explained. */
  async read(
    view: View,
    offset: number,
    length: number,
    fill: (target: Uint8Array) => unknown,
  ): Promise<Uint8Array | null> {
    const { power } = this.machine;
    const target = new Uint8Array(length).fill(0xdd);
    const since = power.next();
    const before = this.oracle.view(view.id)?.content;
    before?.beginRead();
    try {
      if (!(await this.attempt(() => named(fill, target)))) return null;
      power.digest.bytes(target);
      const expected = this.oracle.view(view.id);
      if (expected === undefined || this.isLiar || this.#isGivenUp(view)) return target;
      const at = expected.content.unexplainedRead(target, offset, since);
      if (at < 0) return target;
      throw new Error(`read of view ${view.id} at ${at}: no order of what was written explains it`);
    } finally {
      before?.endRead();
    }
  }

  async #mustBePoint(view: View, content: Content | undefined): Promise<void> {
    const found = await this.read(view, 0, view.size, (target) => view.read(0, target));
    if (found === null || !content?.hasPart(found)) return;
    throw new Error(`snapshot ${view.id} has a part of a write that was in flight`);
  }

  #isGivenUp(view: View): boolean {
    return this.isWorthless && view.id !== this.oracle.origin;
  }

  /** Opens again what was closed; a store that is gone at close is made again. */
  async openAgain(options: { readOnly?: boolean; syncSnapshots?: number[] } = {}): Promise<void> {
    const { machine, subject } = this;
    const again = { ...optionsOf(this.world, false, subject), ...options };
    if (options.readOnly) delete again.create;
    this.volume = await subject.open(machine.devices(options.readOnly), again);
  }

  /** The snapshot of a store that has it from the beginning is a new one after some closes. */
  renewFixed(): void {
    const { capabilities } = this.subject;
    if (!capabilities.fixed) return;
    for (const view of this.volume.snapshots) {
      const known = this.oracle.view(view.id);
      if (known && capabilities.crash !== "lost") continue;
      if (known) this.mark({ do: "gone", ids: [view.id] });
      const key = this.mark({ do: "snapshot", of: this.oracle.origin, name: view.name });
      this.mark({ do: "snapped", id: view.id }, key);
    }
  }
}
