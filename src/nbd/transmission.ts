/**
 * The transmission phase of one connection: takes requests up as they come, starts them all, and
 * answers each when it ends, in any order.
 *
 * A read or write that ends at once costs no promise, closure or buffer: it is done between the
 * slab that it came in and the buffer that its reply goes out with.
 *
 * Invariants: a request is taken up only when the budget has room for it (back-pressure: else the
 * socket is read no further); each one taken up is answered once, and its cost given back once.
 */
import type { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { clearTimeout, setImmediate, setTimeout } from "node:timers";
import { monotonic } from "../env.ts";
import { Answers } from "./answers.ts";
import type { Share } from "./budget.ts";
import { type CommandContext, runCommand } from "./commands.ts";
import type { Common } from "./common.ts";
import type { Session } from "./handshake.ts";
import { Intake } from "./intake.ts";
import { Outbox } from "./outbox.ts";
import {
  CMD_BLOCK_STATUS,
  CMD_DISC,
  CMD_FUA,
  CMD_READ,
  CMD_WRITE,
  EINVAL,
  REQUEST_BYTES,
} from "./protocol.ts";
import { receiveInto } from "./receive.ts";
import { parseRequest, type Refusal, type Request, refusal } from "./request.ts";
import { statusChunks } from "./status.ts";

/** Reads up to here are put together with other replies; longer ones go out beside them. */
const SHORT_BYTES = 64 * 1024;
/** Taken up in a turn of the event loop, at most: others want to be served, too. */
const TURN_REQUESTS = 256;
const TURN_BYTES = 4 * 2 ** 20;
/** A client that has its last reply has so long to close: before, it could lose it. */
const LINGER_MS = 1000;

/** A request that is refused once its payload, which nobody wants, has come. */
interface Unwanted {
  request: Request;
  refusal: Refusal;
  /** Bytes to come. */
  left: number;
}

export class Transmission {
  readonly #common: Common;
  readonly #session: Session;
  readonly #socket: Socket;
  readonly #intake: Intake;
  readonly #outbox: Outbox;
  readonly #answers: Answers;
  readonly #share: Share;
  readonly #commands: CommandContext;
  /** A write whose payload has not come whole. */
  #collecting: Request | null = null;
  #unwanted: Unwanted | null = null;
  #active = 0;
  #receiving = true;
  /** Nothing more is taken up: the client is content to leave, or the server is. */
  #finishing = false;
  #over = false;
  #turnWanted = false;
  #lingering: NodeJS.Timeout | undefined;
  #failure: string | null = null;
  #end: () => void = () => {};
  /** Ends with the connection: null, or what the client did wrong. */
  readonly ended: Promise<string | null>;

  /** `received`: bytes that came with the handshake's last. */
  constructor(
    common: Common,
    session: Session,
    wire: { socket: Socket; secure: boolean },
    received: Buffer,
  ) {
    this.#common = common;
    this.#session = session;
    this.#intake = new Intake(common.pool);
    this.ended = new Promise((resolve) => {
      this.#end = () => resolve(this.#failure);
    });
    this.#share = {
      held: 0,
      moved: 0,
      resume: () => this.#wantTurn(),
      waitsForClient: () => this.#unfinished || this.#outbox.blocked,
      end: (reason) => this.fail(reason),
    };
    common.budget.join(this.#share);
    const { volume, flushes } = common;
    this.#commands = { volume, flushes, chosen: session.export, isOver: () => this.#over };
    if (received.length > 0) this.#intake.offer(received);
    this.#socket = receiveInto(wire.socket, !wire.secure, this.#intake, () => {
      this.#takeUp();
      return this.#receiving;
    });
    this.#outbox = new Outbox(this.#socket, common.pool, (cost) => {
      common.budget.release(this.#share, cost);
      if (this.#finishing) this.#finish();
    });
    this.#answers = new Answers(this.#outbox, session.structured, common.live);
    this.#socket.on("error", (error) => this.fail(error.message));
    this.#socket.on("end", () => this.#leave());
    this.#socket.on("close", () => this.#close());
    this.#wantTurn();
  }

  /** Answers what was taken up, then ends the connection. */
  leave(): Promise<unknown> {
    this.#leave();
    return this.ended;
  }

  /** Ends the connection at once. */
  fail(reason: string): void {
    this.#failure ??= reason;
    this.#socket.destroy();
    this.#close();
  }

  // ---- taking up

  #takeUp(): void {
    if (this.#over) return;
    if (this.#finishing) {
      this.#intake.start = this.#intake.end;
      return;
    }
    const came = monotonic();
    let requests = TURN_REQUESTS;
    let bytes = TURN_BYTES;
    let receiving = true;
    while (!this.#finishing && !this.#over) {
      if (requests-- === 0 || bytes <= 0) {
        this.#wantTurn();
        receiving = false;
        break;
      }
      const request = this.#next(came);
      if (request === null) break;
      if (request === "wait") {
        receiving = false;
        break;
      }
      bytes -= request.cost;
    }
    this.#outbox.send();
    if (bytes < TURN_BYTES) this.#common.awake.stay();
    this.#receive(receiving || this.#finishing);
  }

  /** Takes the next request up. Null: it has not come whole; "wait": there is no room for it. */
  #next(came: number): Request | "wait" | null {
    const intake = this.#intake;
    if (this.#collecting) return this.#collect(this.#collecting);
    if (this.#unwanted) return this.#skip(this.#unwanted);
    if (intake.available < REQUEST_BYTES) return null;
    const { slab, start } = intake;
    const request = parseRequest(slab.view, start, came);
    if (!request) {
      this.fail("what it sent is not a request");
      return null;
    }
    if (request.type === CMD_DISC) {
      this.#leave();
      return null;
    }
    if (!this.#common.budget.take(this.#share, request.cost)) return "wait";
    this.#common.live.queueDepth++;
    intake.start = start + REQUEST_BYTES;
    const refused = refusal(request, this.#session.export);
    if (refused) {
      // Clients do not look for an answer before they have sent everything.
      const left = request.type === CMD_WRITE ? request.length : 0;
      this.#unwanted = { request, refusal: refused, left };
      return this.#skip(this.#unwanted);
    } else if (request.type === CMD_READ) {
      this.#read(request);
    } else if (request.type === CMD_WRITE) {
      this.#beginWrite(request);
    } else {
      this.#command(request);
    }
    return request;
  }

  #skip(unwanted: Unwanted): Request | null {
    const count = Math.min(unwanted.left, this.#intake.available);
    this.#intake.start += count;
    unwanted.left -= count;
    if (unwanted.left > 0) return null;
    this.#unwanted = null;
    this.#answers.refuse(unwanted.request, ...unwanted.refusal);
    return unwanted.request;
  }

  // ---- reads

  #read(request: Request): void {
    if (request.length > SHORT_BYTES || !this.#common.volume.synchronous) {
      const target = this.#common.pool.take(Math.max(1, request.length));
      this.#readLater(request, target, 0, null);
      return;
    }
    const from = this.#answers.roomForData(request.length);
    const { buffer } = this.#outbox;
    try {
      const { view } = this.#session.export;
      const later = view.startRead(request.offset, buffer.subarray(from, from + request.length));
      if (later) {
        this.#readLater(request, this.#outbox.detach(), from, later);
        return;
      }
    } catch (error) {
      this.#answers.fail(request, error);
      return;
    }
    this.#answers.data(request);
  }

  /** A read that has a buffer of its own; `later`: it was started. */
  #readLater(request: Request, buffer: Buffer, from: number, later: Promise<void> | null): void {
    const data = buffer.subarray(from, from + request.length);
    this.#follow(
      request,
      () => later ?? this.#session.export.view.startRead(request.offset, data),
      () => this.#answers.dataBeside(request, data, () => this.#common.pool.give(buffer)),
    );
  }

  // ---- writes

  #beginWrite(request: Request): void {
    const intake = this.#intake;
    if (intake.available < request.length) {
      intake.expect(request.length);
      this.#collecting = request;
      return;
    }
    const { slab, start } = intake;
    intake.start = start + request.length;
    slab.users++;
    this.#write(request, slab.bytes.subarray(start, intake.start), slab);
  }

  #collect(request: Request): Request | null {
    const payload = this.#intake.takePayload();
    if (!payload) return null;
    this.#collecting = null;
    const { pool } = this.#common;
    const holder = { release: () => pool.give(payload) };
    this.#write(request, payload.subarray(0, request.length), holder);
    return request;
  }

  /** `holder` has the payload until it is written. */
  #write(request: Request, payload: Uint8Array, holder: { release: () => void }): void {
    this.#common.live.bytesWritten += request.length;
    const isForced = (request.flags & CMD_FUA) !== 0;
    let later: undefined | void | Promise<void>;
    try {
      later = this.#session.export.view.startWrite(request.offset, payload);
    } catch (error) {
      holder.release();
      this.#answers.fail(request, error);
      return;
    }
    if (later || isForced) {
      this.#writeLater(request, later, isForced, holder);
    } else {
      holder.release();
      this.#answers.done(request);
    }
  }

  #writeLater(
    request: Request,
    later: undefined | void | Promise<void>,
    isForced: boolean,
    holder: { release: () => void },
  ): void {
    const written = later ? later.finally(() => holder.release()) : holder.release();
    const { flushes } = this.#common;
    this.#follow(
      request,
      () => (isForced ? Promise.resolve(written).then(() => flushes.join()) : written),
      () => this.#answers.done(request),
    );
  }

  // ---- everything else

  #command(request: Request): void {
    if (request.type === CMD_BLOCK_STATUS) {
      this.#blockStatus(request);
      return;
    }
    this.#follow(
      request,
      () => runCommand(this.#commands, request),
      () => this.#answers.done(request),
    );
  }

  #blockStatus(request: Request): void {
    const { contexts, structured } = this.#session;
    if (!structured || contexts.length === 0) {
      this.#answers.refuse(request, EINVAL, "no metadata context was selected");
      return;
    }
    this.#follow(
      request,
      () => statusChunks(this.#common.volume, this.#session, request),
      (chunks) => this.#answers.with(request, chunks),
    );
  }

  /** Answers when `work` has ended. */
  #follow<T>(request: Request, work: () => T | Promise<T>, done: (result: T) => void): void {
    this.#active++;
    const settle = async () => {
      try {
        const result = await work();
        if (!this.#over) done(result);
      } catch (error) {
        if (!this.#over) this.#answers.fail(request, error);
      }
      this.#active--;
      if (this.#over) return this.#answers.count(request);
      this.#outbox.send();
      if (this.#finishing) this.#finish();
    };
    void settle();
  }

  // ---- going on, and ending

  /** Takes up more, in a turn of its own. */
  #wantTurn(): void {
    if (this.#turnWanted || this.#over) return;
    this.#turnWanted = true;
    setImmediate(() => {
      this.#turnWanted = false;
      this.#takeUp();
    });
  }

  #receive(receiving: boolean): void {
    if (receiving === this.#receiving || this.#over) return;
    this.#receiving = receiving;
    if (receiving) this.#socket.resume();
    else this.#socket.pause();
  }

  #leave(): void {
    this.#finishing = true;
    this.#common.budget.giveUp(this.#share);
    // What else it sends is thrown away; that it goes is to be noticed.
    this.#receive(true);
    this.#finish();
  }

  /** Once everything is answered: nothing more comes from us, and soon the connection is over. */
  #finish(): void {
    this.#forgetUnfinished();
    if (this.#active > 0 || !this.#outbox.empty || this.#over || this.#lingering) return;
    this.#socket.end();
    this.#lingering = setTimeout(() => this.#socket.destroy(), LINGER_MS);
  }

  /** A request whose payload has not come whole. */
  get #unfinished(): boolean {
    return this.#collecting !== null || this.#unwanted !== null;
  }

  #forgetUnfinished(): void {
    if (this.#unfinished) this.#common.live.queueDepth--;
    this.#collecting = null;
    this.#unwanted = null;
  }

  #close(): void {
    if (this.#over) return;
    this.#over = true;
    clearTimeout(this.#lingering);
    this.#forgetUnfinished();
    this.#outbox.close();
    this.#intake.close();
    this.#common.budget.leave(this.#share);
    this.#end();
  }
}
