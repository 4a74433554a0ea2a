/**
 * Work that may have to wait, written once for synchronous and asynchronous devices: a generator
 * that yields a promise only where there is something to wait for. A task on synchronous devices
 * runs to its end without a promise.
 */
import { MultisnapError } from "./errors.ts";

export type Task<T> = Generator<Promise<unknown>, T, unknown>;

/** Runs a task that must not wait; one that would is ended where it stands, and `Busy` thrown. */
export function runSync<T>(task: Task<T>, what: string): T {
  const step = task.next();
  if (step.done) return step.value;
  task.return(undefined as T);
  throw inFlight(what);
}

/** What a synchronous call answers that would have to wait. */
export function inFlight(what: string): MultisnapError {
  return new MultisnapError(
    "Busy",
    `${what}: has to wait for a request that is in flight; use the asynchronous call`,
  );
}

/** Runs a task; the promise is made only here. */
export function run<T>(task: Task<T>): Promise<T> {
  try {
    const step = task.next();
    return step.done ? Promise.resolve(step.value) : follow(task, step.value);
  } catch (error) {
    return Promise.reject(error);
  }
}

/** Runs a task that answers nothing: null where it ended at once, else the promise of its end. */
export function runNow(task: Task<void>): Promise<void> | null {
  const step = task.next();
  return step.done ? null : follow(task, step.value);
}

async function follow<T>(task: Task<T>, first: Promise<unknown>): Promise<T> {
  let waiting = first;
  for (;;) {
    let step: IteratorResult<Promise<unknown>, T>;
    try {
      const value = await waiting;
      step = task.next(value);
    } catch (error) {
      step = task.throw(error);
    }
    if (step.done) return step.value;
    waiting = step.value;
  }
}

/** Waits where there is something to wait for. */
export function* settle(later: undefined | void | Promise<unknown>): Task<void> {
  if (later) yield later;
}

/**
 * Lets other work come first. `setImmediate` keeps its order among other work, so a seeded run
 * stays the same (I11). Pages have none, and clamp timers to 4 ms: there a message does it, which
 * comes in order, too.
 */
export function turn(): Promise<void> {
  if (typeof setImmediate === "function") return new Promise((resolve) => setImmediate(resolve));
  if (!inPage) return new Promise((resolve) => setTimeout(resolve, 0));
  channel ??= new TurnChannel();
  return channel.turn();
}

/** A page or one of its workers. An edge platform's messages belong to the request they came in. */
const inPage = "document" in globalThis || "importScripts" in globalThis;
/** Made when it is first needed. */
let channel: TurnChannel | null = null;

/** A message per turn to itself. */
class TurnChannel {
  readonly #waiting: (() => void)[] = [];
  readonly #port: MessagePort;

  constructor() {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => this.#waiting.shift()?.();
    this.#port = port2;
  }

  turn(): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push(resolve);
      this.#port.postMessage(null);
    });
  }
}

/**
 * Long work looks here between its steps. Errors: `Closed`, or the signal's reason where that is an
 * error of ours.
 */
export function endIfAborted(signal: AbortSignal | undefined): void {
  if (!signal?.aborted) return;
  const { reason } = signal;
  if (reason instanceof MultisnapError) throw reason;
  throw new MultisnapError("Closed", "ended before it was done: its signal was aborted", {
    cause: reason,
  });
}

/**
 * A part of the library that a page loads when it first needs it. Where it is there already (see
 * stores/preloaded.ts), nobody waits for it: what is seeded has the same order of events (I11).
 */
export class Part<T> {
  readonly #load: () => Promise<T>;
  #loaded: T | null = null;

  constructor(load: () => Promise<T>) {
    this.#load = load;
  }

  /** Null: nobody has needed it yet. */
  get loaded(): T | null {
    return this.#loaded;
  }

  give(part: T): void {
    this.#loaded = part;
  }

  *get(): Task<T> {
    if (this.#loaded === null) yield this.load();
    return this.#loaded as T;
  }

  /** A failure is not kept: the next call tries again. Errors: `Io`. */
  async load(): Promise<T> {
    try {
      this.#loaded ??= await this.#load();
    } catch (cause) {
      const message = "a part of the library could not be loaded; is its code still where it was?";
      throw new MultisnapError("Io", message, { cause });
    }
    return this.#loaded;
  }
}

/** One at a time; those who wait get it in the order of their coming. */
export class Lock {
  #held = false;
  readonly #waiting: (() => void)[] = [];

  *acquire(): Task<void> {
    while (this.#held) yield* this.#wait();
    this.#held = true;
  }

  /** A task that is ended while it waits must not be the one that is woken. */
  *#wait(): Task<void> {
    let wake = (): void => {};
    const woken = new Promise<void>((resolve) => {
      wake = resolve;
    });
    this.#waiting.push(wake);
    try {
      yield woken;
    } finally {
      const index = this.#waiting.indexOf(wake);
      if (index >= 0) this.#waiting.splice(index, 1);
    }
  }

  release(): void {
    this.#held = false;
    this.#waiting.shift()?.();
  }
}

/** Wakes all who wait. */
export class Signal {
  #wake: (() => void) | null = null;
  #promise: Promise<void> | null = null;

  wait(): Promise<void> {
    this.#promise ??= new Promise((resolve) => {
      this.#wake = resolve;
    });
    return this.#promise;
  }

  wake(): void {
    const wake = this.#wake;
    this.#wake = null;
    this.#promise = null;
    wake?.();
  }
}
