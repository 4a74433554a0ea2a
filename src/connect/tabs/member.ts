/**
 * A tab's worker among those that share a volume: it hands on the requests of its tab, and stands
 * for owner. Who holds the owner's lock opens the volume and serves all; the lock and the files are
 * free when that worker has ended, however that comes, and the next in line takes over.
 */
import type { Device } from "../../devices/device.ts";
import type { Channel, Neighbours } from "../../devices/neighbours.ts";
import { engineModule } from "../../engine/module.ts";
import { useEngine } from "../../engine/source.ts";
import { monotonic, systemEnv } from "../../env.ts";
import { MultisnapError } from "../../errors.ts";
import type { Volume } from "../../volume/types.ts";
import { newName } from "../connect.ts";
import { openNamed } from "../opening.ts";
import type { Served } from "../operations.ts";
import type { Openers, Opening, TabsOptions } from "../options.ts";
import { Floor } from "./kept.ts";
import { localPair } from "./local.ts";
import { joinOf, lobbyName, ownerLock, ownerNote, sessionName, storeName } from "./notes.ts";
import { type Opened, Owner } from "./owner.ts";
import { Relay } from "./relay.ts";

const UNFLUSHED_BYTES = 8 * 2 ** 20;
const UNFLUSHED_BYTES_MIN = 2 ** 20;
const PATIENCE_MS = 20_000;
/** A worker that has just ended may still have its files. */
const BUSY_MS_MAX = 10_000;
const BUSY_PAUSE_MS = 25;

export interface Around {
  openers: Openers;
  neighbours?: Neighbours | null;
}

export class Member {
  readonly #store: string;
  readonly #opening: Opening;
  readonly #openers: Openers;
  readonly #neighbours: Neighbours;
  readonly #relay: Relay;
  readonly #lobby: Channel;
  readonly #channel: Channel;
  /** Given back when the tab goes. */
  #alive: (() => void) | null = null;
  /** Ends the wait for the owner's lock. */
  #standing: AbortController | null = null;
  #owner: Owner | null = null;
  /** Ends when this tab owns nothing any more. */
  #term: Promise<void> = Promise.resolve();
  /** A term is over, or there is none for who stands. */
  readonly #over: () => void;
  /** Ends the term. */
  #endTerm = (): void => {};
  #ended = false;

  /** Errors: `Unsupported` (this platform's tabs do not find each other), `Invalid`. */
  static async join(
    opening: Opening,
    session: string,
    around: Around,
    over: () => void,
  ): Promise<Member> {
    const { neighbours, openers } = around;
    if (!neighbours) {
      const why = "this platform has no locks or no channels between tabs";
      throw new MultisnapError("Unsupported", `tabs: ${why}`);
    }
    const member = new Member(opening, session, neighbours, openers, over);
    const name = sessionName(member.#store, session);
    member.#alive = await neighbours.locks.take(name);
    // Fetched now: the server may be out of reach when this tab's turn comes.
    if (opening.engine !== null) useEngine(opening.engine);
    await engineModule();
    member.#join();
    return member;
  }

  private constructor(
    opening: Opening,
    session: string,
    neighbours: Neighbours,
    openers: Openers,
    over: () => void,
  ) {
    const { unflushedBytes, patienceMs } = checkTabs(opening.options.tabs ?? {});
    this.#store = storeName(opening.options.store);
    this.#opening = opening;
    this.#openers = openers;
    this.#over = over;
    this.#neighbours = neighbours;
    this.#relay = new Relay({
      ...{ session, unflushedBytes, patienceMs },
      join: () => this.#join(),
      failed: () => this.#leave(),
    });
    this.#lobby = neighbours.channel(lobbyName(this.#store));
    this.#lobby.listen((data) => {
      const joining = joinOf(data);
      if (joining !== null) this.#owner?.meet(joining);
    });
    this.#channel = this.#hear(neighbours.channel(sessionName(this.#store, session)), false);
  }

  get served(): Served {
    const relay = this.#relay;
    return {
      // Requests never get there: no view of it, no memory of its own.
      volume: { usage: () => ({ snapshots: 0 }) } as unknown as Volume,
      files: [],
      live: () => ({}),
      perform: (op, call) => relay.perform(op, call),
    };
  }

  #hear(channel: Channel, local: boolean): Channel {
    channel.listen((data) => {
      const note = ownerNote(data);
      if (note) this.#relay.take(note, channel, local);
    });
    return channel;
  }

  #join(): void {
    if (this.#ended) return;
    // The lobby does not repeat what is said from here.
    if (this.#owner) this.#owner.meet(this.#relay.name);
    else this.#lobby.post({ join: this.#relay.name });
  }

  /**
   * Whether it stands for owner. An owner that does not any more hands over: for a page that the
   * browser is about to freeze.
   */
  stand(stands: boolean): void {
    if (!stands) {
      this.#standing?.abort();
      this.#standing = null;
      this.#endTerm();
    } else if (this.#ended) this.#over();
    else if (!this.#standing) {
      const standing = new AbortController();
      this.#standing = standing;
      const before = this.#term;
      this.#term = before
        .then(() => this.#serve(standing.signal))
        .catch(() => {})
        .then(() => this.#over());
    }
  }

  /** One term, from the wait for the lock to giving it back. */
  async #serve(signal: AbortSignal): Promise<void> {
    if (signal.aborted) return;
    const name = ownerLock(this.#store);
    const release = await this.#neighbours.locks.take(name, { signal });
    try {
      await this.#own(signal);
    } finally {
      release();
    }
  }

  async #own(signal: AbortSignal): Promise<void> {
    const ended = new Promise<void>((resolve) => {
      this.#endTerm = resolve;
    });
    if (signal.aborted) return;
    const owner = new Owner(newName(systemEnv), this.#store, this.#neighbours);
    const [mine, theirs] = localPair();
    this.#hear(mine, true);
    this.#owner = owner;
    try {
      const own = { name: this.#relay.name, channel: theirs };
      await owner.start(own, () => this.#open(signal));
      await ended;
    } catch (error) {
      // The next in line may have more luck; this tab is told why it has none.
      // One that does not stand any more leaves it to the next.
      if (!signal.aborted) this.#relay.fail(asOurs(error));
    }
    this.#owner = null;
    try {
      await owner.leave();
    } catch (error) {
      this.#relay.fail(asOurs(error));
      throw error;
    }
  }

  async #open(signal: AbortSignal): Promise<Opened> {
    const mark = await patient(signal, () => this.#neighbours.mark(this.#store));
    try {
      const floor = new Floor(mark);
      const isNew = async (store: Device) => {
        if (floor.making) await store.resize(0);
        if (store.size() > 0) return false;
        floor.begin();
        return true;
      };
      const volume = await patient(signal, () => openNamed(this.#opening, this.#openers, isNew));
      if (floor.making) floor.made();
      return { volume, floor };
    } catch (error) {
      mark.close();
      throw error;
    }
  }

  /** What was answered is durable; then this tab goes. Errors: those of the flush. */
  async close(): Promise<void> {
    if (this.#ended) return;
    try {
      if (this.#relay.remote) await this.#relay.flush();
      this.stand(false);
      await this.#term;
      this.#relay.finish();
    } finally {
      this.#leave();
    }
  }

  #leave(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.stand(false);
    void this.#term.then(() => {
      this.#alive?.();
      this.#channel.close();
      this.#lobby.close();
    });
  }
}

function checkTabs(options: TabsOptions): Required<TabsOptions> {
  const { unflushedBytes = UNFLUSHED_BYTES, patienceMs = PATIENCE_MS } = options;
  if (!(unflushedBytes >= UNFLUSHED_BYTES_MIN && unflushedBytes <= 2 ** 30)) {
    throw new MultisnapError("Invalid", "tabs.unflushedBytes is from 1 MiB to 1 GiB");
  }
  if (!(patienceMs >= 1000)) {
    throw new MultisnapError("Invalid", "tabs.patienceMs is at least 1,000 milliseconds");
  }
  return { unflushedBytes, patienceMs };
}

/** Tries again as long as somebody else has the files. */
async function patient<T>(signal: AbortSignal, open: () => Promise<T>): Promise<T> {
  const start = monotonic();
  for (;;) {
    try {
      return await open();
    } catch (error) {
      const isBusy = error instanceof MultisnapError && error.code === "Busy";
      if (!isBusy || signal.aborted || monotonic() - start >= BUSY_MS_MAX) throw error;
    }
    await new Promise((resolve) => setTimeout(resolve, BUSY_PAUSE_MS));
  }
}

function asOurs(error: unknown): MultisnapError {
  if (error instanceof MultisnapError) return error;
  return new MultisnapError("Internal", String(error), { cause: error });
}
