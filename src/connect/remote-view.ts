/** A view of a served volume. Large transfers go in pieces, some of them on their way at a time. */
import { MultisnapError } from "../errors.ts";
import { checkBuffer, checkInside } from "../volume/requests/bounds.ts";
import type { Extent, Hold, SnapshotOptions, View } from "../volume/types.ts";
import { PAYLOAD_BYTES_MAX } from "./limits.ts";
import type { Head } from "./message.ts";
import type { RemoteVolume } from "./remote-volume.ts";
import { OP_READ, OP_TRIM, OP_WRITE, OP_ZERO } from "./ring/layout.ts";

/** Bytes that are written at once or not at all, as a disk does. */
const SECTOR = 512;
/** Pieces of one transfer that are on their way at a time. */
const PIECES = 4;

/** What the server says of a view. */
export interface ViewRow {
  id: number;
  name: string | null;
  parent: number | null;
  created: number;
  size: number;
  readOnly: boolean;
  note: string | null;
  tags: readonly string[];
  holds: readonly string[];
}

export class RemoteView implements View {
  readonly volume: RemoteVolume;
  readonly id: number;
  readonly parent: number | null;
  readonly created: number;
  size: number;
  readOnly: boolean;
  note: string | null;
  tags: readonly string[];
  holds: readonly string[];
  /** As of the last answer that said something of it. */
  known: string | null;

  constructor(volume: RemoteVolume, row: ViewRow) {
    this.volume = volume;
    this.id = row.id;
    this.known = row.name;
    this.parent = row.parent;
    this.created = row.created;
    this.size = row.size;
    this.readOnly = row.readOnly;
    this.note = row.note;
    this.tags = row.tags;
    this.holds = row.holds;
  }

  /** What the server says of it now. */
  update({ size, readOnly, note, tags, holds }: ViewRow): void {
    Object.assign(this, { size, readOnly, note, tags, holds });
  }

  get name(): string | null {
    if (this.known !== null && !this.volume.knows(this)) {
      throw new MultisnapError("NotFound", "the snapshot has been deleted");
    }
    return this.known;
  }

  /** How a request names it. */
  get reference(): Head {
    return { id: this.id, name: this.known };
  }

  async read(offset: number, target: Uint8Array): Promise<void> {
    await this.startRead(offset, target);
  }

  startRead(offset: number, target: Uint8Array): Promise<void> {
    checkBuffer(target);
    this.#checkRange(offset, target.length);
    if (target.length <= PAYLOAD_BYTES_MAX) return this.#readPiece(offset, target);
    return this.#pieces(offset, target.length, (start, end) =>
      this.#readPiece(offset + start, target.subarray(start, end)),
    );
  }

  #readPiece(offset: number, target: Uint8Array): Promise<void> {
    const { rings } = this.volume;
    if (rings) return rings.request(OP_READ, this.id, offset, target.length, target);
    return this.#readMessage(offset, target);
  }

  async #readMessage(offset: number, target: Uint8Array): Promise<void> {
    const { length } = target;
    const head = { view: this.reference, offset, length };
    const { payload } = await this.volume.request("read", head, { answerBytes: length });
    if (payload.length !== length) {
      const found = `${payload.length} bytes were answered, not ${length}`;
      throw new MultisnapError("Io", `reading through the server: ${found}`);
    }
    target.set(payload);
  }

  /**
   * In pieces, where it is more than one: a snapshot that is taken meanwhile may have some of them.
   */
  async write(offset: number, source: Uint8Array): Promise<void> {
    await this.startWrite(offset, source);
  }

  startWrite(offset: number, source: Uint8Array): Promise<void> {
    checkBuffer(source);
    this.#checkRange(offset, source.length);
    if (source.length <= PAYLOAD_BYTES_MAX) return this.#writePiece(offset, source);
    return this.#pieces(offset, source.length, (start, end) =>
      this.#writePiece(offset + start, source.subarray(start, end)),
    );
  }

  #writePiece(offset: number, source: Uint8Array): Promise<void> {
    const { volume } = this;
    if (volume.rings) return volume.submit(OP_WRITE, this.id, offset, source.length, source);
    const head = { view: this.reference, offset };
    return volume.change("write", head, { payload: source }) as Promise<unknown> as Promise<void>;
  }

  async trim(offset: number, length: number): Promise<void> {
    this.#checkRange(offset, length);
    const { volume } = this;
    if (volume.rings) await volume.submit(OP_TRIM, this.id, offset, length);
    else await volume.change("trim", { view: this.reference, offset, length });
  }

  async writeZeroes(offset: number, length: number): Promise<void> {
    this.#checkRange(offset, length);
    const { volume } = this;
    if (volume.rings) await volume.submit(OP_ZERO, this.id, offset, length);
    else await volume.change("zero", { view: this.reference, offset, length });
  }

  async cloneFrom(source: View, offset: number, length: number): Promise<void> {
    const from = this.volume.own(source).reference;
    await this.volume.change("clone", { view: this.reference, from, offset, length });
  }

  extents(offset: number, length: number): AsyncGenerator<Extent> {
    this.#checkRange(offset, length);
    return this.#extents(offset, length);
  }

  async *#extents(offset: number, length: number): AsyncGenerator<Extent> {
    const head = { view: this.reference };
    for await (const row of this.volume.pages("extents", head, { offset, length })) {
      yield { offset: row[0] as number, length: row[1] as number, data: row[2] === true };
    }
  }

  hold(): Hold {
    // A snapshot that has been deleted has no name.
    void this.name;
    return this.volume.hold(this);
  }

  flush(): Promise<void> {
    return this.volume.flush();
  }

  snapshot(name: string, options: SnapshotOptions = {}): Promise<View> {
    return this.volume.snapshot(name, { ...options, of: this });
  }

  readSync(offset: number, target: Uint8Array): void {
    checkBuffer(target);
    this.#checkRange(offset, target.length);
    this.#sync("readSync", OP_READ, offset, target);
  }

  /** In pieces, as `write`. */
  writeSync(offset: number, source: Uint8Array): void {
    checkBuffer(source);
    this.#checkRange(offset, source.length);
    this.#sync("writeSync", OP_WRITE, offset, source);
  }

  #sync(what: string, op: number, offset: number, bytes: Uint8Array): void {
    const { volume } = this;
    const { rings } = volume;
    if (!rings || !volume.sleeps) throw unsupported(what, "another thread or process has it open");
    if (!volume.waitsForNothing) throw unsupported(what, "a device of this volume answers later");
    let start = 0;
    do {
      const end = pieceEnd(offset, start, bytes.length);
      rings.requestSync(op, this.id, offset + start, bytes.subarray(start, end));
      start = end;
    } while (start < bytes.length);
  }

  /** Ends when all have ended; after a failure no further one begins. */
  async #pieces(
    offset: number,
    total: number,
    transfer: (start: number, end: number) => Promise<void>,
  ): Promise<void> {
    let next = 0;
    const lane = async () => {
      do {
        const start = next;
        next = pieceEnd(offset, start, total);
        await transfer(start, next);
      } while (next < total);
    };
    const lanes = Math.min(PIECES, Math.max(1, Math.ceil(total / PAYLOAD_BYTES_MAX)));
    const ends = await Promise.allSettled(
      Array.from({ length: lanes }, () =>
        lane().catch((error) => {
          next = total;
          throw error;
        }),
      ),
    );
    for (const end of ends) if (end.status === "rejected") throw end.reason;
  }

  /** As the volume does: a range that is none is not worth a way to the server and back. */
  #checkRange(offset: number, length: number): void {
    checkInside(offset, length, this.size);
  }
}

/**
 * Where the piece from `start` of a request for `total` bytes at `offset` ends: with a sector,
 * so that a snapshot between two pieces has no half of one.
 */
function pieceEnd(offset: number, start: number, total: number): number {
  const most = PAYLOAD_BYTES_MAX - ((offset + start) % SECTOR);
  return Math.min(total, start + most);
}

function unsupported(what: string, why: string): MultisnapError {
  return new MultisnapError("Unsupported", `${what}: ${why}; use the asynchronous call`);
}
