/**
 * The side that answers, for one client: its requests, several at a time, answered in any order;
 * what it holds. It knows no transport: requests are handed to `serve`, answers go to `send`.
 */

import type { Later } from "../devices/device.ts";
import { MultisnapError } from "../errors.ts";
import { Signal } from "../task.ts";
import type { Budget, Grant } from "./budget.ts";
import { HeldViews } from "./held.ts";
import { TYPE_ANSWER, TYPE_FAILURE, TYPE_PART, TYPE_PROGRESS } from "./limits.ts";
import { failureHead, type Head, type Message, NOTHING } from "./message.ts";
import { OPERATIONS, type Operation, type Result, type Served } from "./operations.ts";
import { Rows } from "./rows.ts";

/** Progress messages of a request, about. */
const PROGRESS_STEPS = 100;

/** A promise where the client has to take what was sent before; it never fails. */
export type Send = (message: Message) => Later;

export class Serving {
  readonly held = new HeldViews();
  readonly #served: Served;
  readonly #budget: Budget;
  readonly #send: Send;
  /** Answers to changes from one that brings the state to the next. */
  readonly #statePeriod: number;
  #untold = 0;
  readonly #requests = new Map<number, AbortController>();
  readonly #ended = new Signal();

  /**
   * `statePeriod`: 1 where every answer to a change brings the state; else they bring the usage,
   * once for so many of them that are under way together.
   */
  constructor(served: Served, budget: Budget, send: Send, statePeriod = 1) {
    this.#served = served;
    this.#budget = budget;
    this.#send = send;
    this.#statePeriod = statePeriod;
  }

  /** Requests under way. */
  get size(): number {
    return this.#requests.size;
  }

  has(request: number): boolean {
    return this.#requests.has(request);
  }

  /** Ends when a request has ended. */
  moved(): Promise<void> {
    return this.#ended.wait();
  }

  /** The request may end early. */
  cancel(request: number, why: MultisnapError): void {
    this.#requests.get(request)?.abort(why);
  }

  cancelAll(why: MultisnapError): void {
    for (const request of this.#requests.values()) request.abort(why);
  }

  /** Ends when nothing is under way, and nothing is held. */
  async end(): Promise<void> {
    while (this.size > 0) await this.#ended.wait();
    this.held.releaseAll();
  }

  /** Answers a request, whatever happens; answers what was sent in the end. */
  async serve(message: Message, grant: Grant): Promise<Message> {
    const { request } = message;
    const controller = new AbortController();
    this.#requests.set(request, controller);
    const held = { grant };
    let answer: Message;
    try {
      const { head = {}, payload = NOTHING } = await this.#perform(message, held, controller);
      answer = { type: TYPE_ANSWER, request, head, payload };
      await this.#send(answer);
    } catch (error) {
      answer = { type: TYPE_FAILURE, request, head: failureHead(error), payload: NOTHING };
      await this.#send(answer);
    } finally {
      held.grant.end();
      this.#requests.delete(request);
      this.#ended.wake();
    }
    return answer;
  }

  /** What it holds in the end is in `held`. */
  async #perform(
    { request, head, payload }: Message,
    held: { grant: Grant },
    { signal }: AbortController,
  ): Promise<Result> {
    const operation = operationOf(head);
    const cost = operation.cost?.(this.#served, head) ?? 0;
    if (cost > 0) {
      // Who holds something and waits for more would make others wait for ever.
      held.grant.end();
      held.grant = await this.#budget.take(cost, signal);
    }
    signal.throwIfAborted();
    const rows = new Rows((rows) =>
      this.#send({ type: TYPE_PART, request, head: { rows }, payload: NOTHING }),
    );
    const progress = this.#progress(request);
    const row = (row: unknown) => rows.add(row);
    const tells = () => this.#tells();
    const call = { head, payload, signal, progress, held: this.held, row, tells };
    const { perform } = this.#served;
    const result = await (perform
      ? perform(String(head.op), call)
      : operation.run(this.#served, call));
    await rows.flush();
    return result;
  }

  /** Where not every answer does, the last one of those under way does, and some before it. */
  #tells(): "all" | "usage" | "nothing" {
    if (this.#statePeriod === 1) return "all";
    this.#untold++;
    if (this.size > 1 && this.#untold < this.#statePeriod) return "nothing";
    this.#untold = 0;
    return "usage";
  }

  #progress(request: number): (done: number, total: number) => void {
    let last = -1;
    let next = 0;
    return (done, total) => {
      if (done === last || (done < next && done < total)) return;
      last = done;
      next = done + Math.max(1, total / PROGRESS_STEPS);
      void this.#send({ type: TYPE_PROGRESS, request, head: { done, total }, payload: NOTHING });
    };
  }
}

function operationOf({ op }: Head): Operation {
  const operation = typeof op === "string" ? OPERATIONS.get(op) : undefined;
  if (operation) return operation;
  const asked = JSON.stringify(op) ?? "nothing";
  throw new MultisnapError("Unsupported", `request: ${asked.slice(0, 100)} is not known here`);
}
