/**
 * Makes snapshots of a stream. They are made in hidden views and get their names at once, when all
 * of the stream is there and has been found good: whatever ends it before leaves every view as it
 * was. What has come until then is kept, hidden, so that it need not be sent again.
 *
 * Memory: one record; and, from the first stream to the end, where received snapshots lie
 * (received.ts).
 */
import { engineModule } from "../engine/module.ts";
import { MultisnapError } from "../errors.ts";
import { endIfAborted, turn } from "../task.ts";
import { isSameIdentity, type SnapshotIdentity } from "../volume/identity/identity.ts";
import { isTakenHere } from "../volume/identity/stages.ts";
import { checkName } from "../volume/timeline.ts";
import type { ProgressOptions, Volume } from "../volume/types.ts";
import type { DiskVolume } from "../volume/volume.ts";
import { Bases } from "./bases.ts";
import { followSnapshot } from "./follow.ts";
import { HalfReceived, isGoneOnWith, type Staged } from "./half-received.ts";
import { decodeSnapshot, decodeStream, type SnapshotHead, type StreamHead } from "./heads.ts";
import * as l from "./layout.ts";
import { begin, diskOf } from "./receiving.ts";
import { RecordReader, type StreamRecord } from "./records.ts";
import { ByteSource, untilAborted } from "./source.ts";

export interface ReceiveOptions extends ProgressOptions {
  /** The stream goes on where another one broke off (`send` with its token). */
  resume?: boolean;
  /** Drops what has come of a stream that breaks off. Without it, it can be gone on with. */
  drop?: boolean;
  /** Name of the last snapshot here, instead of the one that it has there. */
  name?: string;
  /**
   * Bytes of snapshots after which what has come is made durable, so that it need not come again
   * after a crash. The default is 64 MiB.
   */
  keepBytes?: number;
}

export interface Received {
  /** In the order of the stream. */
  snapshots: readonly { name: string; id: number; identity: SnapshotIdentity }[];
  /** The origin has become what the last snapshot is: nobody had written to it. */
  follows: boolean;
}

/** A volume that is served elsewhere, and has streams made into snapshots there. */
interface Receives {
  receive(source: AsyncIterable<Uint8Array>, options?: ReceiveOptions): Promise<Received>;
}

/** See `ReceiveOptions.keepBytes`. */
const KEPT_BYTES = 64 * 2 ** 20;
const TURN_BYTES = 2 ** 20;

/**
 * Makes the snapshots of a stream of `sendStream`: durable when it answers. Progress: bytes of the
 * snapshot at work that are done, of all of it.
 *
 * Errors: `Invalid` (no stream), `Corrupt` (broken off, or not what was sent), `NotFound` (what it
 * follows on is not here), `Exists` (a name is taken), `Unsupported`, `Busy`, `NoSpace`, those of
 * `source`. Views are as they were before; `halfReceived` says whether it can be gone on with.
 */
export async function receiveStream(
  volume: Volume,
  source: AsyncIterable<Uint8Array>,
  options: ReceiveOptions = {},
): Promise<Received> {
  const elsewhere = (volume as Partial<Receives>).receive;
  if (elsewhere) return elsewhere.call(volume, source, options);
  const disk = diskOf(volume);
  disk.core.assertWritable();
  const { kind, capabilities } = disk.core.store;
  if (capabilities.fixed) {
    const why = `a store of kind ${kind} has the snapshot that it has, and receives none`;
    throw new MultisnapError("Unsupported", why);
  }
  const bytes = new ByteSource(untilAborted(source, options.signal));
  const over = begin(volume);
  try {
    const reader = new RecordReader(await engineModule(), bytes);
    return await new Receiver(disk, reader, options).run();
  } finally {
    over();
    await bytes.close();
  }
}

class Receiver {
  readonly #volume: DiskVolume;
  readonly #reader: RecordReader;
  readonly #options: ReceiveOptions;
  readonly #half: HalfReceived;
  readonly #bases: Bases;
  /** Something has been written. */
  #hasBegun = false;
  #sinceKept = 0;
  #sinceTurn = 0;

  constructor(volume: DiskVolume, reader: RecordReader, options: ReceiveOptions) {
    this.#volume = volume;
    this.#reader = reader;
    this.#options = options;
    this.#half = new HalfReceived(volume);
    this.#bases = new Bases(volume);
  }

  async run(): Promise<Received> {
    try {
      return await this.#receive();
    } catch (error) {
      await this.#end().catch(() => {});
      throw error;
    } finally {
      this.#half.release();
    }
  }

  /** Keeps what has come, or drops it. What fails here does not matter: it stays hidden. */
  async #end(): Promise<void> {
    const { failure } = this.#volume.core.store;
    if (failure || this.#volume.core.traffic.closed) return;
    if (!this.#hasBegun) return;
    if (this.#options.drop || !this.#half.current) await this.#half.drop();
    else await this.#half.keep();
  }

  async #receive(): Promise<Received> {
    const first = await this.#reader.next();
    if (first.type !== l.TYPE_STREAM) throw damaged("it does not begin as one");
    const head = decodeStream(first.payload);
    this.#reader.setCompression(head.compression);
    this.#begin(head);
    for (let count = 0; ; count++) {
      const record = await this.#next();
      if (record.type === l.TYPE_END) {
        if (count !== head.count || count === 0) throw damaged("snapshots are missing");
        break;
      }
      if (record.type !== l.TYPE_SNAPSHOT) throw damaged("data of no snapshot");
      await this.#snapshot(head, record, count);
    }
    await this.#reader.end();
    const snapshots = await this.#half.publish();
    return { snapshots, follows: await this.#follow(head.from, snapshots.at(-1)!.name) };
  }

  /** Whether there is something half received must be what the stream says, and the caller. */
  #begin({ isResumed, target }: StreamHead): void {
    const { resume = false } = this.#options;
    if (isResumed !== resume) {
      const found = isResumed ? "goes on where another broke off: receive it with resume" : null;
      const why = found ?? "begins anew: leave resume out, or send with the token";
      throw new MultisnapError("Invalid", `the stream ${why}`);
    }
    if (!isResumed) return;
    const { current, ready } = this.#half;
    if (!current) throw new MultisnapError("NotFound", "nothing is half received here");
    if (!isSameIdentity(current.point.target, target)) {
      throw new MultisnapError("Invalid", "the stream goes on with another one than is half here");
    }
    for (const { id, identity, name } of ready) this.#bases.add(identity, id, name);
  }

  async #snapshot(stream: StreamHead, record: StreamRecord, index: number): Promise<void> {
    const head = decodeSnapshot(record.payload);
    if (record.offset + record.length !== head.size) throw damaged("a snapshot of another size");
    if (!stream.isResumed && index === 0) this.#checkNames(head, stream.count);
    const current =
      stream.isResumed && index === 0
        ? this.#goOn(head, record.offset)
        : await this.#open(stream, head, record.offset);
    current.name = this.#nameOf(head, index === stream.count - 1);
    await this.#fill(current, head);
    this.#bases.add(head.identity, current.view.id, current.name);
  }

  /** Takes the records up to the snapshot's end. */
  async #fill({ view, point }: Staged, { base, size }: SnapshotHead): Promise<void> {
    for (;;) {
      // Most records are here when they are asked for, and written at once.
      const { type, offset, length, payload } = this.#now() ?? (await this.#next());
      if (type === l.TYPE_SNAPSHOT_END) {
        if (!base && point.offset !== size) throw damaged("a part of a snapshot is missing");
        point.offset = size;
        return;
      }
      if (type !== l.TYPE_DATA && type !== l.TYPE_ZEROS) throw damaged("no data");
      const isInOrder = base ? offset >= point.offset : offset === point.offset;
      if (!isInOrder || length === 0 || offset + length > size) throw damaged("data out of order");
      if (type === l.TYPE_ZEROS) await view.writeZeroes(offset, length);
      else {
        const written = view.startWrite(offset, payload);
        if (written) await written;
      }
      point.offset = offset + length;
      if (this.#isLong(length)) await this.#pause(point.offset, size);
    }
  }

  /** What would be refused in the end is refused before anything is written. */
  #checkNames(head: SnapshotHead, count: number): void {
    this.#bases.refuseSame(head);
    const name = this.#nameOf(head, count === 1);
    if (this.#options.name !== undefined) checkName(this.#options.name);
    if (this.#volume.has(name)) throw isTakenHere(name);
  }

  #nameOf({ name }: SnapshotHead, isLast: boolean): string {
    return isLast ? (this.#options.name ?? name) : name;
  }

  /** What is half here. */
  #goOn(head: SnapshotHead, offset: number): Staged {
    const current = this.#half.current!;
    if (isGoneOnWith(current, head, offset)) {
      this.#hasBegun = true;
      return current;
    }
    throw new MultisnapError("Invalid", "the stream does not go on where the other one broke off");
  }

  async #open(stream: StreamHead, head: SnapshotHead, offset: number): Promise<Staged> {
    if (offset !== 0) throw damaged("a snapshot begins in its middle");
    checkName(head.name);
    const base = head.base ? this.#bases.find(head.base, head.baseName) : null;
    // Only now: a stream that is refused takes nothing from what can be gone on with.
    if (!this.#hasBegun) await this.#half.drop();
    this.#hasBegun = true;
    const { target, from } = stream;
    const point = { target, from, current: head.identity, base: head.base, offset };
    const staged = await this.#half.open(point, base?.id ?? null, head);
    // A write to the base may have come between.
    if (head.base) this.#bases.find(head.base, head.baseName);
    return staged;
  }

  #now(): StreamRecord | null {
    endIfAborted(this.#options.signal);
    return this.#reader.now();
  }

  async #next(): Promise<StreamRecord> {
    endIfAborted(this.#options.signal);
    return this.#reader.next();
  }

  #isLong(length: number): boolean {
    this.#sinceKept += length;
    this.#sinceTurn += length;
    return this.#sinceKept >= this.#keptBytes || this.#sinceTurn >= TURN_BYTES;
  }

  get #keptBytes(): number {
    return this.#options.keepBytes ?? KEPT_BYTES;
  }

  async #pause(done: number, size: number): Promise<void> {
    if (this.#sinceKept >= this.#keptBytes) {
      this.#sinceKept = 0;
      await this.#half.keep();
    }
    if (this.#sinceTurn < TURN_BYTES) return;
    this.#sinceTurn = 0;
    this.#options.progress?.(done, size);
    await turn();
  }

  /** `from`: what the first snapshot stands on. */
  async #follow(from: SnapshotIdentity | null, name: string): Promise<boolean> {
    const volume = this.#volume;
    const base = from && this.#bases.known(from);
    if (from && !base) return false;
    return followSnapshot(base ? volume.get(base) : null, volume.get(name));
  }
}

function damaged(what: string): MultisnapError {
  return new MultisnapError("Corrupt", `the stream is damaged: ${what}`);
}
