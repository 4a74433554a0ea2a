/**
 * The host's side of a pair of rings: takes requests out, does them, puts their ends in. It looks
 * for new ones for a moment before it sleeps, and lets its event loop turn meanwhile and at least
 * every `TURN_US`: other ports and timers are served all the time.
 *
 * The memory is the client's, who may write anything into it: every number is checked when it has
 * been copied out (I10), and payloads are only ever data.
 */
import { monotonic } from "../../env.ts";
import { MultisnapError } from "../../errors.ts";
import type { View, Volume } from "../../volume/types.ts";
import { failureHead } from "../message.ts";
import {
  AWAKE,
  BEGUN,
  CLIENT_SLEEPS,
  END_FAILURE,
  END_TAG,
  END_WORDS,
  ENDED,
  HOST_SLEEPS,
  OP_FLUSH,
  OP_READ,
  OP_TRIM,
  OP_WRITE,
  OP_ZERO,
  PAGE_BYTES,
  PAGES,
  Payloads,
  pagesOf,
  partsOf,
  REQUEST_LENGTH,
  REQUEST_NUMBERS,
  REQUEST_OFFSET,
  REQUEST_OP,
  REQUEST_PAGE,
  REQUEST_TAG,
  REQUEST_VIEW,
  REQUESTS,
  type Shared,
  SUBMITTED,
  WAITS,
  WANTS_MESSAGE,
} from "./layout.ts";
import { nextTurn } from "./macrotask.ts";
import { Patience } from "./patience.ts";
import { writeUsage } from "./usage.ts";

/** How long it looks for a request without letting anything else happen. */
const SPIN_US = 20;
/** How long it looks before it sleeps: about what waking up takes. */
const LINGER_US = 100;
/** How long requests keep the event loop from turning. */
const TURN_US = 500;
/** Views that are remembered by their ids. */
const VIEWS_MAX = 1024;

export class RingHost {
  readonly #shared: Shared;
  readonly #payloads: Payloads;
  readonly #volume: Volume;
  /** Wakes the client. */
  readonly #knock: () => void;
  /** Called with what no client of ours puts into a ring. */
  readonly #refuse: (error: MultisnapError) => void;
  readonly #views = new Map<number, View>();
  readonly #encoder = new TextEncoder();
  readonly #patience = new Patience(LINGER_US);
  #begun = 0;
  #ended = 0;
  /** Requests that have not ended yet. */
  #open = 0;
  #changed = false;
  #runs = false;
  #closed = false;
  /** Monotonic milliseconds of the last request that was found. */
  #found = 0;

  constructor(
    memory: SharedArrayBuffer,
    volume: Volume,
    knock: () => void,
    refuse: (error: MultisnapError) => void,
  ) {
    this.#shared = partsOf(memory);
    this.#payloads = new Payloads(this.#shared);
    this.#volume = volume;
    this.#knock = knock;
    this.#refuse = refuse;
    Atomics.store(this.#shared.words, HOST_SLEEPS, WANTS_MESSAGE);
  }

  /** Does what is there, and looks for more for a while. */
  run(): void {
    if (this.#runs || this.#closed) return;
    this.#runs = true;
    this.#found = monotonic();
    this.#turn();
  }

  close(): void {
    this.#closed = true;
  }

  /** Begins what has been submitted, in order; how many. */
  drain(): number {
    if (this.#closed) return 0;
    const { words } = this.#shared;
    const count = (Atomics.load(words, SUBMITTED) - this.#begun) | 0;
    if (count === 0) return 0;
    if (count < 0 || count + this.#open > REQUESTS) {
      this.#closed = true;
      this.#refuse(wrong(`${count} requests at once, ${this.#open} under way`));
      return 0;
    }
    for (let i = count - 1; i >= 0; i--) this.#begin(i === 0);
    Atomics.store(words, BEGUN, this.#begun);
    return count;
  }

  readonly #turn = (): void => {
    const began = monotonic();
    let now = began;
    while (!this.#closed) {
      const isFound = this.drain() > 0;
      now = monotonic();
      if (isFound) this.#found = now;
      this.#patience.look(isFound);
      if ((now - began) * 1000 > TURN_US || (now - this.#found) * 1000 > SPIN_US) break;
    }
    if (!this.#closed && (now - this.#found) * 1000 < this.#patience.us) nextTurn(this.#turn);
    else this.#sleep();
  };

  #sleep(): void {
    const { words } = this.#shared;
    this.#runs = false;
    this.#patience.sleep();
    if (this.#closed) return;
    Atomics.store(words, HOST_SLEEPS, WANTS_MESSAGE);
    // What came before the client could see that is found here.
    if (Atomics.load(words, SUBMITTED) === this.#begun) return;
    Atomics.store(words, HOST_SLEEPS, AWAKE);
    this.#runs = true;
    this.#found = monotonic();
    nextTurn(this.#turn);
  }

  /** `last`: of those that are there. */
  #begin(last: boolean): void {
    const { requests } = this.#shared;
    const at = (this.#begun & (REQUESTS - 1)) * REQUEST_NUMBERS;
    this.#begun = (this.#begun + 1) | 0;
    this.#open++;
    const op = requests[at + REQUEST_OP]!;
    const tag = requests[at + REQUEST_TAG]!;
    const length = requests[at + REQUEST_LENGTH]!;
    const page = requests[at + REQUEST_PAGE]!;
    const taken = op === OP_READ || op === OP_WRITE ? pagesOf(length) : 1;
    if (!isBelow(tag, REQUESTS) || !isBelow(page, PAGES) || !(page + taken <= PAGES)) {
      this.#closed = true;
      this.#refuse(wrong(`request ${tag} with ${length} bytes in page ${page}`));
      return;
    }
    try {
      const view = op === OP_FLUSH ? null : this.#view(requests[at + REQUEST_VIEW]!);
      const offset = requests[at + REQUEST_OFFSET]!;
      let later: undefined | void | Promise<void>;
      if (op === OP_READ) later = view!.startRead(offset, this.#payloads.at(page, length));
      else {
        this.#changed = true;
        if (op === OP_WRITE) {
          later = view!.startWrite(offset, this.#payloads.at(page, length));
        } else if (op === OP_TRIM) later = view!.trim(offset, length);
        else if (op === OP_ZERO) later = view!.writeZeroes(offset, length);
        else if (op === OP_FLUSH) later = this.#volume.flush();
        else throw wrong(`an operation ${op}`);
      }
      if (later === undefined) this.#end(tag, page, null, last);
      else this.#follow(later as Promise<void>, tag, page);
    } catch (error) {
      this.#end(tag, page, error, last);
    }
  }

  #follow(later: Promise<void>, tag: number, page: number): void {
    later.then(
      () => this.#end(tag, page, null, this.#open === 1),
      (error) => this.#end(tag, page, error ?? new Error("no reason"), this.#open === 1),
    );
  }

  /** `last`: nothing else was there to do, so what the volume tells of itself has to be right. */
  #end(tag: number, page: number, error: unknown, last: boolean): void {
    if (this.#closed) return;
    const { words, ends, pages } = this.#shared;
    // What has come meanwhile ends later, and tells then.
    const settled = last && Atomics.load(words, SUBMITTED) === this.#begun;
    this.#open--;
    let failure = 0;
    if (error !== null) {
      const text = this.#encoder.encode(JSON.stringify(shortened(error)));
      failure = Math.min(text.length, PAGE_BYTES);
      pages.set(text.subarray(0, failure), page * PAGE_BYTES);
    }
    if (this.#changed && (settled || error !== null)) this.tell();
    const at = (this.#ended & (REQUESTS - 1)) * END_WORDS;
    ends[at + END_TAG] = tag;
    ends[at + END_FAILURE] = failure;
    this.#ended = (this.#ended + 1) | 0;
    Atomics.store(words, ENDED, this.#ended);
    const sleeps = Atomics.load(words, CLIENT_SLEEPS);
    if (sleeps === AWAKE) return;
    if (sleeps === WAITS) Atomics.notify(words, ENDED);
    else if (Atomics.compareExchange(words, CLIENT_SLEEPS, sleeps, AWAKE) === sleeps) this.#knock();
  }

  /** What the volume tells of itself, as it is now. */
  tell(): void {
    this.#changed = false;
    try {
      writeUsage(this.#shared, this.#volume.usage());
    } catch {
      // The volume is closed: it tells nothing any more.
    }
  }

  #view(id: number): View {
    const { origin } = this.#volume;
    if (id === origin.id) return origin;
    const known = this.#views.get(id);
    if (known) return known;
    const found = this.#volume.snapshots.find((view) => view.id === id);
    if (!found) throw new MultisnapError("NotFound", "the snapshot has been deleted");
    if (this.#views.size >= VIEWS_MAX) this.#views.clear();
    this.#views.set(id, found);
    return found;
  }
}

/** What fits into a page, whatever its letters are. */
function shortened(error: unknown): object {
  const { message, cause, ...head } = failureHead(error);
  const short = (text: unknown) => (typeof text === "string" ? text.slice(0, 300) : text);
  return { ...head, message: short(message), ...(cause !== undefined && { cause: short(cause) }) };
}

function isBelow(value: number, end: number): boolean {
  return Number.isInteger(value) && value >= 0 && value < end;
}

function wrong(what: string): MultisnapError {
  return new MultisnapError("Invalid", `not a ring of a volume's client: ${what}`);
}
