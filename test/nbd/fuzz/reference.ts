/**
 * What a server has to make of any bytes: the protocol once more, as a function of a whole stream.
 * Nothing of it comes from the server that is tested.
 */
import { CMD, ERR, FLAG, INFO, MIB, OPT, REP } from "../messages.ts";
import { Cursor } from "./cursor.ts";

const OPTION_BYTES_MAX = 65536;
const PAYLOAD_BYTES_MAX = 32 * MIB;
const CONTEXTS_MAX = 16;

/** What is served. */
export interface World {
  size: number;
  /** Names of the exports, and whether each is read-only. */
  exports: Map<string, boolean>;
  /** Those of them that may be written to. */
  own: string[];
  contexts: Set<string>;
}

/** A request that is answered once: with which errors, and how much data if with none. */
export interface Answer {
  cookie: bigint;
  type: number;
  errors: number[];
  dataBytes: number;
}

export interface Outcome {
  /** Types of the replies to each option; a `null` stands for any number of contexts. */
  options: { option: number; types: (number | null)[] }[];
  /** Bytes of the answer to EXPORT_NAME; 0: there is none. */
  exportNameBytes: number;
  structured: boolean;
  answers: Answer[];
  /** How the conversation ended: only after `killed` may replies be missing. */
  end: "killed" | "left" | "cut";
  /** Bytes that meant something. */
  used: number;
}

interface Session {
  readOnly: boolean;
  contexts: number;
}

export function interpret(sent: Buffer, world: World): Outcome {
  return new Reference(sent, world).run();
}

class Reference {
  readonly #in: Cursor;
  readonly #world: World;
  readonly #outcome: Outcome = {
    options: [],
    exportNameBytes: 0,
    structured: false,
    answers: [],
    end: "cut",
    used: 0,
  };
  #noZeroes = false;
  #selected = { name: "", contexts: 0 };

  constructor(sent: Buffer, world: World) {
    this.#in = new Cursor(sent);
    this.#world = world;
  }

  run(): Outcome {
    const session = this.#handshake();
    if (typeof session === "string") this.#outcome.end = session;
    else this.#outcome.end = this.#transmission(session);
    this.#outcome.used = this.#in.at;
    return this.#outcome;
  }

  // ---- handshake

  #handshake(): Session | Outcome["end"] {
    const input = this.#in;
    if (!input.has(4)) return "cut";
    const flags = input.u32();
    if (flags > 3) return "killed";
    this.#noZeroes = (flags & 2) !== 0;
    for (;;) {
      if (!input.has(16)) return "cut";
      if (input.take(8).toString("latin1") !== "IHAVEOPT") return "killed";
      const [option, length] = [input.u32(), input.u32()];
      if (length > OPTION_BYTES_MAX) {
        if (option === OPT.exportName) return "killed";
        if (!input.has(length)) return "cut";
        input.take(length);
        this.#reply(option, REP.tooBig);
        continue;
      }
      if (!input.has(length)) return "cut";
      const ended = this.#option(option, new Cursor(input.take(length)));
      if (ended !== null) return ended;
    }
  }

  #reply(option: number, ...types: (number | null)[]): null {
    this.#outcome.options.push({ option, types });
    return null;
  }

  /** Null: the conversation goes on. */
  #option(option: number, data: Cursor): Session | Outcome["end"] | null {
    const { exports } = this.#world;
    switch (option) {
      case OPT.exportName:
        return this.#exportName(data.bytes);
      case OPT.abort:
        this.#reply(option, REP.ack);
        // Who goes on talking to a server that hangs up may lose what it said last.
        return this.#in.left > 0 ? "killed" : "left";
      case OPT.list: {
        if (data.left > 0) return this.#reply(option, REP.invalid);
        return this.#reply(option, ...Array(exports.size).fill(REP.server), REP.ack);
      }
      case OPT.structuredReply:
        if (data.left > 0) return this.#reply(option, REP.invalid);
        this.#outcome.structured = true;
        return this.#reply(option, REP.ack);
      case OPT.info:
      case OPT.go:
        return this.#info(option, data);
      case OPT.listMetaContext:
      case OPT.setMetaContext:
        return this.#contexts(option, data);
      default:
        return this.#reply(option, REP.unsupported);
    }
  }

  #exportName(bytes: Buffer): Session | "killed" {
    const name = bytes.toString();
    if (bytes.length > 4096 || !this.#world.exports.has(name)) return "killed";
    this.#outcome.exportNameBytes = this.#noZeroes ? 10 : 134;
    return this.#session(name);
  }

  #session(name: string): Session {
    const contexts = this.#selected.name === name ? this.#selected.contexts : 0;
    return { readOnly: this.#world.exports.get(name) ?? true, contexts };
  }

  #info(option: number, data: Cursor): Session | null {
    const name = data.text();
    if (name === null || !data.has(2)) return this.#reply(option, REP.invalid);
    const count = data.u16();
    if (data.left !== 2 * count) return this.#reply(option, REP.invalid);
    if (!this.#world.exports.has(name)) return this.#reply(option, REP.unknown);
    const wanted = new Set(Array.from({ length: count }, () => data.u16()));
    const extra = [INFO.name, INFO.description].filter((kind) => wanted.has(kind)).length;
    this.#reply(option, ...Array(2 + extra).fill(REP.info), REP.ack);
    return option === OPT.go ? this.#session(name) : null;
  }

  #contexts(option: number, data: Cursor): null {
    if (option === OPT.setMetaContext) this.#selected.contexts = 0;
    const name = data.text();
    if (name === null || !data.has(4)) return this.#reply(option, REP.invalid);
    const queries = new Set<string>();
    for (let count = data.u32(); count > 0; count--) {
      const query = data.text();
      if (query === null) return this.#reply(option, REP.invalid);
      queries.add(query);
    }
    if (data.left > 0 || !this.#outcome.structured) return this.#reply(option, REP.invalid);
    if (!this.#world.exports.has(name)) return this.#reply(option, REP.unknown);
    if (option === OPT.listMetaContext) return this.#reply(option, null, REP.ack);
    const contexts = [...queries].filter((query) => this.#world.contexts.has(query)).length;
    if (contexts > CONTEXTS_MAX) return this.#reply(option, REP.tooBig);
    this.#selected = { name, contexts };
    return this.#reply(option, ...Array(contexts).fill(REP.metaContext), REP.ack);
  }

  // ---- transmission

  #transmission(session: Session): Outcome["end"] {
    const input = this.#in;
    for (;;) {
      if (!input.has(28)) return "cut";
      if (input.u32() !== 0x25609513) return "killed";
      const [flags, type] = [input.u16(), input.u16()];
      const [cookie, offset, length] = [input.u64(), input.u64(), input.u32()];
      if (type === CMD.disconnect) return "left";
      const errors = this.#errors(session, { flags, type, offset, length });
      const payload = type === CMD.write ? length : 0;
      if (!input.has(payload)) return "cut";
      const dataBytes = type === CMD.read ? length : 0;
      this.#outcome.answers.push({ cookie, type, errors, dataBytes });
      input.take(payload);
    }
  }

  /** Errors that a request may be answered with; 0: none. */
  #errors(
    { readOnly, contexts }: Session,
    request: { flags: number; type: number; offset: bigint; length: number },
  ): number[] {
    const { flags, type, offset, length } = request;
    const more: Partial<Record<number, number>> = {
      [CMD.read]: FLAG.df,
      [CMD.writeZeroes]: FLAG.noHole | FLAG.fastZero,
      [CMD.blockStatus]: FLAG.reqOne,
    };
    if (type > CMD.blockStatus || type === CMD.disconnect) return [ERR.invalid];
    if ((flags & ~(FLAG.fua | (more[type] ?? 0))) !== 0) return [ERR.invalid];
    const writes = type === CMD.write || type === CMD.trim || type === CMD.writeZeroes;
    if (writes && readOnly) return [ERR.perm];
    const hasData = type === CMD.read || type === CMD.write;
    if (hasData && length > PAYLOAD_BYTES_MAX) return [ERR.invalid];
    if (type === CMD.flush) return offset === 0n && length === 0 ? [0] : [ERR.invalid];
    if (offset + BigInt(length) > BigInt(this.#world.size)) {
      return [writes && type !== CMD.trim ? ERR.noSpace : ERR.invalid];
    }
    if (type === CMD.blockStatus && (length === 0 || contexts === 0)) return [ERR.invalid];
    return type === CMD.writeZeroes && flags & FLAG.fastZero ? [0, ERR.notSupported] : [0];
  }
}
