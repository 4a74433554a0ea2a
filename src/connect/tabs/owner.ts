/**
 * The tab that has the volume: opens it, does again what the owner before did and lost, and then
 * serves all tabs, its own among them.
 *
 * Order of a take-over: all living tabs report; what is above the floor (kept beside the store) is
 * done again in the order of its stamps, over all tabs; only then is anything else done.
 */
import type { Channel, Neighbours } from "../../devices/neighbours.ts";
import { MultisnapError } from "../../errors.ts";
import { Signal, turn } from "../../task.ts";
import type { Volume } from "../../volume/types.ts";
import { HeldViews } from "../held.ts";
import { Host } from "../host.ts";
import { CLIENTS_MAX } from "../limits.ts";
import { type Call, OPERATIONS, type Operation, type Result, type Served } from "../operations.ts";
import { Guest } from "./guest.ts";
import type { Floor } from "./kept.ts";
import { type KeptWrite, sessionName, sessionPrefix, type TabNote, tabNote } from "./notes.ts";
import { isKept, isLong, isOnce, isVain, outcomeOf } from "./operations.ts";

/** A tab that has not reported by then goes without its unflushed writes. */
const REPORT_MS_MAX = 2000;

export interface Opened {
  volume: Volume;
  floor: Floor;
}

export class Owner {
  readonly id: string;
  readonly #store: string;
  readonly #neighbours: Neighbours;
  readonly #guests = new Map<string, Guest>();
  /** A session has reported, or gone. */
  readonly #moved = new Signal();
  #opened: Opened | null = null;
  #served: Served | null = null;
  #host: Host | null = null;
  #stamp = 0;
  /** Ends when the change before is answered. */
  #once: Promise<void> = Promise.resolve();
  /** Requests under way that end soon. */
  #short = 0;
  readonly #ended = new Signal();
  #leaving = false;

  constructor(id: string, store: string, neighbours: Neighbours) {
    this.id = id;
    this.#store = store;
    this.#neighbours = neighbours;
  }

  /** `own`: this thread's session. Ends when all tabs are served. Errors: those of `open`. */
  async start(own: { name: string; channel: Channel }, open: () => Promise<Opened>): Promise<void> {
    this.#meet(own.name, own.channel);
    const opening = open();
    opening.catch(() => {});
    const prefix = sessionPrefix(this.#store);
    for (const name of await this.#neighbours.locks.held()) {
      if (name.startsWith(prefix)) this.meet(name.slice(prefix.length));
    }
    const gathered = this.#gather([...this.#guests.values()]);
    this.#opened = await opening;
    await gathered;
    const { volume, floor } = this.#opened;
    const stamps = [...this.#guests.values()].map(({ reported }) => reported?.stamp ?? 0);
    this.#stamp = Math.max(floor.stamp, ...stamps);
    const plain: Served = { volume, files: [], live: () => ({}) };
    this.#served = { ...plain, perform: (op, call) => this.#perform(op, call) };
    await this.#replay(plain, floor.stamp);
    this.#host = new Host(this.#served, { parked: CLIENTS_MAX });
    for (const guest of [...this.#guests.values()]) this.#settle(guest);
  }

  /** A tab that is there, or asks for an owner. */
  meet(name: string): void {
    const guest = this.#guests.get(name);
    if (guest) guest.say({ kind: "here" });
    else if (!this.#leaving && this.#guests.size < CLIENTS_MAX) {
      const full = sessionName(this.#store, name);
      this.#watch(this.#meet(name, this.#neighbours.channel(full)));
    }
  }

  #meet(name: string, channel: Channel): Guest {
    const guest = new Guest(name, channel, this.id);
    this.#guests.set(name, guest);
    channel.listen((data) => {
      const note = tabNote(data);
      if (note?.to === this.id) this.#hear(guest, note);
    });
    guest.say({ kind: "here" });
    return guest;
  }

  /** Its lock is free when it has gone. */
  async #watch(guest: Guest): Promise<void> {
    const { signal } = guest.watch;
    try {
      const name = sessionName(this.#store, guest.name);
      (await this.#neighbours.locks.take(name, { signal, shared: true }))();
    } catch {
      // It is the owner that goes.
      return;
    }
    guest.leave();
    this.#guests.delete(guest.name);
    this.#host?.drop(guest.name);
    this.#moved.wake();
  }

  #hear(guest: Guest, note: TabNote): void {
    if (note.kind === "ping") guest.say({ kind: "pong" });
    else if (note.kind !== "report") guest.hear(note);
    else {
      guest.reported = { kept: note.kept, stamp: note.stamp, begun: note.begun };
      if (this.#host) this.#settle(guest);
      this.#moved.wake();
    }
  }

  /** Ends when all of them have reported or gone, or it has taken too long. */
  async #gather(guests: readonly Guest[]): Promise<void> {
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      this.#moved.wake();
    }, REPORT_MS_MAX);
    while (!late && guests.some(({ reported, gone }) => !reported && !gone)) {
      await this.#moved.wait();
    }
    clearTimeout(timer);
    for (const guest of guests) guest.counted = guest.reported !== null;
  }

  /** What the tabs keep, in the order in which it was done. */
  async #replay(served: Served, floor: number): Promise<void> {
    const guests = [...this.#guests.values()].filter(({ counted }) => counted);
    for (;;) {
      let [first, from]: [KeptWrite | null, Guest | null] = [null, null];
      for (const guest of guests) {
        const next = await guest.next();
        if (next && (!first || next.stamp < first.stamp)) [first, from] = [next, guest];
      }
      if (!first || !from) return;
      from.shift();
      if (first.stamp > floor) await again(served, first, from);
    }
  }

  /** What was lost with the last owner is done again, or it is told that it was not. */
  #settle(guest: Guest): void {
    const { reported, counted, settled, failure } = guest;
    if (!reported || this.#leaving) return;
    const { kept, stamp, begun } = reported;
    const lost = !settled && !counted && kept > 0 && stamp > this.#opened!.floor.stamp;
    if (lost || failure !== null) {
      const message = isLate(kept, failure ?? "this one did not answer in time");
      guest.say({ kind: "late", message });
      return;
    }
    guest.settled = true;
    const exact = counted && !settled;
    guest.counted = false;
    const outcomes = begun.map((one) =>
      exact ? outcomeOf(this.#served!, one) : { what: "unknown", head: {} },
    );
    this.#host!.accept(guest.port());
    guest.say({ kind: "settled", outcomes });
  }

  async #perform(op: string, call: Call): Promise<Result> {
    const operation = OPERATIONS.get(op)!;
    // Left to the next owner.
    if (this.#leaving) await aborted(call.signal);
    if (isLong(op) && !isOnce(op)) return await operation.run(this.#served!, call);
    if (!isLong(op)) this.#short++;
    try {
      return await this.#performStamped(operation, op, call);
    } finally {
      if (!isLong(op)) this.#short--;
      this.#ended.wake();
    }
  }

  async #performStamped(operation: Operation, op: string, call: Call): Promise<Result> {
    const served = this.#served!;
    if (isOnce(op)) return await this.#performOnce(operation, op, call);
    const before = this.#stamp;
    const { head = {}, payload } = await operation.run(served, call);
    if (op === "flush") this.#opened!.floor.raise(before);
    const stamp = isKept(op) ? { stamp: ++this.#stamp } : {};
    const floor = this.#opened!.floor.stamp;
    return { head: { ...head, ...stamp, floor }, ...(payload && { payload }) };
  }

  /** One at a time; its beginning is told before, and it is durable when it is answered. */
  async #performOnce(operation: Operation, op: string, call: Call): Promise<Result> {
    const served = this.#served!;
    const before = this.#once;
    let ended = (): void => {};
    if (!isLong(op)) this.#once = new Promise((resolve) => (ended = resolve));
    try {
      await before;
      call.signal.throwIfAborted();
      if (isVain(served, op, call.head)) return await operation.run(served, call);
      const { volume, floor } = { ...this.#opened! };
      call.progress(0, 1);
      const durable = this.#stamp;
      const { head = {}, payload } = await operation.run(served, call);
      await volume.flush();
      floor.raise(durable);
      return { head: { ...head, floor: floor.stamp }, ...(payload && { payload }) };
    } finally {
      // The answer goes out first.
      void turn().then(ended);
    }
  }

  /**
   * Closes the volume. What is under way is answered, or, where it takes long, left to the next
   * owner. Errors: those of closing the volume.
   */
  async leave(): Promise<void> {
    this.#leaving = true;
    for (const guest of this.#guests.values()) guest.ignore();
    while (this.#short > 0) await this.#ended.wait();
    await turn();
    for (const guest of this.#guests.values()) guest.close();
    const opened = this.#opened;
    this.#opened = null;
    try {
      await this.#host?.close(new MultisnapError("Closed", "the volume goes to another tab"));
    } finally {
      await close(opened, this.#stamp);
    }
  }
}

function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener("abort", () => reject(signal.reason));
  });
}

/** Closing makes all durable: no tab must have an older write done again over a newer one. */
async function close(opened: Opened | null, stamp: number): Promise<void> {
  try {
    await opened?.volume.close();
    opened?.floor.raise(stamp);
  } finally {
    opened?.floor.close();
  }
}

/** The view may have been deleted since. */
async function again(served: Served, write: KeptWrite, from: Guest): Promise<void> {
  const { op, head, payload } = write;
  try {
    const operation = isKept(op) ? OPERATIONS.get(op) : undefined;
    if (!operation) throw new MultisnapError("Invalid", `${op} is not done again`);
    const { signal } = from.watch;
    await operation.run(served, { ...NOBODY, held: new HeldViews(), head, payload, signal });
  } catch (error) {
    const isGone = error instanceof MultisnapError && error.code === "NotFound";
    if (!isGone) from.failure ??= (error as Error).message;
  }
}

const NOBODY = {
  progress: () => {},
  row: () => undefined,
  tells: () => "nothing" as const,
};

function isLate(kept: number, why: string): string {
  return (
    "the tab that had the volume open has gone, and another has it now: of this tab's writes " +
    `that were not flushed ${kept} may be lost, because ${why}. Close the volume and connect again`
  );
}
