/**
 * What a simulated device does wrong, and when. Faults are armed by the steps of a plan; a call of
 * the kind fires the oldest that is due.
 */
import { MultisnapError } from "../../src/errors.ts";

export type Call = "read" | "write" | "flush";
export type Wrong =
  /** The call fails; of a write any part may have been done. */
  | "eio"
  /** A flush answers without doing anything. */
  | "lie"
  /** A write lands elsewhere. */
  | "astray"
  /** A write is answered and never done. */
  | "dropped";

/** What a lie was about. Of a COW device it is not told which of its writes are metadata. */
export type Lied = "data" | "metadata" | "flush" | "cow";

export interface Fault {
  device: number;
  call: Call;
  wrong: Wrong;
  /** Calls of the kind that still go well. */
  after: number;
  /** Calls that go wrong then; 0: all. */
  times: number;
}

export class Faults {
  #armed: Fault[] = [];
  /** What has gone wrong so far. */
  readonly fired = new Set<Wrong | "full">();
  /** What was lied about. */
  readonly lied = new Set<Lied>();
  /** Told when something goes wrong. */
  onFire: () => void = () => {};
  /** Flushes, and writes of metadata, that failed. */
  fatal = 0;
  /** Blocks that may still be filled for the first time; null: as many as one likes. */
  room: number | null = null;

  /** Nothing has gone wrong, nor will. */
  get areNone(): boolean {
    return this.#armed.length === 0 && this.room === null && this.fired.size === 0;
  }

  arm(fault: Fault): void {
    this.#armed.push({ ...fault });
  }

  heal(): void {
    this.#armed = [];
    this.room = null;
  }

  note(wrong: Wrong | "full"): void {
    this.fired.add(wrong);
    this.onFire();
  }

  /** What is wrong with this call, if anything. */
  fire(device: number, call: Call): Wrong | null {
    for (const fault of this.#armed) {
      if (fault.device !== device || fault.call !== call) continue;
      if (fault.after-- > 0) continue;
      if (fault.times > 0 && --fault.times === 0) {
        this.#armed = this.#armed.filter((other) => other !== fault);
      }
      this.note(fault.wrong);
      return fault.wrong;
    }
    return null;
  }
}

export function ioError(name: string, call: Call): MultisnapError {
  return new MultisnapError("Io", `${name}: ${call} failed (EIO)`);
}
