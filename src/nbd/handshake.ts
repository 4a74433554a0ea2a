/**
 * The handshake: fixed newstyle, option by option, until the client has chosen an export or left.
 * Reads as a conversation; every option that is wrong is answered, and the conversation goes on.
 */
import { Buffer } from "node:buffer";
import type { TlsOptions } from "node:tls";
import { MultisnapError } from "../errors.ts";
import { turn } from "../task.ts";
import type { Hold, View, Volume } from "../volume/types.ts";
import { type Context, findContext, listContexts } from "./contexts.ts";
import { type Export, exportFlags, exportNames, findExport } from "./exports.ts";
import {
  type ContextQuery,
  exportInfo,
  informations,
  optionReply,
  parseContextQuery,
  parseInfoRequest,
} from "./options.ts";
import {
  FLAG_FIXED_NEWSTYLE,
  FLAG_NO_ZEROES,
  IHAVEOPT,
  NAME_BYTES_MAX,
  NBDMAGIC,
  OPT_ABORT,
  OPT_EXPORT_NAME,
  OPT_GO,
  OPT_INFO,
  OPT_LIST,
  OPT_LIST_META_CONTEXT,
  OPT_SET_META_CONTEXT,
  OPT_STARTTLS,
  OPT_STRUCTURED_REPLY,
  OPTION_HEAD_BYTES,
  REP_ACK,
  REP_ERR_INVALID,
  REP_ERR_TLS_REQD,
  REP_ERR_TOO_BIG,
  REP_ERR_UNKNOWN,
  REP_ERR_UNSUP,
  REP_INFO,
  REP_META_CONTEXT,
  REP_SERVER,
} from "./protocol.ts";
import { Disconnected, type Wire } from "./wire.ts";

/** Of an option's data: room for names and some hundred queries. */
const OPTION_BYTES_MAX = 64 * 1024;
/** Characters of a name in a message: clients give up at messages of over 4,096 bytes. */
const QUOTED_MAX = 100;
/** In one turn of the event loop. */
const TURN_REPLIES = 64;
/** What a client may have selected. */
const CONTEXTS_MAX = 16;

export interface HandshakeOptions {
  volume: Volume;
  readOnly: boolean;
  /** Every client has to speak TLS. */
  tls: TlsOptions | null;
}

/** What the client has chosen. */
export interface Session {
  export: Export;
  structured: boolean;
  contexts: Context[];
  /** Its views are in use until these are released, with the connection. */
  holds: readonly Hold[];
}

/** Ends with a session, or with null where the client is content to leave. */
export async function shakeHands(wire: Wire, options: HandshakeOptions): Promise<Session | null> {
  const handshake = new Handshake(wire, options);
  try {
    return await handshake.run();
  } catch (error) {
    handshake.release();
    throw error;
  }
}

class Handshake {
  readonly #wire: Wire;
  readonly #options: HandshakeOptions;
  #noZeroes = false;
  #structured = false;
  #replies = 0;
  /** What was selected last, and for which export. */
  #selected: { name: string; contexts: Context[] } | null = null;
  readonly #holds: Hold[] = [];

  constructor(wire: Wire, options: HandshakeOptions) {
    this.#wire = wire;
    this.#options = options;
  }

  release(): void {
    for (const hold of this.#holds) hold.release();
  }

  async run(): Promise<Session | null> {
    const greeting = Buffer.alloc(18);
    greeting.write(NBDMAGIC + IHAVEOPT, "latin1");
    greeting.writeUInt16BE(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES, 16);
    await this.#wire.write(greeting);
    const flags = (await this.#wire.read(4)).readUInt32BE();
    if ((flags & ~(FLAG_FIXED_NEWSTYLE | FLAG_NO_ZEROES)) !== 0) {
      throw new Disconnected(`flags ${flags} are not known`);
    }
    this.#noZeroes = (flags & FLAG_NO_ZEROES) !== 0;
    for (;;) {
      const head = await this.#wire.read(OPTION_HEAD_BYTES);
      if (head.toString("latin1", 0, 8) !== IHAVEOPT) throw new Disconnected("not an option");
      const option = head.readUInt32BE(8);
      const length = head.readUInt32BE(12);
      const ended = await this.#answer(option, length);
      if (ended !== undefined) return ended;
    }
  }

  /** Undefined: the conversation goes on. */
  async #answer(option: number, length: number): Promise<Session | null | undefined> {
    const wire = this.#wire;
    if (length > OPTION_BYTES_MAX) {
      if (option === OPT_EXPORT_NAME) throw new Disconnected("the export's name is too long");
      await wire.skip(length);
      return this.#reply(option, REP_ERR_TOO_BIG, `at most ${OPTION_BYTES_MAX} bytes of data`);
    }
    const data = await wire.read(length);
    if (option === OPT_ABORT) {
      await this.#reply(option, REP_ACK);
      return null;
    }
    if (this.#options.tls && !wire.secure && option !== OPT_STARTTLS) {
      if (option === OPT_EXPORT_NAME) throw new Disconnected("TLS is required");
      return this.#reply(option, REP_ERR_TLS_REQD, "this server speaks TLS only");
    }
    switch (option) {
      case OPT_EXPORT_NAME:
        return this.#exportName(data);
      case OPT_LIST:
        return this.#list(data);
      case OPT_STARTTLS:
        return this.#startTls(data);
      case OPT_INFO:
      case OPT_GO:
        return this.#info(option, data);
      case OPT_STRUCTURED_REPLY:
        if (data.length > 0) return this.#reply(option, REP_ERR_INVALID, "no data is expected");
        this.#structured = true;
        return this.#reply(option, REP_ACK);
      case OPT_LIST_META_CONTEXT:
      case OPT_SET_META_CONTEXT:
        return this.#metaContext(option, data);
      default:
        return this.#reply(option, REP_ERR_UNSUP, `option ${option} is not known`);
    }
  }

  async #reply(option: number, type: number, data: Uint8Array | string = ""): Promise<undefined> {
    // To a client that reads fast, nothing else here would ever let others in between.
    if (++this.#replies % TURN_REPLIES === 0) await turn();
    await this.#wire.write(optionReply(option, type, Buffer.from(data)));
  }

  #find(name: string): Export | null {
    return findExport(this.#options.volume, name, this.#options.readOnly);
  }

  /** What the client has just chosen: from now on it is in use. */
  #session(chosen: Export): Session {
    const contexts = this.#selected?.name === chosen.name ? this.#selected.contexts : [];
    this.#holds.push(chosen.view.hold());
    for (const { from } of contexts) if (from) this.#holdIfThere(from);
    return { export: chosen, structured: this.#structured, contexts, holds: this.#holds };
  }

  /** One that was deleted since it was selected fails the requests that ask for it. */
  #holdIfThere(view: View): void {
    try {
      this.#holds.push(view.hold());
    } catch (error) {
      if (!(error instanceof MultisnapError) || error.code !== "NotFound") throw error;
    }
  }

  /** The old way to choose: there is no answer for an error but to leave. */
  async #exportName(data: Buffer): Promise<Session> {
    const chosen = data.length <= NAME_BYTES_MAX ? this.#find(data.toString()) : null;
    if (!chosen) throw new Disconnected("there is no such export");
    const session = this.#session(chosen);
    const zeros = this.#noZeroes ? 0 : 124;
    const info = exportInfo(chosen.view.size, exportFlags(chosen, this.#structured)).subarray(2);
    await this.#wire.write(Buffer.concat([info, Buffer.alloc(zeros)]));
    return session;
  }

  async #list(data: Buffer): Promise<undefined> {
    if (data.length > 0) return this.#reply(OPT_LIST, REP_ERR_INVALID, "no data is expected");
    for (const name of exportNames(this.#options.volume)) {
      const bytes = Buffer.from(name);
      const length = Buffer.alloc(4);
      length.writeUInt32BE(bytes.length);
      await this.#reply(OPT_LIST, REP_SERVER, Buffer.concat([length, bytes]));
    }
    return this.#reply(OPT_LIST, REP_ACK);
  }

  /** What was agreed on before TLS is forgotten: somebody in between may have said it. */
  async #startTls(data: Buffer): Promise<undefined> {
    const { tls } = this.#options;
    if (!tls) return this.#reply(OPT_STARTTLS, REP_ERR_UNSUP, "this server has no certificate");
    if (data.length > 0) return this.#reply(OPT_STARTTLS, REP_ERR_INVALID, "no data is expected");
    if (this.#wire.secure) return this.#reply(OPT_STARTTLS, REP_ERR_INVALID, "TLS is there");
    await this.#reply(OPT_STARTTLS, REP_ACK);
    await this.#wire.startTls(tls);
    this.#structured = false;
    this.#selected = null;
  }

  async #info(option: number, data: Buffer): Promise<Session | undefined> {
    const request = parseInfoRequest(data);
    if (!request) return this.#reply(option, REP_ERR_INVALID, "the request is not well-formed");
    const chosen = this.#find(request.name);
    if (!chosen) {
      const why = `there is no export ${JSON.stringify(request.name.slice(0, QUOTED_MAX))}`;
      return this.#reply(option, REP_ERR_UNKNOWN, why);
    }
    const session = option === OPT_GO ? this.#session(chosen) : undefined;
    const { chunk } = this.#options.volume;
    for (const info of informations(chosen, request, chunk, this.#structured)) {
      await this.#reply(option, REP_INFO, info);
    }
    await this.#reply(option, REP_ACK);
    return session;
  }

  async #metaContext(option: number, data: Buffer): Promise<undefined> {
    const query = parseContextQuery(data);
    if (option === OPT_SET_META_CONTEXT) this.#selected = null;
    if (!query) return this.#reply(option, REP_ERR_INVALID, "the query is not well-formed");
    if (!this.#structured) {
      return this.#reply(option, REP_ERR_INVALID, "structured replies come first");
    }
    const chosen = this.#find(query.name);
    if (!chosen) return this.#reply(option, REP_ERR_UNKNOWN, "there is no such export");
    if (option === OPT_SET_META_CONTEXT) return this.#selectContexts(chosen, query);
    const queries = query.queries.length === 0 ? [null] : new Set(query.queries);
    for (const text of queries) {
      for (const name of listContexts(this.#options.volume, text)) {
        await this.#replyContext(option, 0, name);
      }
    }
    return this.#reply(option, REP_ACK);
  }

  async #selectContexts(chosen: Export, { queries }: ContextQuery): Promise<undefined> {
    const contexts: Context[] = [];
    for (const name of new Set(queries)) {
      const context = findContext(this.#options.volume, name, contexts.length + 1);
      if (context) contexts.push(context);
    }
    if (contexts.length > CONTEXTS_MAX) {
      const why = `at most ${CONTEXTS_MAX} contexts at a time`;
      return this.#reply(OPT_SET_META_CONTEXT, REP_ERR_TOO_BIG, why);
    }
    for (const { id, name } of contexts) {
      await this.#replyContext(OPT_SET_META_CONTEXT, id, name);
    }
    this.#selected = { name: chosen.name, contexts };
    return this.#reply(OPT_SET_META_CONTEXT, REP_ACK);
  }

  async #replyContext(option: number, id: number, name: string): Promise<undefined> {
    const head = Buffer.alloc(4);
    head.writeUInt32BE(id);
    return this.#reply(option, REP_META_CONTEXT, Buffer.concat([head, Buffer.from(name)]));
  }
}
