/**
 * An origin with tabs in one process, as browsers have them: locks, channels and files that outlive
 * tabs, and tabs that can be killed at any moment. What a thread says goes out one after another,
 * is passed on, and comes in one after another; a killed one's last words may be lost, and its
 * files stay in its hands for a while. Everything else is drawn from a seed.
 */
import type { Device } from "../../../src/devices/device.ts";
import type { Channel, Locks, Mark, Neighbours } from "../../../src/devices/neighbours.ts";
import { MultisnapError } from "../../../src/errors.ts";

interface File {
  bytes: Uint8Array;
  size: number;
  holder: Thread | null;
}

interface Wait {
  thread: Thread;
  shared: boolean;
  granted: (release: () => void) => void;
}

interface Lock {
  holders: Wait[];
  waiting: Wait[];
}

export class Origin {
  readonly random: () => number;
  readonly #files = new Map<string, File>();
  readonly #locks = new Map<string, Lock>();
  readonly #channels = new Map<string, Set<OriginChannel>>();
  readonly #threads = new Set<Thread>();
  #pumping = false;

  constructor(random: () => number) {
    this.random = random;
  }

  thread(): Thread {
    const thread = new Thread(this);
    this.#threads.add(thread);
    return thread;
  }

  /** Something is on its way. */
  pump(): void {
    if (this.#pumping) return;
    this.#pumping = true;
    setImmediate(() => this.#step());
  }

  #step(): void {
    this.#pumping = false;
    const queues = [...this.#threads].flatMap(({ out, incoming, frozen }) =>
      frozen ? [] : [out, incoming],
    );
    const full = queues.filter(({ length }) => length > 0);
    if (full.length === 0) return;
    this.pump();
    for (let count = 1 + Math.floor(this.random() * 8); count > 0; count--) {
      const queue = full[Math.floor(this.random() * full.length)]!;
      queue.shift()?.();
    }
  }

  /** Its locks are free when its last words have been passed on. */
  kill(thread: Thread): void {
    thread.alive = false;
    thread.incoming.length = 0;
    thread.out.splice(Math.floor(this.random() * (thread.out.length + 1)));
    thread.out.push(() => {
      for (const channels of this.#channels.values()) {
        for (const channel of channels) if (channel.thread === thread) channels.delete(channel);
      }
      for (const name of this.#locks.keys()) {
        this.#drop(name, (wait) => wait.thread === thread);
      }
      const free = () => {
        for (const file of this.#files.values()) if (file.holder === thread) file.holder = null;
      };
      setTimeout(free, this.random() * 20);
    });
    this.pump();
  }

  // ---- as the browser does it

  post(from: OriginChannel, data: unknown): void {
    for (const channel of this.#channels.get(from.name) ?? []) {
      if (channel !== from) channel.thread.hear(() => channel.take?.(structuredClone(data)));
    }
  }

  enter(channel: OriginChannel): void {
    const channels = this.#channels.get(channel.name) ?? new Set();
    channels.add(channel);
    this.#channels.set(channel.name, channels);
  }

  quit(channel: OriginChannel): void {
    this.#channels.get(channel.name)?.delete(channel);
  }

  request(name: string, wait: Wait): void {
    const lock = this.#locks.get(name) ?? { holders: [], waiting: [] };
    this.#locks.set(name, lock);
    lock.waiting.push(wait);
    this.#grant(name, lock);
  }

  #grant(name: string, lock: Lock): void {
    for (let next = lock.waiting[0]; next; next = lock.waiting[0]) {
      const free = lock.holders.length === 0 || [...lock.holders, next].every((one) => one.shared);
      if (!free) return;
      lock.waiting.shift();
      lock.holders.push(next);
      const granted = next;
      const { thread } = granted;
      const release = () => thread.say(() => this.#drop(name, (wait) => wait === granted));
      thread.hear(() => granted.granted(release));
    }
  }

  #drop(name: string, isIt: (wait: Wait) => boolean): void {
    const lock = this.#locks.get(name)!;
    lock.holders = lock.holders.filter((wait) => !isIt(wait));
    lock.waiting = lock.waiting.filter((wait) => !isIt(wait));
    this.#grant(name, lock);
  }

  cancel(name: string, wait: Wait): boolean {
    const lock = this.#locks.get(name);
    const waits = lock?.waiting.includes(wait) ?? false;
    if (waits) this.#drop(name, (one) => one === wait);
    return waits;
  }

  heldNames(): string[] {
    return [...this.#locks].filter(([, { holders }]) => holders.length > 0).map(([name]) => name);
  }

  open(name: string, thread: Thread): File {
    const file = this.#files.get(name) ?? { bytes: new Uint8Array(2 ** 16), size: 0, holder: null };
    this.#files.set(name, file);
    if (file.holder) throw new MultisnapError("Busy", `${name}: another tab has it open`);
    file.holder = thread;
    return file;
  }
}

/** A worker. Its page shares its fate. */
export class Thread {
  readonly #origin: Origin;
  readonly out: (() => void)[] = [];
  readonly incoming: (() => void)[] = [];
  alive = true;
  #frozen = false;

  constructor(origin: Origin) {
    this.#origin = origin;
  }

  get frozen(): boolean {
    return this.#frozen;
  }

  /** Nothing comes in and nothing goes out, and everything stays in its hands. */
  set frozen(frozen: boolean) {
    this.#frozen = frozen;
    this.#origin.pump();
  }

  say(passOn: () => void): void {
    if (!this.alive) return;
    this.out.push(passOn);
    this.#origin.pump();
  }

  hear(take: () => void): void {
    if (!this.alive) return;
    this.incoming.push(take);
    this.#origin.pump();
  }

  get neighbours(): Neighbours {
    return {
      locks: this.#locks(),
      channel: (name) => new OriginChannel(this.#origin, this, name),
      mark: async (store) => this.#mark(`${store}.tabs`),
    };
  }

  #locks(): Locks {
    const origin = this.#origin;
    return {
      take: (name, { signal, shared = false } = {}) =>
        new Promise((resolve, reject) => {
          const wait: Wait = { thread: this, shared, granted: resolve };
          const abort = () =>
            this.say(() => {
              if (origin.cancel(name, wait)) this.hear(() => reject(signal!.reason));
            });
          if (signal?.aborted) return reject(signal.reason);
          signal?.addEventListener("abort", abort);
          this.say(() => origin.request(name, wait));
        }),
      held: () =>
        new Promise((resolve) => {
          this.say(() => {
            const names = origin.heldNames();
            this.hear(() => resolve(names));
          });
        }),
    };
  }

  #file(name: string): { file: File; check: () => void; close: () => void } {
    const check = () => {
      if (!this.alive) throw new MultisnapError("Io", "the tab is dead");
    };
    check();
    const file = this.#origin.open(name, this);
    const close = () => {
      if (file.holder === this && this.alive) file.holder = null;
    };
    return { file, check, close };
  }

  #mark(name: string): Mark {
    const { file, check, close } = this.#file(name);
    return {
      read: () => file.bytes.slice(0, file.size),
      write(bytes) {
        check();
        file.bytes.set(bytes);
        file.size = Math.max(file.size, bytes.length);
      },
      close,
    };
  }

  device(name: string): Device {
    const { file, check, close } = this.#file(name);
    const resize = (bytes: number) => {
      check();
      if (bytes > file.bytes.length) {
        const larger = new Uint8Array(2 * bytes);
        larger.set(file.bytes.subarray(0, file.size));
        file.bytes = larger;
      }
      if (bytes < file.size) file.bytes.fill(0, bytes, file.size);
      file.size = bytes;
    };
    return {
      ...{ name, readOnly: false, synchronous: true, growable: true },
      size: () => file.size,
      read(target, start, length, offset) {
        check();
        target.fill(0, start, start + length);
        const end = Math.max(offset, Math.min(offset + length, file.size));
        target.set(file.bytes.subarray(offset, end), start);
      },
      write(source, start, length, offset) {
        check();
        if (offset + length > file.size) resize(offset + length);
        file.bytes.set(source.subarray(start, start + length), offset);
      },
      flush: check,
      resize,
      close,
    };
  }
}

class OriginChannel implements Channel {
  readonly #origin: Origin;
  readonly thread: Thread;
  readonly name: string;
  take: ((message: unknown) => void) | null = null;

  constructor(origin: Origin, thread: Thread, name: string) {
    this.#origin = origin;
    this.thread = thread;
    this.name = name;
    thread.say(() => origin.enter(this));
  }

  post(message: unknown): void {
    const data = structuredClone(message);
    this.thread.say(() => this.#origin.post(this, data));
  }

  listen(take: (message: unknown) => void): void {
    this.take = take;
  }

  close(): void {
    this.take = null;
    this.thread.say(() => this.#origin.quit(this));
  }
}
