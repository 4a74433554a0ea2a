/**
 * What is posted, no more than `POSTS_MAX` in a turn of the event loop: the rest follows with the
 * next ones, in order. Node hands a thread up to a thousand messages of a port before its timers;
 * if each answer brought on the next request, timers would come when a thousand are done, 10 ms
 * late. Pages take each message for a turn of its own: there nothing waits.
 *
 * Bounded by whoever posts: requests under way, and their payloads.
 */
import { nextTurn, turnsAreLong } from "./ring/macrotask.ts";

/** About a millisecond of messages. */
const POSTS_MAX = 64;

export class Paced {
  readonly #posts: (() => void)[] = [];
  #posted = 0;

  post(call: () => void): void {
    if (turnsAreLong && this.#posted++ === 0) nextTurn(this.#turn);
    if (this.#posted <= POSTS_MAX && this.#posts.length === 0) call();
    else this.#posts.push(call);
  }

  /** All that waits, now. */
  flush(): void {
    for (const call of this.#posts.splice(0)) call();
  }

  drop(): void {
    this.#posts.length = 0;
  }

  readonly #turn = (): void => {
    const calls = this.#posts.splice(0, POSTS_MAX);
    this.#posted = calls.length;
    if (calls.length > 0) nextTurn(this.#turn);
    for (const call of calls) call();
  };
}
