/**
 * Buffers that are used again: what comes in (intake), what goes out (outbox), what is idle (pool).
 * Random packets against a plain concatenation; bytes that somebody uses are never overwritten.
 */
import { EventEmitter } from "node:events";
import type { Socket } from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Intake, type Slab } from "../../src/nbd/intake.ts";
import { Outbox } from "../../src/nbd/outbox.ts";
import { Pool } from "../../src/nbd/pool.ts";
import { Random } from "../model/prng.ts";

const MIB = 2 ** 20;

/** A pool that knows who has what: nothing is given twice, or taken while it is used. */
class WatchedPool extends Pool {
  readonly out = new Set<Buffer>();

  override take(bytes: number): Buffer {
    const buffer = super.take(bytes);
    assert.ok(buffer.length >= bytes, `${buffer.length} bytes for ${bytes}`);
    assert.not(this.out.has(buffer), "somebody has it");
    this.out.add(buffer);
    return buffer;
  }

  override give(buffer: Buffer): void {
    assert.ok(this.out.delete(buffer), "what is given was taken, once");
    // Whoever still looks at it sees it.
    buffer.fill(0xee);
    super.give(buffer);
  }
}

test("pool: lengths, and a bound on what is idle", () => {
  const random = new Random(1);
  const pool = new WatchedPool();
  const held: Buffer[] = [];
  for (let i = 0; i < 3000; i++) {
    if (held.length < 20 && random.chance(0.6)) {
      const most = random.pick([1, 4096, 4097, 300_000, 4 * MIB]);
      held.push(pool.take(random.between(1, most)));
    } else if (held.length > 0) {
      pool.give(held.splice(random.below(held.length), 1)[0] as Buffer);
    }
  }
  for (const bytes of [1, 4095, 4096, 4097, 65536, 32 * MIB]) {
    const { length } = pool.take(bytes);
    assert.is(Math.log2(length) % 1, 0);
    assert.ok(length < Math.max(4097, 2 * bytes), `${length} for ${bytes}`);
  }
  const own = new Pool();
  const buffers = Array.from({ length: 100 }, () => own.take(MIB));
  for (const buffer of buffers) own.give(buffer);
  const again = new Set(Array.from({ length: 100 }, () => own.take(MIB)));
  const kept = buffers.filter((buffer) => again.has(buffer)).length;
  assert.is(kept, 32, "32 MiB are kept");
});

interface Held {
  slab: Slab;
  bytes: Uint8Array;
  expected: Uint8Array;
}

/** A stream that an intake takes in packets of random lengths, and what is read off it. */
class Reader {
  readonly pool = new WatchedPool();
  readonly intake = new Intake(this.pool);
  readonly #random: Random;
  readonly #stream: Uint8Array;
  readonly #held: Held[] = [];
  /** Of the stream: what has come, and what was read. */
  #came = 0;
  #read = 0;

  constructor(random: Random, stream: Uint8Array) {
    this.#random = random;
    this.#stream = stream;
  }

  get done(): boolean {
    return this.#read === this.#stream.length;
  }

  receive(most: number, offers: boolean): void {
    const left = this.#stream.length - this.#came;
    const count = Math.min(left, this.#random.between(1, most));
    if (offers) {
      this.intake.offer(Buffer.from(this.#stream.subarray(this.#came, this.#came + count)));
      this.#came += count;
      return;
    }
    const room = this.intake.room();
    assert.ok(room.length > 0, "there is always room");
    const part = this.#stream.subarray(this.#came, this.#came + Math.min(count, room.length));
    room.set(part);
    this.intake.received(part.length);
    this.#came += part.length;
  }

  /** Reads a short piece in place, or a long one into a buffer of its own. */
  read(): void {
    const { intake } = this;
    const length = this.#random.between(1, this.#random.pick([28, 5000, 200_000, MIB]));
    if (length <= intake.available) this.#inPlace(length);
    else if (this.#random.chance(0.3)) this.#expect(length);
  }

  #inPlace(length: number): void {
    const { slab, start } = this.intake;
    const bytes = slab.bytes.subarray(start, start + length);
    this.intake.start += length;
    this.#matches(bytes);
    if (this.#random.chance(0.5)) return;
    slab.users++;
    this.#held.push({ slab, bytes, expected: Uint8Array.from(bytes) });
  }

  #expect(wanted: number): void {
    const length = Math.min(wanted, this.#stream.length - this.#read);
    if (length === 0) return;
    this.intake.expect(length);
    let payload = this.intake.takePayload();
    while (!payload) {
      this.receive(100_000, false);
      payload = this.intake.takePayload();
    }
    this.#matches(payload.subarray(0, length));
    this.pool.give(payload);
  }

  #matches(bytes: Uint8Array): void {
    const expected = this.#stream.subarray(this.#read, this.#read + bytes.length);
    assert.is(Buffer.compare(bytes, expected), 0, `bytes from ${this.#read} on`);
    this.#read += bytes.length;
  }

  /** Some that used bytes in place are done: what they used is as it was. */
  release(left: number): void {
    while (this.#held.length > left) {
      const at = this.#random.below(this.#held.length);
      const [{ slab, bytes, expected }] = this.#held.splice(at, 1) as [Held];
      assert.is(Buffer.compare(bytes, expected), 0, "bytes in use were overwritten");
      slab.release();
    }
  }
}

for (let seed = 1; seed <= 20; seed++) {
  test(`intake: random packets, seed ${seed}`, () => {
    const random = new Random(seed);
    const parts = Array.from({ length: 6 }, () => random.bytes(random.between(1, MIB)));
    const reader = new Reader(random, Buffer.concat(parts));
    const most = random.pick([100, 5000, 100_000, 400_000]);
    const offers = seed % 4 === 0;
    while (!reader.done) {
      if (random.chance(0.5)) reader.receive(most, offers && random.chance(0.5));
      else reader.read();
      if (random.chance(0.2)) reader.release(random.below(30));
    }
    reader.release(0);
    assert.ok(reader.pool.out.size <= 1, "at rest, the slab that is received into is held");
  });
}

/** A socket that takes bytes when it likes; what it is given must not change until then. */
class SlowSocket extends EventEmitter {
  readonly #queue: { bytes: Uint8Array; copy: Buffer; done: () => void }[] = [];
  readonly taken: Buffer[] = [];

  get waiting(): number {
    return this.#queue.length;
  }

  cork(): void {}
  uncork(): void {}

  write(bytes: Uint8Array, done: () => void): boolean {
    this.#queue.push({ bytes, copy: Buffer.from(bytes), done });
    return false;
  }

  takeOne(): void {
    const next = this.#queue.shift();
    if (!next) return;
    assert.ok(next.copy.equals(next.bytes), "bytes in flight were overwritten");
    this.taken.push(next.copy);
    next.done();
  }
}

for (let seed = 1; seed <= 20; seed++) {
  test(`outbox: random replies, seed ${seed}`, () => {
    const random = new Random(seed);
    const pool = new WatchedPool();
    const socket = new SlowSocket();
    let [asked, given] = [0, 0];
    const outbox = new Outbox(socket as unknown as Socket, pool, (cost) => {
      given += cost;
    });
    const expected: Uint8Array[] = [];
    for (let i = 0; i < 2000; i++) {
      const action = random.below(10);
      if (action < 6) {
        const bytes = random.bytes(random.between(1, random.pick([16, 20, 5000, 65_564])));
        const at = outbox.room(bytes.length);
        outbox.buffer.set(bytes, at);
        if (random.chance(0.05)) {
          // A read that takes longer: it goes out later, with the buffer that it has.
          const own = outbox.detach();
          assert.is(Buffer.compare(own.subarray(at, at + bytes.length), bytes), 0);
          pool.give(own);
          continue;
        }
        outbox.add(bytes.length, i);
        asked += i;
        expected.push(bytes);
      } else if (action === 6) {
        const data = pool.take(random.between(1, 300_000));
        data.set(random.bytes(data.length));
        expected.push(Uint8Array.from(data));
        outbox.sendWith(data, i, () => pool.give(data));
        asked += i;
      } else if (action === 7) {
        outbox.send();
      } else {
        socket.takeOne();
      }
      assert.ok(given <= asked);
    }
    outbox.send();
    while (socket.waiting > 0) {
      assert.ok(outbox.blocked);
      socket.takeOne();
    }
    assert.ok(outbox.empty);
    assert.is(given, asked, "each cost is given back once");
    assert.ok(Buffer.concat(socket.taken).equals(Buffer.concat(expected)), "in order, unchanged");
    outbox.close();
    assert.is(pool.out.size, 0, "all buffers are back");
  });
}

test.run();
