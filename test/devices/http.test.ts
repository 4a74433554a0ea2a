/**
 * The device over HTTP against a real server that is as bad as servers are. `SEED=7 npx tsx
 * test/devices/http.test.ts` runs one random history.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type HttpDeviceOptions, httpDevice } from "../../src/devices/http.ts";
import { seededEnv } from "../../src/env.ts";
import { MultisnapError } from "../../src/errors.ts";
import { Random } from "../model/prng.ts";
import { fails, pattern, readOnlyConformance } from "./conformance.ts";
import { type Fault, ImageServer, passing } from "./http-server.ts";

const BLOCK = 65536;
const MIB = 2 ** 20;
const quick: HttpDeviceOptions = { pause: 1, env: seededEnv(1) };

for (const size of [100_000, BLOCK, 3 * BLOCK, 1, 512]) {
  const content = pattern(size, 9);
  readOnlyConformance(`over HTTP, ${size} bytes`, content, async () => {
    const server = await new ImageServer(content).listen();
    return { device: await httpDevice(server.url), size, remove: () => server.close() };
  });
}

async function withServer(
  image: Uint8Array,
  body: (server: ImageServer) => Promise<void>,
): Promise<void> {
  const server = await new ImageServer(image).listen();
  try {
    await body(server);
  } finally {
    await server.close();
  }
}

/** What `call` fails with. */
async function failure(call: () => unknown): Promise<MultisnapError> {
  try {
    await call();
  } catch (error) {
    assert.instance(error, MultisnapError, String(error));
    return error as MultisnapError;
  }
  throw new Error("did not fail");
}

async function bytesOf(device: { read: Reader }, offset: number, length: number) {
  const bytes = new Uint8Array(length).fill(0xee);
  await device.read(bytes, 0, length, offset);
  return bytes;
}
type Reader = (target: Uint8Array, start: number, length: number, offset: number) => unknown;

const same = (a: Uint8Array, b: Uint8Array) => Buffer.compare(a, b) === 0;

test("every request after the first is for the version of the first", async () => {
  await withServer(pattern(MIB, 1), async (server) => {
    const device = await httpDevice(server.url, { headers: { authorization: "Bearer x" } });
    await bytesOf(device, 500_000, 100);
    const [first, second] = server.asked;
    assert.is(first?.headers["if-match"], undefined);
    assert.is(second?.headers["if-match"], '"v1"');
    // Some platforms say it once more.
    assert.match(second?.headers["accept-encoding"] as string, /^identity/);
    assert.is(second?.headers.authorization, "Bearer x");
    assert.is(device.pinned, `${server.url}#etag=%22v1%22`);
    device.close();
  });
});

test("an image that changes is Corrupt, whoever notices", async () => {
  for (const minds of [true, false]) {
    await withServer(pattern(MIB, 1), async (server) => {
      server.minds = minds;
      const device = await httpDevice(server.url, quick);
      server.etag = '"v2"';
      const error = await failure(() => bytesOf(device, 500_000, 100));
      assert.is(error.code, "Corrupt");
      assert.match(error.message, /has changed since/);
      assert.is(error.retryable, false);
      assert.is(server.asked.length, 2, "and is not asked again");
      // What came before is still what it was, and the old version may come back.
      assert.ok(same(await bytesOf(device, 10, 100), pattern(MIB, 1).subarray(10, 110)));
      server.etag = '"v1"';
      await bytesOf(device, 500_000, 100);
      device.close();
    });
  }
});

test("an image that gets longer or shorter is Corrupt without a version, too", async () => {
  for (const size of [2 * MIB, 200_000]) {
    await withServer(pattern(MIB, 1), async (server) => {
      const device = await httpDevice(server.url, { ...quick, pin: false });
      server.image = pattern(size, 1);
      for (const offset of [100_000, 900_000]) {
        assert.is((await failure(() => bytesOf(device, offset, 100))).code, "Corrupt");
      }
      device.close();
    });
  }
});

test("a URL with a version is that version or Corrupt", async () => {
  await withServer(pattern(MIB, 1), async (server) => {
    const { pinned } = await httpDevice(server.url);
    assert.is((await httpDevice(pinned)).pinned, pinned);
    for (const minds of [true, false]) {
      server.minds = minds;
      server.etag = '"v2"';
      assert.is((await failure(() => httpDevice(pinned, quick))).code, "Corrupt");
      server.etag = '"v1"';
    }
    await fails("Invalid", () => httpDevice(pinned, { pin: "last-modified" }));
  });
});

test("without a strong ETag it is refused, unless the caller knows better", async () => {
  await withServer(pattern(MIB, 1), async (server) => {
    for (const etag of [null, 'W/"v1"']) {
      server.etag = etag;
      server.modified = null;
      await fails("Unsupported", () => httpDevice(server.url));
      await fails("Unsupported", () => httpDevice(server.url, { pin: "last-modified" }));
      (await httpDevice(server.url, { pin: false })).close();
      server.modified = "Tue, 24 Mar 2009 00:00:00 GMT";
      const dated = await httpDevice(server.url, { pin: "last-modified" });
      await bytesOf(dated, 500_000, 100);
      assert.is(server.asked.at(-1)?.headers["if-unmodified-since"], server.modified);
      server.modified = "Wed, 25 Mar 2009 00:00:00 GMT";
      assert.is((await failure(() => bytesOf(dated, 900_000, 100))).code, "Corrupt");
      assert.is((await failure(() => httpDevice(dated.pinned))).code, "Corrupt");
    }
  });
});

test("each fault that passes costs a request, never a byte", async () => {
  const image = pattern(8 * BLOCK, 2);
  const faults: Fault[] = ["short", "fewer", "reset", "busy", "broken", "wrong range", "whole"];
  for (const fault of [...faults, "more", "slow"] as const) {
    await withServer(image, async (server) => {
      const device = await httpDevice(server.url, { ...quick, readAhead: 0 });
      let left = 2;
      server.fault = () => (left-- > 0 ? fault : null);
      const found = await bytesOf(device, BLOCK + 10, 6 * BLOCK);
      assert.ok(same(found, image.subarray(BLOCK + 10, 7 * BLOCK + 10)), fault);
      assert.is(server.asked.length, fault === "slow" ? 2 : 4, fault);
      device.close();
    });
  }
});

test("a fault that stays is Io, after so many attempts, and may be tried again", async () => {
  for (const fault of ["short", "reset", "busy", "broken", "wrong range", "whole"] as const) {
    await withServer(pattern(MIB, 2), async (server) => {
      const device = await httpDevice(server.url, { ...quick, retries: 3, readAhead: 0 });
      server.fault = () => fault;
      const error = await failure(() => bytesOf(device, 500_000, 100));
      assert.is(error.code, "Io", fault);
      assert.is(error.retryable, true);
      assert.match(error.message, /after 4 attempts/);
      // Some platforms ask again by themselves where a connection is reset.
      if (fault === "reset") assert.ok(server.asked.length >= 5);
      else assert.is(server.asked.length, 5, fault);
      server.fault = () => null;
      await bytesOf(device, 500_000, 100);
      device.close();
    });
  }
});

test("answers that stay what they are, are not asked for again", async () => {
  await withServer(pattern(MIB, 2), async (server) => {
    const answers = [
      [404, "NotFound"],
      [410, "NotFound"],
      [403, "Io"],
      [400, "Io"],
      [200, "Unsupported"],
    ] as const;
    for (const [status, code] of answers) {
      let asked = 0;
      server.special = (_, response) => {
        asked++;
        response.writeHead(status).end("no");
        return true;
      };
      assert.is((await failure(() => httpDevice(server.url, quick))).code, code);
      assert.is(asked, 1, String(status));
    }
    server.special = (_, response) => {
      const headers = { "content-encoding": "gzip", "content-range": `bytes 0-65535/${MIB}` };
      response.writeHead(206, { ...headers, etag: '"v1"' }).end();
      return true;
    };
    assert.is((await failure(() => httpDevice(server.url, quick))).code, "Unsupported");
  });
});

test("redirects are followed, and the name of the device tells no secrets", async () => {
  await withServer(pattern(MIB, 2), async (server) => {
    server.special = (request, response) => {
      if (request.url?.includes("signed")) return false;
      response.writeHead(302, { location: `${server.url}?signed=abc` }).end();
      return true;
    };
    const device = await httpDevice(`${server.url}?token=secret`);
    assert.ok(same(await bytesOf(device, 500_000, 9), pattern(MIB, 2).subarray(500_000, 500_009)));
    assert.is(device.name, server.url);
    device.close();
  });
});

test("URLs and options that cannot be meant are Invalid", async () => {
  for (const url of ["", "disk.raw", "file:///disk.raw", "ftp://h/x", "http://u:p@127.0.0.1/x"]) {
    await fails("Invalid", () => httpDevice(url));
  }
  const wrong = [{ cacheBytes: 1 }, { requests: 0 }, { retries: -1 }, { timeout: 0.5 }];
  for (const options of wrong) await fails("Invalid", () => httpDevice("http://h/x", options));
});

test("a silent server is Io after the time-out", async () => {
  await withServer(pattern(MIB, 2), async (server) => {
    const device = await httpDevice(server.url, { ...quick, timeout: 50, retries: 1 });
    server.fault = () => "silent";
    const error = await failure(() => bytesOf(device, 500_000, 100));
    assert.is(error.code, "Io");
    assert.match(error.message, /no byte came for 50 ms/);
    server.fault = () => "slow";
    await bytesOf(device, 500_000, 100);
    device.close();
  });
});

test("close and the caller's signal end what is in flight", async () => {
  await withServer(pattern(4 * MIB, 2), async (server) => {
    for (const how of ["close", "signal"]) {
      server.fault = () => null;
      const control = new AbortController();
      const device = await httpDevice(server.url, { signal: control.signal, requests: 1 });
      server.fault = () => "silent";
      const reads = [MIB, 2 * MIB, 3 * MIB].map((offset) =>
        failure(() => bytesOf(device, offset, 100)),
      );
      while (server.inFlight === 0) await new Promise((resolve) => setTimeout(resolve, 1));
      if (how === "close") device.close();
      else control.abort();
      const codes = (await Promise.all(reads)).map(({ code }) => code);
      assert.equal(codes, ["Closed", "Closed", "Closed"]);
      await fails("Closed", () => device.read(new Uint8Array(1), 0, 1, 0));
      while (server.inFlight > 0) await new Promise((resolve) => setTimeout(resolve, 1));
      device.close();
    }
    await fails("Closed", () => httpDevice(server.url, { signal: AbortSignal.abort() }));
  });
});

test("a device that is closed leaves nothing behind that keeps its process", async () => {
  const timers = () =>
    (process.getActiveResourcesInfo?.() ?? []).filter((name) => name === "Timeout").length;
  await withServer(pattern(4 * MIB, 2), async (server) => {
    const before = timers();
    for (let i = 0; i < 10; i++) {
      const device = await httpDevice(server.url);
      await bytesOf(device, MIB, 4096);
      device.close();
    }
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok(timers() <= before, `${timers() - before} timers more`);
  });
});

test("nobody asks twice: equal misses share a request, neighbours are one", async () => {
  await withServer(pattern(4 * MIB, 3), async (server) => {
    const device = await httpDevice(server.url, { readAhead: 0 });
    const reads = Array.from({ length: 64 }, (_, i) => bytesOf(device, MIB + i * 4096, 4096));
    const twice = Array.from({ length: 64 }, (_, i) => bytesOf(device, MIB + i * 4096, 4096));
    const found = await Promise.all([...reads, ...twice]);
    for (const [i, bytes] of found.entries()) {
      const at = MIB + (i % 64) * 4096;
      assert.ok(same(bytes, server.image.subarray(at, at + 4096)));
    }
    assert.is(server.asked.length, 2, "the first block, and 256 KiB at once");
    assert.is(device.read(new Uint8Array(4096), 0, 4096, MIB), undefined, "then at once");
    assert.is(device.traffic().requests, 2);
    assert.is(device.traffic().bytes, BLOCK + 4 * BLOCK);
    device.close();
  });
});

test("no more requests than allowed are in flight, and so many are", async () => {
  await withServer(pattern(32 * MIB, 3), async (server) => {
    server.fault = () => "slow";
    const device = await httpDevice(server.url, { requests: 4, readAhead: 0 });
    const reads = Array.from({ length: 30 }, (_, i) => bytesOf(device, (i + 1) * MIB, 5000));
    await Promise.all(reads);
    assert.is(server.inFlightMax, 4);
    device.close();
  });
});

test("who reads in order has the next bytes asked for", async () => {
  await withServer(pattern(16 * MIB, 3), async (server) => {
    const device = await httpDevice(server.url);
    let late = 0;
    for (let at = 0; at < 8 * MIB; at += 4096) {
      const target = new Uint8Array(4096);
      const later = device.read(target, 0, 4096, at);
      if (later) late++;
      await later;
      assert.ok(same(target, server.image.subarray(at, at + 4096)), `at ${at}`);
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.ok(server.asked.length <= 30, `${server.asked.length} requests for 128 blocks`);
    assert.ok(late < 64, `${late} of 128 blocks were waited for`);
    assert.ok(device.traffic().bytes <= 8 * MIB + 3 * MIB, "not far past where it reads");
    device.close();
  });
});

test("memory stays within its bound, whatever is read", async () => {
  const size = 2 ** 30;
  const fill = (target: Uint8Array, offset: number) => {
    for (let i = 0; i < target.length; i++) target[i] = (offset + i) >>> 12;
  };
  const server = await new ImageServer(new Uint8Array(0), { size, fill }).listen();
  try {
    const device = await httpDevice(server.url, { cacheBytes: MIB, requests: 4 });
    const random = new Random(5);
    global.gc?.();
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < 40; round++) {
      const offsets = Array.from({ length: 16 }, () => random.below(size / 4096) * 4096);
      const found = await Promise.all(offsets.map((offset) => bytesOf(device, offset, 4096)));
      for (const [i, bytes] of found.entries()) assert.is(bytes[7], (offsets[i]! >>> 12) & 255);
    }
    assert.ok(device.traffic().bytes > 20 * MIB, "far more than is kept");
    const more = process.memoryUsage().arrayBuffers - before;
    assert.ok(more < 40 * MIB, `${more} bytes of buffers more`);
    device.close();
  } finally {
    await server.close();
  }
});

async function history(seed: number): Promise<void> {
  const random = new Random(seed);
  const image = random.bytes(random.between(1, 2 * MIB));
  await withServer(image, async (server) => {
    const cacheBytes = random.pick([MIB, 2 * MIB]);
    const requests = random.pick([1, 2, 6, 16]);
    const readAhead = random.pick([0, BLOCK, 2 * MIB]);
    const chosen = { cacheBytes, requests, readAhead, retries: 50, timeout: 2000 };
    const device = await httpDevice(server.url, { ...quick, ...chosen, pause: 0 });
    server.fault = passing(random.fork(), random.pick([0, 0.1, 0.5]));
    let next = 0;
    const one = async () => {
      const longest = random.pick([1, 512, 4096, BLOCK, image.length + 1000]);
      const length = random.between(0, longest);
      const offset = random.chance(0.4) ? next : random.below(image.length + 5000);
      next = offset + length;
      const start = random.below(100);
      const target = new Uint8Array(start + length + 100).fill(0xee);
      await device.read(target, start, length, offset);
      const expected = new Uint8Array(start + length + 100).fill(0xee);
      expected.fill(0, start, start + length);
      expected.set(image.subarray(offset, offset + length), start);
      if (!same(target, expected)) throw new Error(`${length} bytes at ${offset}`);
    };
    for (let round = 0; round < 12; round++) {
      await Promise.all(Array.from({ length: random.between(1, 8) }, one));
    }
    assert.ok(server.inFlightMax <= requests + 16, "connections that were given up may linger");
    device.close();
  });
}

const seeds = process.env.SEED
  ? [Number(process.env.SEED)]
  : Array.from({ length: 40 }, (_, i) => i);
test(`random reads from a bad server: seeds ${seeds[0]} to ${seeds.at(-1)}`, async () => {
  for (const seed of seeds) {
    try {
      await history(seed);
    } catch (cause) {
      throw new Error(`SEED=${seed} npx tsx test/devices/http.test.ts: ${cause}`, { cause });
    }
  }
});

test.run();
