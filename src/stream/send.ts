/**
 * Snapshots as a stream of bytes: whole, or what changed since another one; one, or a chain. A walk
 * of the tree says what there is to send: holes are records, not bytes.
 *
 * Memory: a part, whose records are made where they are read to, and what compression takes.
 */
import { engineModule } from "../engine/module.ts";
import { MultisnapError } from "../errors.ts";
import { endIfAborted, runNow, type Task, turn } from "../task.ts";
import { diffInBatches } from "../volume/compare/diff.ts";
import { isUnchanged } from "../volume/identity/identity.ts";
import type { ByteRange, ProgressOptions, View, Volume } from "../volume/types.ts";
import { DiskView } from "../volume/view.ts";
import { type Chain, type Link, named, newChain, restOf } from "./chain.ts";
import { type Compression, codecOf } from "./compression.ts";
import { encodeSnapshot, encodeStream } from "./heads.ts";
import * as l from "./layout.ts";
import { RecordWriter } from "./records.ts";
import { parseToken } from "./token.ts";
import { isZero, runEnd } from "./zero-runs.ts";

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
    yield* sender.chain(chain);
  } finally {
    for (const hold of holds) hold.release();
  }
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
    this.#record(l.TYPE_STREAM, 0, 0, encodeStream(head));
    this.#total = links.reduce((sum, { view }) => sum + view.size, 0);
    let begin = offset;
    for (const link of links) {
      const { size } = link.view;
      yield* this.#snapshot(link, Math.min(begin, size));
      this.#done += size;
      begin = 0;
    }
    this.#writer.ending(l.TYPE_END, 0);
    this.#writer.end();
    yield* this.#full();
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
    this.#record(l.TYPE_SNAPSHOT, begin, size - begin, payload);
    const within = { offset: begin, length: size - begin };
    if (within.length > 0) {
      for await (const ranges of base ? this.#changed(base.view, view, within) : [[within]]) {
        for (const { offset, length } of ranges) {
          // What only a longer base has is no part of it.
          const end = Math.min(size, offset + length);
          if (end - offset > SMALL) yield* this.#extents(view, offset, end - offset);
          else if (end > offset) {
            const later = runNow(this.#data(view, offset, end));
            if (later) await later;
            const part = this.#writer.take();
            if (part) yield part;
          }
        }
      }
    }
    this.#lastZeros();
    await this.#mustBe(view, identity);
    if (base) await this.#mustBe(base.view, base.identity);
    this.#writer.ending(l.TYPE_SNAPSHOT_END, size);
    yield* this.#full();
  }

  #changed(base: View, view: View, within: ByteRange): AsyncIterable<ByteRange[]> {
    const { signal } = this.#options;
    const isHere = base instanceof DiskView && view instanceof DiskView;
    if (isHere) return diffInBatches(base, view, within, { signal });
    return batched(this.#volume.diff(base, view, { ...within, signal }));
  }

  *#full(): Generator<Uint8Array> {
    for (let part = this.#writer.take(); part; part = this.#writer.take()) yield part;
  }

  /** What was sent is of one instant. */
  async #mustBe(view: View, identity: Link["identity"]): Promise<void> {
    if (view.readOnly || isUnchanged(await this.#volume.identity(view), identity)) return;
    const why = "was written while it was sent; send it again, or a read-only snapshot of it";
    throw new MultisnapError("Busy", `${named(view)} ${why}`);
  }

  async *#extents(view: View, offset: number, length: number): AsyncGenerator<Uint8Array> {
    for await (const extent of view.extents(offset, length)) {
      const end = extent.offset + extent.length;
      if (!extent.data) this.#zero(extent.offset, extent.length);
      for (let at = extent.offset; extent.data && at < end; at = recordEnd(at, end)) {
        await runNow(this.#data(view, at, recordEnd(at, end)));
        yield* this.#full();
      }
      if (this.#isLong(0)) await this.#breathe(end);
    }
  }

  /** Reads where the record will be. */
  *#data(view: View, offset: number, end: number): Task<void> {
    for (let at = offset, next = at; at < end; at = next) {
      next = recordEnd(at, end);
      const bytes = this.#writer.room(next - at, this.#zeros ? 1 : 0);
      const read = view.startRead(at, bytes);
      if (read) yield read;
      for (let start = 0, stop = 0; start < bytes.length; start = stop) {
        const zero = isZero(bytes, start);
        stop = runEnd(bytes, start, zero);
        if (zero) this.#zero(at + start, stop - start);
        else {
          // It moves towards the beginning, if at all: zeros are longer than two records of none.
          this.#lastZeros();
          const isAll = stop - start === bytes.length;
          const data = isAll ? bytes : bytes.subarray(start, stop);
          const written = this.#writer.data(at + start, data);
          if (written) yield written;
        }
      }
      if (this.#isLong(next - at)) yield this.#breathe(next);
    }
  }

  #zero(offset: number, length: number): void {
    const zeros = this.#zeros;
    if (zeros && zeros.offset + zeros.length === offset) {
      zeros.length += length;
      return;
    }
    this.#lastZeros();
    this.#zeros = { offset, length };
  }

  #lastZeros(): void {
    const zeros = this.#zeros;
    this.#zeros = null;
    if (zeros) this.#record(l.TYPE_ZEROS, zeros.offset, zeros.length, NOTHING);
  }

  /** A turn for every few kilobytes would take longer than they do. */
  #isLong(length: number): boolean {
    this.#since += Math.max(length, TURN_BYTES / TURN_PIECES);
    return this.#since >= TURN_BYTES;
  }

  /** Lets others in. */
  async #breathe(at: number): Promise<void> {
    this.#since = 0;
    this.#options.progress?.(this.#done + at, this.#total);
    await turn();
    endIfAborted(this.#options.signal);
  }

  #record(type: number, offset: number, length: number, payload: Uint8Array): void {
    this.#writer.record({ type, offset, length, payload });
  }
}

async function* batched<T>(items: AsyncIterable<T>): AsyncGenerator<T[]> {
  for await (const item of items) yield [item];
}

/** Of a record that begins at `at`: records of data do not go over a multiple of `DATA_MAX`. */
function recordEnd(at: number, end: number): number {
  return Math.min(end, at - (at % l.DATA_MAX) + l.DATA_MAX);
}
