/**
 * Bytes in flight: what requests hold from when they are taken up until their replies are with the
 * socket. Each connection has a little of its own, so that small requests never wait for others;
 * beyond that, connections share a total, first come first served.
 *
 * Invariants: a connection holds at most `CONNECTION_BYTES_MAX` or one request; all together hold
 * at most `SHARED_BYTES_MAX` and `OWN_BYTES` each; who waits for the total is overtaken by nobody
 * who came later.
 */
const OWN_BYTES = 256 * 1024;
const CONNECTION_BYTES_MAX = 32 * 2 ** 20;
const SHARED_BYTES_MAX = 64 * 2 ** 20;
/** One who holds some of the total and does not move for so long is let go if another waits. */
const STALLED_MS = 10_000;

/** One connection's part. */
export interface Share {
  held: number;
  /** When it last gave something back, or took; milliseconds of `monotonic`. */
  moved: number;
  /** There may be room now. */
  resume: () => void;
  /** The client has to move: to send the rest of a request, or to take a reply. */
  waitsForClient: () => boolean;
  /** Ends the connection. */
  end: (reason: string) => void;
}

export class Budget {
  readonly #clock: () => number;
  readonly #shares = new Set<Share>();
  /** Those who wait for the total, in the order of their coming. */
  readonly #waiting = new Set<Share>();
  /** Those who hold all that one may, and wait for themselves. */
  readonly #full = new Set<Share>();
  #shared = 0;

  constructor(clock: () => number) {
    this.#clock = clock;
  }

  /** Bytes in flight, of all connections. */
  get held(): number {
    let held = 0;
    for (const share of this.#shares) held += share.held;
    return held;
  }

  join(share: Share): void {
    this.#shares.add(share);
  }

  leave(share: Share): void {
    this.release(share, share.held);
    this.#shares.delete(share);
    this.giveUp(share);
  }

  /** False: the share waits, and `resume` is called when it is worth another try. */
  take(share: Share, bytes: number): boolean {
    const after = share.held + bytes;
    if (after > OWN_BYTES) {
      if (share.held > 0 && after > CONNECTION_BYTES_MAX) {
        this.giveUp(share);
        this.#full.add(share);
        return false;
      }
      const more = sharedOf(after) - sharedOf(share.held);
      const [first = share] = this.#waiting;
      if (first !== share || (this.#shared > 0 && this.#shared + more > SHARED_BYTES_MAX)) {
        this.#waiting.add(share);
        return false;
      }
      this.#shared += more;
    }
    if (share.held === 0) share.moved = this.#clock();
    share.held = after;
    this.giveUp(share);
    return true;
  }

  /** The share waits no longer: it has what it wanted, or wants it no more. */
  giveUp(share: Share): void {
    this.#full.delete(share);
    if (this.#waiting.delete(share)) this.#resumeFirst();
  }

  release(share: Share, bytes: number): void {
    this.#shared -= sharedOf(share.held) - sharedOf(share.held - bytes);
    share.held -= bytes;
    share.moved = this.#clock();
    if (this.#full.delete(share)) share.resume();
    if (this.#waiting.has(share)) share.resume();
    this.#resumeFirst();
  }

  /** Called now and then: those who hold up others and do not move are ended. */
  endStalled(): void {
    if (this.#waiting.size === 0) return;
    const before = this.#clock() - STALLED_MS;
    for (const share of this.#shares) {
      if (sharedOf(share.held) === 0 || share.moved >= before || !share.waitsForClient()) continue;
      share.end("holds memory that others wait for, and does not move");
    }
  }

  /** Whoever is next may find room. */
  #resumeFirst(): void {
    const [first] = this.#waiting;
    first?.resume();
  }
}

/** How much of what a connection holds is of the total. */
function sharedOf(held: number): number {
  return Math.max(0, held - OWN_BYTES);
}
