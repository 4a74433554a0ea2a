/** Volumes whose base is an image on a web server: the suites, what is fetched, crashes. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { type HttpDevice, httpDevice } from "../../src/devices/http.ts";
import { seededEnv } from "../../src/env.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { conformance } from "../conformance/view.ts";
import { mustBeClean } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { fails } from "./conformance.ts";
import { ImageServer, passing } from "./http-server.ts";

const MIB = 2 ** 20;

/** All that is on a device. */
async function contentOf(device: Device): Promise<Uint8Array> {
  const bytes = new Uint8Array(device.size());
  await device.read(bytes, 0, bytes.length, 0);
  return bytes;
}

/** The base of each volume, on a bad server, which ends with the device. */
async function remote(base: Device, random: Random): Promise<Device> {
  const server = await new ImageServer(await contentOf(base)).listen();
  const options = { pause: 0, retries: 50, timeout: 5000, env: seededEnv(1), cacheBytes: MIB };
  const device = await httpDevice(server.url, options);
  server.fault = passing(random.fork(), 0.2);
  const end = device.close.bind(device);
  device.close = async () => {
    await end();
    await server.close();
  };
  return device;
}

for (const { kind } of subjects.filter(({ capabilities }) =>
  capabilities.origins.includes("base"),
)) {
  const plain = subjects.find((subject) => subject.kind === kind) as Subject;
  const random = new Random(4);
  const subject: Subject = {
    ...plain,
    name: `${kind} over HTTP`,
    open: async ({ base, ...others }, options) =>
      plain.open({ ...others, base: await remote(base as Device, random) }, options),
  };
  for (const chunk of [4096, 65536]) {
    conformance(subject, { mode: "base", chunk, medium: "late" }).run();
  }
}

/** A sparse image of 1 GiB: each 4 KiB say which they are. */
const GIB = 2 ** 30;
const big = {
  size: GIB,
  fill: (target: Uint8Array, offset: number) => {
    for (let i = 0; i < target.length; i++) target[i] = ((offset + i) >>> 12) % 251;
  },
};

async function withBig(
  body: (server: ImageServer, base: HttpDevice, store: Image) => Promise<void>,
): Promise<void> {
  const server = await new ImageServer(new Uint8Array(0), big).listen();
  try {
    await body(server, await httpDevice(server.url), new Image());
  } finally {
    await server.close();
  }
}

test("a volume on a remote image of 1 GiB starts with less than 1 MiB of it", async () => {
  await withBig(async (server, base, image) => {
    const before = performance.now();
    const volume = await openVolume({ store: imageDevice(image), base, create: {} });
    assert.is(volume.origin.size, GIB);
    const bytes = new Uint8Array(4096);
    await volume.origin.read(GIB - 4096, bytes);
    assert.is(bytes[9], ((GIB - 4096) >>> 12) % 251);
    const seconds = (performance.now() - before) / 1000;
    assert.ok(server.bytes < MIB, `${server.bytes} bytes came`);
    assert.ok(seconds < 5, `${seconds} s`);
    const snapshot = await volume.snapshot("first");
    await volume.origin.write(10 * MIB + 100, bytes.fill(252));
    assert.ok(server.bytes < MIB, `${server.bytes} bytes came, for a write of parts of chunks`);
    await snapshot.read(10 * MIB, bytes);
    assert.ok(bytes.every((byte) => byte === ((10 * MIB) >>> 12) % 251));
    await volume.close();
  });
});

test("a read of many chunks of the base is a few requests, all at once", async () => {
  await withBig(async (server, base, image) => {
    const volume = await openVolume({ store: imageDevice(image), base, create: {} });
    // Every other chunk is the store's own, so that the base is read in small pieces.
    for (let at = 4096; at < 4 * MIB; at += 8192) {
      await volume.origin.write(64 * MIB + at, new Uint8Array(4096).fill(255));
    }
    const before = server.asked.length;
    server.inFlightMax = 0;
    server.fault = () => "slow";
    const bytes = new Uint8Array(4 * MIB);
    await volume.origin.read(64 * MIB, bytes);
    for (let at = 0; at < bytes.length; at += 4096) {
      const expected = at % 8192 === 4096 ? 255 : ((64 * MIB + at) >>> 12) % 251;
      assert.is(bytes[at + 77], expected);
    }
    assert.ok(server.asked.length - before <= 8, `${server.asked.length - before} requests`);
    assert.ok(server.inFlightMax >= 3, `${server.inFlightMax} at once`);
    server.inFlightMax = 0;
    const far = Array.from({ length: 32 }, (_, i) =>
      volume.origin.read(100 * MIB + i * 8 * MIB, new Uint8Array(4096)),
    );
    await Promise.all(far);
    assert.is(server.inFlightMax, 6, "all that the device allows");
    await volume.close();
  });
});

test("after a crash the volume stands on the same bytes, or does not open", async () => {
  await withBig(async (server, base, image) => {
    const random = new Random(6);
    const volume = await openVolume({ store: imageDevice(image), base, create: {} });
    const written = new Map<number, number>();
    for (let i = 0; i < 40; i++) {
      const at = random.below(GIB / 4096) * 4096 + 512;
      written.set(at, 200 + (i % 50));
      await volume.origin.write(at, new Uint8Array(512).fill(200 + (i % 50)));
      if (i === 20) await volume.snapshot("half");
    }
    await volume.flush();
    const { pinned } = base;
    // What is flushed, and nothing of this process.
    const crashed = Image.of(await contentOf(imageDevice(image)));
    await volume.close();
    const again = await openVolume({
      store: imageDevice(crashed),
      base: await httpDevice(pinned),
    });
    const bytes = new Uint8Array(1536);
    for (const [at, value] of written) {
      await again.origin.read(at - 512, bytes);
      const around = (at >>> 12) % 251;
      assert.equal(
        [bytes[511], bytes[512], bytes[1023], bytes[1024]],
        [around, value, value, around],
      );
    }
    await mustBeClean(again);
    server.etag = '"v2"';
    await fails("Corrupt", () => again.origin.read(GIB / 2, bytes));
    await again.origin.write(GIB - 4096, new Uint8Array(4096));
    await again.close();
    await fails("Corrupt", () => httpDevice(pinned));
  });
});

test("a server that is gone for good fails reads of the base, nothing else", async () => {
  await withBig(async (server, _, image) => {
    const base = await httpDevice(server.url, { retries: 1, pause: 1 });
    const volume = await openVolume({ store: imageDevice(image), base, create: {} });
    await volume.origin.write(8192, new Uint8Array(8192).fill(7));
    await server.close();
    const bytes = new Uint8Array(4096);
    await fails("Io", () => volume.origin.read(GIB / 2, bytes));
    await fails("Io", () => volume.origin.write(GIB / 2 + 1, new Uint8Array(10)));
    await volume.origin.read(8192, bytes);
    assert.ok(bytes.every((byte) => byte === 7));
    const snapshot = await volume.snapshot("after");
    await snapshot.write(GIB / 2, bytes);
    await volume.flush();
    assert.is(volume.status().error, null);
    await mustBeClean(volume);
    await volume.close();
  });
});

test.run();
