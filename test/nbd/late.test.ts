/**
 * Over a device that answers late, in any order: replies overtake each other, each to its request;
 * what is in flight stays within the budget.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Random } from "../model/prng.ts";
import { CMD, FLAG, MIB, request, writeRequest } from "./messages.ts";
import { RawClient } from "./raw-client.ts";
import { serve, until } from "./served.ts";

const CONNECTION_BYTES_MAX = 32 * MIB;
const SHARED_BYTES_MAX = 64 * MIB;
const OWN_BYTES = 256 * 1024;
const REQUEST_COST = 1024;

/** One connection's part of the disk, and what should be in it. */
class Area {
  readonly client: RawClient;
  readonly #random: Random;
  readonly #start: number;
  readonly #model: Buffer;
  /** Requests in flight, by cookie. */
  readonly #asked = new Map<bigint, { from: number; length: number; expected: Buffer | null }>();
  #order: bigint[] = [];
  overtaken = 0;
  #cookie = 0n;

  constructor(client: RawClient, random: Random, start: number, bytes: number) {
    this.client = client;
    this.#random = random;
    this.#start = start;
    this.#model = Buffer.alloc(bytes);
  }

  /** Sends up to `count` requests of which no two touch the same bytes unless both read. */
  ask(count: number): void {
    const parts: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const length = this.#random.between(1, this.#random.pick([100, 5000, 200_000]));
      const from = this.#random.below(this.#model.length - length);
      const writes = this.#random.chance(0.5);
      const clash = [...this.#asked.values()].some(
        (other) =>
          (writes || other.expected === null) &&
          other.from < from + length &&
          from < other.from + other.length,
      );
      if (!clash) parts.push(this.#request(from, length, writes));
    }
    this.client.send(...parts);
  }

  #request(from: number, length: number, writes: boolean): Buffer {
    const cookie = this.#cookie++;
    const offset = this.#start + from;
    const bytes = this.#model.subarray(from, from + length);
    const expected = writes ? null : Buffer.from(bytes);
    this.#asked.set(cookie, { from, length, expected });
    this.#order.push(cookie);
    if (!writes) return request({ type: CMD.read, cookie, offset, length });
    const kind = this.#random.below(8);
    if (kind === 0) {
      bytes.fill(0);
      const flags = this.#random.pick([0, FLAG.noHole, FLAG.fua]);
      return request({ type: CMD.writeZeroes, flags, cookie, offset, length });
    }
    bytes.set(this.#random.bytes(length));
    return writeRequest(offset, bytes, { cookie, flags: kind === 1 ? FLAG.fua : 0 });
  }

  /** Takes all replies but `left`, and checks them. */
  async answers(left: number): Promise<void> {
    while (this.#asked.size > left) {
      const { error, cookie } = await this.client.simple();
      assert.is(error, 0);
      const asked = this.#asked.get(cookie);
      if (!asked) throw new Error(`a reply that nobody waits for: ${cookie}`);
      this.#asked.delete(cookie);
      if (this.#order[0] !== cookie) this.overtaken++;
      this.#order = this.#order.filter((other) => other !== cookie);
      if (!asked.expected) continue;
      const data = await this.client.take(asked.length);
      assert.ok(data.equals(asked.expected), `what was read at ${asked.from}`);
    }
  }
}

for (const seed of [1, 2, 3]) {
  test(`three connections, random requests in flight, seed ${seed}`, async () => {
    const served = await serve({ lateSeed: seed });
    const random = new Random(seed);
    const areas = await Promise.all(
      [0, 1, 2].map(async (i) => {
        const client = await RawClient.open(served.path, i === 2 ? "origin" : "");
        return new Area(client, random.fork(), i * 3 * MIB + i * 7, 3 * MIB);
      }),
    );
    await Promise.all(
      areas.map(async (area, i) => {
        for (let round = 0; round < 30; round++) {
          area.ask(random.between(1, 40));
          if (i === 0 && round % 10 === 9) await served.volume.snapshot(`s${round}`);
          await area.answers(random.pick([0, 10, 30]));
        }
        await area.answers(0);
      }),
    );
    assert.ok(
      areas.every(({ overtaken }) => overtaken > 0),
      "replies come in any order",
    );
    const { server } = served;
    await until(() => server.live().bytesInFlight === 0, "what was answered is given back");
    await served.close();
  });
}

test("back-pressure: however much is asked, little is in flight", async () => {
  const served = await serve({ lateSeed: 9, size: 256 * MIB });
  const { server, path } = served;
  const clients = await Promise.all(Array.from({ length: 4 }, () => RawClient.open(path)));
  let most = 0;
  const watch = setInterval(() => {
    most = Math.max(most, server.live().bytesInFlight);
  }, 1);
  const length = 8 * MIB;
  const count = 12;
  const payload = Buffer.alloc(length, 3);
  for (const client of clients) {
    for (let i = 0; i < count; i++) {
      client.send(request({ type: CMD.read, cookie: BigInt(i), offset: i * length, length }));
    }
  }
  await until(() => most > 0, "something is in flight");
  await Promise.all(
    clients.map(async (client) => {
      for (let i = 0; i < count; i++) {
        assert.is((await client.simple()).error, 0);
        await client.take(length);
      }
    }),
  );
  for (const client of clients.slice(0, 2)) {
    for (let i = 0; i < count; i++) client.send(writeRequest(i * length, payload));
    for (let i = 0; i < count; i++) assert.is((await client.simple()).error, 0);
  }
  clearInterval(watch);
  const bound = SHARED_BYTES_MAX + clients.length * (OWN_BYTES + REQUEST_COST);
  assert.ok(most <= bound, `${most} bytes in flight, not more than ${bound}`);
  await served.close();
});

test("one connection holds its part and one request more, no more", async () => {
  const served = await serve({ lateSeed: 4, size: 64 * MIB });
  const client = await RawClient.open(served.path);
  const length = MIB;
  const reads = Array.from({ length: 100 }, (_, i) =>
    request({ type: CMD.read, cookie: BigInt(i), offset: (i % 60) * length, length }),
  );
  client.socket.pause();
  client.send(...reads);
  const { server } = served;
  await until(() => server.live().requests >= 20, "all that fits is read");
  for (let i = 0; i < 50; i++) {
    await new Promise((resolve) => setTimeout(resolve, 2));
    const held = server.live().bytesInFlight;
    assert.ok(held <= CONNECTION_BYTES_MAX + length + REQUEST_COST, `${held} bytes`);
  }
  client.socket.resume();
  for (let i = 0; i < reads.length; i++) {
    assert.is((await client.simple()).error, 0);
    await client.take(length);
  }
  await served.close();
});

test.after.each(() => RawClient.closeAll());
test.run();
