/** A session as its owner sees it: what it reported, its writes to be done again, its port. */
import type { Channel } from "../../devices/neighbours.ts";
import { Signal } from "../../task.ts";
import { lost, type Port } from "../port.ts";
import type { Begun, KeptWrite, OwnerNote, TabNote } from "./notes.ts";

export class Guest {
  readonly name: string;
  readonly #channel: Channel;
  readonly #owner: string;
  /** Something has come, or it has gone. */
  readonly moved = new Signal();
  /** Ends the wait for its lock. */
  readonly watch = new AbortController();
  reported: { kept: number; stamp: number; begun: Begun[] } | null = null;
  /** Its report came in time: its writes are done again. */
  counted = false;
  settled = false;
  gone = false;
  /** Why its writes could not be done again. */
  failure: string | null = null;
  readonly #queue: KeptWrite[] = [];
  #last = false;
  #take: ((data: unknown) => void) | null = null;
  #lose: (() => void) | null = null;
  /** Nothing goes to it any more. */
  muted = false;

  constructor(name: string, channel: Channel, owner: string) {
    this.name = name;
    this.#channel = channel;
    this.#owner = owner;
  }

  say(note: { kind: string } & Record<string, unknown>): void {
    const said = { owner: this.#owner, ...note };
    if (!this.muted) this.#channel.post(said as unknown as OwnerNote);
  }

  /** A message of its session, or a batch. */
  hear(note: TabNote): void {
    if (note.kind === "post") this.#take?.(note.data);
    else if (note.kind === "batch" && Array.isArray(note.writes)) {
      this.#queue.push(...note.writes);
      this.#last = note.last === true;
      this.moved.wake();
    }
  }

  /** Its next write to be done again; null: there is none. It stays until `shift`. */
  async next(): Promise<KeptWrite | null> {
    while (this.#queue.length === 0) {
      if (this.gone || this.#last || !this.reported?.kept) return null;
      const moved = this.moved.wait();
      this.say({ kind: "pull" });
      await moved;
    }
    return this.gone ? null : this.#queue[0]!;
  }

  shift(): void {
    this.#queue.shift();
  }

  port(): Port {
    return {
      post: (data) => this.say({ kind: "post", data }),
      listen: (take, gone) => {
        this.#take = take;
        this.#lose = () => gone(lost("has gone"));
      },
      close() {},
    };
  }

  /** What it asks from now on is left to the next owner. */
  ignore(): void {
    this.#take = null;
  }

  /** The tab has gone. */
  leave(): void {
    this.gone = true;
    this.#take = null;
    this.#lose?.();
    this.#queue.length = 0;
    this.moved.wake();
    this.close();
  }

  /** The owner goes. */
  close(): void {
    this.muted = true;
    this.#take = null;
    this.watch.abort();
    this.#channel.close();
  }
}
