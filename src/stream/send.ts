/**
 * Snapshots as a stream of bytes: whole, or what changed since another one; one, or a chain. A walk
 * of the tree says what there is to send: holes are records, not bytes.
 *
 * Memory: a piece of `DATA_MAX` bytes, its record, and what compression takes.
 */
import { engineModule } from "../engine/module.ts";
import { MultisnapError } from "../errors.ts";
import { endIfAborted, turn } from "../task.ts";
import { isUnchanged } from "../volume/identity/identity.ts";
import type { ByteRange, ProgressOptions, View, Volume } from "../volume/types.ts";
import { type Chain, type Link, named, newChain, restOf } from "./chain.ts";
import { type Compression, codecOf } from "./compression.ts";
import { encodeSnapshot, encodeStream } from "./heads.ts";
import * as l from "./layout.ts";
import { RecordWriter } from "./records.ts";
import { parseToken } from "./token.ts";
import { zeroRuns } from "./zero-runs.ts";

export interface SendOptions extends ProgressOptions {
  /** What the receiver has already: only what changed since is sent. */
  from?: View | string;
  /** Every snapshot after `from` (without it: from the oldest on), not only the last one. */
  all?: boolean;
  /** The default is none. `zstd` is not on every platform, `gzip` is. */
  compress?: Compression;
  /** What a receive that broke off has answered: goes on there. Instead of everything else. */
  resume?: string;
}

/** Ranges so small are read whole: to ask for their holes would take as long. */
const SMALL = 2 ** 16;
/** Bytes of a part, the last one excepted. */
const PART_BYTES = 2 ** 18;
/** Bytes, and pieces, before others are let in. */
const TURN_BYTES = 2 ** 20;
const TURN_PIECES = 64;
const NOTHING = new Uint8Array(0);

/**
 * The stream of a snapshot, for `receiveStream`: STREAM.md. Parts are the caller's. Progress: bytes
 * of the snapshots that are done, of all of them. `snapshot`: null with `resume`.
 *
 * Errors: `Invalid` (a base that is none), `NotFound`, `Busy` (a snapshot was written meanwhile),
 * those of reading.
 */
export async function* sendStream(
  volume: Volume,
  snapshot: View | string | null,
  options: SendOptions = {},
): AsyncGenerator<Uint8Array> {
  const codec = codecOf(options.compress ?? "none");
  const chain = await chainOf(volume, snapshot, options);
  const sender = new Sender(volume, new RecordWriter(await engineModule(), codec), options);
  const views = new Set(
    chain.links.flatMap(({ view, base }) => [view, ...(base ? [base.view] : [])]),
  );
  const holds = [...views].map((view) => view.hold());
  try {
    yield* inParts(sender.chain(chain));
  } finally {
    for (const hold of holds) hold.release();
  }
}

/** Records of a few bytes go together. */
async function* inParts(records: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  let waiting: Uint8Array[] = [];
  let bytes = 0;
  for await (const record of records) {
    waiting.push(record);
    bytes += record.length;
    if (bytes < PART_BYTES) continue;
    yield joined(waiting, bytes);
    waiting = [];
    bytes = 0;
  }
  if (bytes > 0) yield joined(waiting, bytes);
}

function joined(parts: readonly Uint8Array[], bytes: number): Uint8Array {
  if (parts.length === 1) return parts[0]!;
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

async function chainOf(
  volume: Volume,
  snapshot: View | string | null,
  { resume, from, all = false }: SendOptions,
): Promise<Chain> {
  if (resume !== undefined) {
    if (snapshot === null && from === undefined && !all) return restOf(volume, parseToken(resume));
    throw new MultisnapError("Invalid", "a token says all of it: give neither snapshot nor from");
  }
  const view = typeof snapshot === "string" ? volume.get(snapshot) : snapshot;
  const base = typeof from === "string" ? volume.get(from) : (from ?? null);
  if (!view || view.name === null || base?.name === null) {
    throw new MultisnapError("Invalid", "only snapshots are sent: take one of the origin");
  }
  return newChain(volume, view, base, all);
}

class Sender {
  readonly #volume: Volume;
  readonly #writer: RecordWriter;
  readonly #options: SendOptions;
  readonly #buffer = new Uint8Array(l.DATA_MAX);
  /** Zeros that the next record may make longer. */
  #zeros: ByteRange | null = null;
  /** Bytes since others were let in. */
  #since = 0;
  #done = 0;
  #total = 0;

  constructor(volume: Volume, writer: RecordWriter, options: SendOptions) {
    this.#volume = volume;
    this.#writer = writer;
    this.#options = options;
  }

  async *chain({ links, from, target, offset }: Chain): AsyncGenerator<Uint8Array> {
    const { compression } = this.#writer;
    const isResumed = this.#options.resume !== undefined;
    const head = { compression, target, from, count: links.length, isResumed };
    yield this.#record(l.TYPE_STREAM, 0, 0, encodeStream(head));
    this.#total = links.reduce((sum, { view }) => sum + view.size, 0);
    let begin = offset;
    for (const link of links) {
      const { size } = link.view;
      yield* this.#snapshot(link, Math.min(begin, size));
      this.#done += size;
      begin = 0;
    }
    yield this.#writer.ending(l.TYPE_END, 0);
    this.#options.progress?.(this.#total, this.#total);
  }

  async *#snapshot({ view, identity, base }: Link, begin: number): AsyncGenerator<Uint8Array> {
    const { size, created } = view;
    const payload = encodeSnapshot({
      identity,
      base: base?.identity ?? null,
      size,
      created,
      chunk: this.#volume.chunk,
      name: view.name!,
      baseName: base?.view.name ?? "",
    });
    yield this.#record(l.TYPE_SNAPSHOT, begin, size - begin, payload);
    const within = { offset: begin, length: size - begin };
    if (within.length > 0) {
      const { signal } = this.#options;
      const ranges = base ? this.#volume.diff(base.view, view, { ...within, signal }) : [within];
      for await (const { offset, length } of ranges) {
        // What only a longer base has is no part of it.
        const end = Math.min(size, offset + length);
        if (end > offset) yield* this.#range(view, offset, end - offset);
      }
    }
    yield* this.#lastZeros();
    await this.#mustBe(view, identity);
    if (base) await this.#mustBe(base.view, base.identity);
    yield this.#writer.ending(l.TYPE_SNAPSHOT_END, size);
  }

  /** What was sent is of one instant. */
  async #mustBe(view: View, identity: Link["identity"]): Promise<void> {
    if (view.readOnly || isUnchanged(await this.#volume.identity(view), identity)) return;
    const why = "was written while it was sent; send it again, or a read-only snapshot of it";
    throw new MultisnapError("Busy", `${named(view)} ${why}`);
  }

  async *#range(view: View, offset: number, length: number): AsyncGenerator<Uint8Array> {
    if (length <= SMALL) return yield* this.#data(view, offset, length);
    for await (const extent of view.extents(offset, length)) {
      if (extent.data) yield* this.#data(view, extent.offset, extent.length);
      else yield* this.#zero(extent.offset, extent.length);
      await this.#breathe(extent.offset + extent.length, 0);
    }
  }

  async *#data(view: View, offset: number, length: number): AsyncGenerator<Uint8Array> {
    const end = offset + length;
    for (let at = offset; at < end; ) {
      const next = Math.min(end, at - (at % l.DATA_MAX) + l.DATA_MAX);
      const bytes = this.#buffer.subarray(0, next - at);
      await view.read(at, bytes);
      for (const run of zeroRuns(bytes)) {
        const from = at + run.start;
        if (run.isZero) yield* this.#zero(from, run.end - run.start);
        else {
          yield* this.#lastZeros();
          yield await this.#writer.data(from, bytes.subarray(run.start, run.end));
        }
      }
      await this.#breathe(next, next - at);
      at = next;
    }
  }

  async *#zero(offset: number, length: number): AsyncGenerator<Uint8Array> {
    const zeros = this.#zeros;
    if (zeros && zeros.offset + zeros.length === offset) {
      zeros.length += length;
      return;
    }
    yield* this.#lastZeros();
    this.#zeros = { offset, length };
  }

  async *#lastZeros(): AsyncGenerator<Uint8Array> {
    const zeros = this.#zeros;
    this.#zeros = null;
    if (zeros) yield this.#record(l.TYPE_ZEROS, zeros.offset, zeros.length, NOTHING);
  }

  /** Lets others in now and then: a turn for every few kilobytes would take longer than they do. */
  async #breathe(at: number, length: number): Promise<void> {
    this.#since += Math.max(length, TURN_BYTES / TURN_PIECES);
    if (this.#since < TURN_BYTES) return;
    this.#since = 0;
    this.#options.progress?.(this.#done + at, this.#total);
    await turn();
    endIfAborted(this.#options.signal);
  }

  #record(type: number, offset: number, length: number, payload: Uint8Array): Uint8Array {
    return this.#writer.record({ type, offset, length, payload });
  }
}
