/** Devices that tell what a volume does with them, hold its calls back, or fail. */
import type { Device, Later } from "../../src/devices/device.ts";
import { MultisnapError } from "../../src/errors.ts";

export type Call = "read" | "write" | "flush";

export interface Transfer {
  offset: number;
  length: number;
}

export class Watch {
  reads: Transfer[] = [];
  writes: Transfer[] = [];
  flushes = 0;
  readonly #inFlight = { read: 0, write: 0, flush: 0 };
  most = { read: 0, write: 0, flush: 0 };

  reset(): void {
    this.reads = [];
    this.writes = [];
    this.flushes = 0;
    this.most = { read: 0, write: 0, flush: 0 };
  }

  device(inner: Device): Device {
    return {
      ...forwarded(inner),
      read: (target, start, length, offset) => {
        this.reads.push({ offset, length });
        return this.#count("read", () => inner.read(target, start, length, offset));
      },
      write: (source, start, length, offset) => {
        this.writes.push({ offset, length });
        return this.#count("write", () => inner.write(source, start, length, offset));
      },
      flush: () => {
        this.flushes++;
        return this.#count("flush", () => inner.flush());
      },
    };
  }

  #count(call: Call, run: () => Later): Later {
    this.#inFlight[call]++;
    this.most[call] = Math.max(this.most[call], this.#inFlight[call]);
    const ended = () => {
      this.#inFlight[call]--;
    };
    const answer = run();
    if (answer === undefined) ended();
    else void (answer as Promise<void>).then(ended, ended);
    return answer;
  }
}

/** Holds calls back until `release`; they take effect only then. */
export class Gate {
  readonly #waiting: (() => void)[] = [];
  #holds: ((call: Call, at: Transfer) => boolean) | null = null;

  get waiting(): number {
    return this.#waiting.length;
  }

  hold(which: (call: Call, at: Transfer) => boolean): void {
    this.#holds = which;
  }

  /** Lets all held calls go on, and holds no further ones. */
  release(): void {
    this.#holds = null;
    for (const go of this.#waiting.splice(0)) go();
  }

  device(inner: Device): Device {
    const pass = (call: Call, at: Transfer, run: () => Later): Later => {
      if (!this.#holds?.(call, at)) return run();
      return new Promise<void>((go) => this.#waiting.push(go)).then(run);
    };
    return {
      ...forwarded(inner),
      synchronous: false,
      read: (target, start, length, offset) =>
        pass("read", { offset, length }, () => inner.read(target, start, length, offset)),
      write: (source, start, length, offset) =>
        pass("write", { offset, length }, () => inner.write(source, start, length, offset)),
      flush: () => pass("flush", { offset: 0, length: 0 }, () => inner.flush()),
    };
  }
}

/**
 * Fails calls with `Io`, from the `nth` of a kind on (1 is the next one), as often as `times`
 * says.
 */
export class Failing {
  #call: Call | null = null;
  #left = 0;
  #times = 0;
  failed = 0;

  fail(call: Call, nth: number, times = Number.POSITIVE_INFINITY): void {
    this.#call = call;
    this.#left = nth;
    this.#times = times;
    this.failed = 0;
  }

  device(inner: Device): Device {
    return {
      ...forwarded(inner),
      read: (target, start, length, offset) => {
        this.#maybe("read", inner.name);
        return inner.read(target, start, length, offset);
      },
      write: (source, start, length, offset) => {
        this.#maybe("write", inner.name);
        return inner.write(source, start, length, offset);
      },
      flush: () => {
        this.#maybe("flush", inner.name);
        return inner.flush();
      },
    };
  }

  #maybe(call: Call, name: string): void {
    if (call !== this.#call || --this.#left > 0 || this.failed >= this.#times) return;
    this.failed++;
    throw new MultisnapError("Io", `${name}: ${call} failed (EIO)`);
  }
}

function forwarded(inner: Device): Device {
  return {
    name: inner.name,
    readOnly: inner.readOnly,
    synchronous: inner.synchronous,
    growable: inner.growable,
    size: () => inner.size(),
    read: (target, start, length, offset) => inner.read(target, start, length, offset),
    write: (source, start, length, offset) => inner.write(source, start, length, offset),
    flush: () => inner.flush(),
    resize: (bytes) => inner.resize(bytes),
    close: () => inner.close(),
  };
}
