/**
 * The example of a device over keys and values (examples/kv-device.ts): the conformance suite over
 * a store of keys that takes its time, crashes, and Deno's.
 */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type KeyValues, keyValueDevice } from "../../examples/kv-device.ts";
import type { Device } from "../../src/devices/device.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { conformance } from "../conformance/view.ts";
import { turns } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { pattern } from "./conformance.ts";

const BLOCK = 16384;
const root = path.join(import.meta.dirname, "..", "..");

/** The keys are the blocks of a device, so that a store that is opened again is the same. */
function slowKeys(device: Device, random: Random): KeyValues & { most: number } {
  let now = 0;
  const later = async <T>(work: () => Promise<T>): Promise<T> => {
    keys.most = Math.max(keys.most, ++now);
    await turns(random.below(4));
    const result = await work();
    await turns(random.below(3));
    now--;
    return result;
  };
  const keys = {
    most: 0,
    get: (key: string) =>
      later(async () => {
        const bytes = new Uint8Array(BLOCK);
        await device.read(bytes, 0, BLOCK, Number(key) * BLOCK);
        return bytes.every((byte) => byte === 0) ? undefined : bytes;
      }),
    set: (key: string, bytes: Uint8Array) =>
      later(async () => {
        assert.is(bytes.length, BLOCK);
        assert.not.instance(bytes.buffer, SharedArrayBuffer);
        await device.write(bytes, 0, BLOCK, Number(key) * BLOCK);
      }),
  };
  return keys;
}

const random = new Random(9);
const range = subjects.find(({ kind }) => kind === "range") as Subject;
const subject: Subject = {
  ...range,
  name: "range on keys and values",
  open: ({ store, ...others }, options) =>
    range.open({ ...others, store: keyValueDevice(slowKeys(store, random), 2 ** 30) }, options),
};
for (const mode of ["inline", "base"] as const) {
  conformance(subject, { mode, chunk: 4096, medium: "late" }).run();
}

const test = suite("keys and values");

test("parts of a value that are written at once are all there", async () => {
  const values = new Map<string, Uint8Array>();
  const keys = {
    get: async (key: string) => {
      await turns(random.below(3));
      return values.get(key);
    },
    set: async (key: string, bytes: Uint8Array) => {
      await turns(random.below(3));
      values.set(key, bytes);
    },
  };
  const device = keyValueDevice(keys, 2 ** 20);
  const bytes = pattern(65536, 1);
  const parts = Array.from({ length: 128 }, (_, i) => device.write(bytes, i * 512, 512, i * 512));
  await Promise.all(parts);
  const found = new Uint8Array(65536);
  await device.read(found, 0, 65536, 0);
  assert.equal(found, bytes);
  assert.is(values.size, 4);
  const whole = device.write(bytes, 16384, 16384, 0);
  await Promise.all([device.write(bytes, 0, 512, 0), whole]);
  await device.read(found, 0, 16384, 0);
  assert.equal(found.subarray(512, 16384), bytes.subarray(16384 + 512, 32768));
});

test("a read of many chunks has many requests in flight", async () => {
  const values = new Map<string, Uint8Array>();
  let [now, most] = [0, 0];
  const keys: KeyValues = {
    get: async (key) => {
      most = Math.max(most, ++now);
      await turns(5);
      now--;
      return values.get(key);
    },
    set: async (key, bytes) => void values.set(key, bytes),
  };
  const volume = await openVolume({
    store: keyValueDevice(keys, 2 ** 30),
    create: { size: 2 ** 24 },
  });
  await volume.origin.write(0, pattern(2 ** 20, 1));
  most = 0;
  await volume.origin.read(0, new Uint8Array(2 ** 20));
  assert.ok(most >= 64, `one read of 1 MiB: ${most} at once`);
  most = 0;
  const reads = Array.from({ length: 64 }, (_, i) =>
    volume.origin.read(((i * 37) % 64) * 16384, new Uint8Array(4096)),
  );
  await Promise.all(reads);
  assert.ok(most >= 60, `64 reads of 4 KiB: ${most} at once`);
  await volume.close();
});

const deno = denoProgram();
const skips = deno === null ? test.skip : test;
skips("a volume in Deno's key-value store is there again", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-kv-"));
  try {
    const script = path.join(root, "test/devices/deno-kv.ts");
    const file = path.join(folder, "kv.sqlite");
    for (const life of ["1", "2"]) {
      const args = ["run", "-A", "--unstable-kv", script, file, life];
      const { status, stdout, stderr } = spawnSync(deno as string, args, {
        cwd: root,
        encoding: "utf8",
        timeout: 120_000,
      });
      assert.is(status, 0, stdout + stderr);
      assert.match(stdout, new RegExp(`life ${life}: clean`));
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
});

test.run();

function denoProgram(): string | null {
  const require = createRequire(import.meta.url);
  try {
    const program = path.join(path.dirname(require.resolve("deno/package.json")), "bin.cjs");
    const found = path.join(root, "node_modules/.bin/deno");
    return fs.existsSync(found) ? found : program;
  } catch {
    return null;
  }
}
