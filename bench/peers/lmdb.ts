/**
 * LMDB (npm) as an ordered map of exceptions: 16-byte keys (chunk, view), 8-byte values (place).
 */
import { mkdirSync, rmSync } from "node:fs";
import { open, type RootDatabase } from "lmdb";
import { nowNs } from "../measure.ts";
import { drawn, shuffled } from "../order.ts";
import type { Scratch } from "../scratch.ts";

const VIEW = 1;
/** Inserts in one transaction: few enough that LMDB's list of dirty pages stays short. */
const BATCH = 1_000_000;

export class LmdbPeer {
  readonly #database: RootDatabase<Buffer, Buffer>;
  readonly #folder: string;
  readonly #count: number;
  readonly #key = Buffer.alloc(16);

  private constructor(folder: string, count: number) {
    mkdirSync(folder, { recursive: true });
    this.#folder = folder;
    this.#count = count;
    this.#database = open<Buffer, Buffer>({
      path: folder,
      keyEncoding: "binary",
      encoding: "binary",
      noSync: true,
      mapSize: 4 * 2 ** 30,
    });
  }

  /** The same inserts in the same order as the C twin's. */
  static build(scratch: Scratch, count: number, seed: number): LmdbPeer {
    const peer = new LmdbPeer(scratch.file(`lmdb-${count}`), count);
    const order = shuffled(count, seed);
    const place = Buffer.alloc(8);
    for (let from = 0; from < count; from += BATCH) {
      peer.#database.transactionSync(() => {
        for (let i = from; i < Math.min(from + BATCH, count); i++) {
          place.writeUInt32LE(i + 1, 0);
          peer.#database.putSync(peer.#keyOf(order[i]), place);
        }
      });
    }
    return peer;
  }

  #keyOf(chunk: number): Buffer {
    this.#key.writeUInt32BE(chunk, 4);
    this.#key.writeUInt32BE(VIEW, 12);
    return this.#key;
  }

  /** Nanoseconds a lookup in one read transaction, and the sum of the places found. */
  lookup(queries: number, seed: number): { ns: number; checksum: number } {
    const chunks = drawn(queries, this.#count, seed);
    let checksum = 0;
    const start = nowNs();
    for (let i = 0; i < queries; i++) {
      const place = this.#database.getBinaryFast(this.#keyOf(chunks[i]));
      checksum += place === undefined ? 0 : place.readUInt32LE(0);
    }
    return { ns: (nowNs() - start) / queries, checksum };
  }

  async close(): Promise<void> {
    await this.#database.close();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
