/**
 * A client that does nothing wrong, on an export that nobody else uses: every byte that it reads
 * must be what it wrote.
 */
import * as assert from "uvu/assert";
import { Random } from "../model/prng.ts";
import { CMD, FLAG, MIB, request, writeRequest } from "./messages.ts";
import { RawClient } from "./raw-client.ts";

const REQUEST_BYTES_MAX = 60_000;

export class WellBehaved {
  readonly #path: string;
  readonly #name: string;
  readonly #random: Random;
  /** What has to be on the disk. */
  readonly #disk: Buffer;
  #client: RawClient;
  requests = 0;

  private constructor(path: string, name: string, size: number, seed: number, client: RawClient) {
    this.#path = path;
    this.#name = name;
    this.#random = new Random(seed);
    this.#disk = Buffer.alloc(size);
    this.#client = client;
  }

  /** The export has to be all zeros. */
  static async start(path: string, name: string, size: number, seed = 1): Promise<WellBehaved> {
    return new WellBehaved(path, name, size, seed, await RawClient.open(path, name));
  }

  /** So many requests one after another, all verified. */
  async work(count: number): Promise<void> {
    for (let i = 0; i < count; i++) {
      const length = this.#random.between(1, REQUEST_BYTES_MAX);
      const offset = this.#random.below(this.#disk.length - length);
      const kind = this.#random.below(20);
      if (kind < 9) await this.#read(offset, length);
      else await this.#change(kind, offset, length);
    }
  }

  /** Everything, on a connection that is made for it. */
  async verify(): Promise<void> {
    this.#client.close();
    this.#client = await RawClient.open(this.#path, this.#name);
    for (let at = 0; at < this.#disk.length; at += 4 * MIB) {
      await this.#read(at, Math.min(4 * MIB, this.#disk.length - at));
    }
  }

  close(): void {
    this.#client.close();
  }

  async #read(offset: number, length: number): Promise<void> {
    await this.#ask(request({ type: CMD.read, cookie: this.#cookie(), offset, length }));
    const data = await this.#client.take(length);
    const same = data.equals(this.#disk.subarray(offset, offset + length));
    assert.ok(same, `what the well-behaved client wrote at ${offset} is not there`);
  }

  async #change(kind: number, offset: number, length: number): Promise<void> {
    const part = this.#disk.subarray(offset, offset + length);
    const cookie = this.#cookie();
    const flags = kind % 4 === 0 ? FLAG.fua : 0;
    if (kind === 19) {
      await this.#ask(request({ type: CMD.flush, cookie }));
    } else if (kind === 18) {
      part.fill(0);
      await this.#ask(request({ type: CMD.writeZeroes, cookie, offset, length, flags }));
    } else {
      part.set(this.#random.bytes(length));
      await this.#ask(writeRequest(offset, part, { cookie, flags }));
    }
  }

  #cookie(): bigint {
    return BigInt(++this.requests);
  }

  async #ask(bytes: Buffer): Promise<void> {
    this.#client.send(bytes);
    const { error, cookie } = await this.#client.simple();
    assert.is(error, 0, "a well-behaved client has no errors");
    assert.is(cookie, BigInt(this.requests));
  }
}
