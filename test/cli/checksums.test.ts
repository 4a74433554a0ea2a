/** Checksums on the command line: made with the store, shown, verified by reads and by `check`. */
import fs from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fresh, pattern, run, runWith, succeed, succeedWith } from "./program.ts";

const CHUNK = 4096;
const test = suite("checksums");

/** A store whose snapshot `kept` has the bytes `old` in chunk 3 to itself. */
async function madeStore(): Promise<{ store: string; old: Buffer }> {
  const store = fresh("sums.msnap");
  const old = pattern(CHUNK, 3);
  await succeed("create", store, "--size", "1M", "--checksums", "--quiet");
  await succeedWith(old, "write", store, "--offset", `${3 * CHUNK}`, "--quiet");
  await succeed("snapshot", store, "kept", "--quiet");
  await succeedWith(pattern(CHUNK, 4), "write", store, "--offset", `${3 * CHUNK}`, "--quiet");
  return { store, old };
}

function flip(store: string, old: Buffer): void {
  const bytes = fs.readFileSync(store);
  const at = bytes.indexOf(old);
  assert.ok(at > 0, "the old bytes are in the store");
  bytes[at + 100] = (bytes[at + 100] as number) ^ 8;
  fs.writeFileSync(store, bytes);
}

test("a bit that rots is found by `check --data` and by a read, and named", async () => {
  const { store, old } = await madeStore();
  assert.match((await succeed("status", store)).toString(), /checksums/);
  const status = JSON.parse((await succeed("status", store, "--json")).toString());
  assert.is(status.checksums, true);
  await succeed("check", store, "--data", "--quiet");
  flip(store, old);
  await succeed("check", store, "--quiet");
  const { code, stdout } = await run("check", store, "--data");
  assert.is(code, 1);
  assert.match(stdout.toString(), /lost: chunks 3\.\.3 \(bytes 12288\.\.16383\) of @kept/);
  const range = ["--offset", `${3 * CHUNK}`, "--length", "10"];
  const read = await run("read", `${store}@kept`, ...range);
  assert.is(read.code, 1);
  assert.match(read.stderr, /Corrupt: reading bytes 12288\.\.\d+ of @kept: bytes 12288\.\.16383/);
  assert.is((await succeed("read", store, ...range)).length, 10, "the origin has other bytes");
});

test("COW devices have none", async () => {
  const [store, image] = [fresh("cow"), fresh("image")];
  fs.writeFileSync(image, Buffer.alloc(2 ** 20));
  const options = ["--kind", "persistent", "--origin", image, "--checksums"];
  const { code, stderr } = await runWith(new Uint8Array(0), "create", store, ...options);
  assert.is(code, 1);
  assert.match(stderr, /Unsupported: a store of kind persistent has no checksums/);
  assert.is(fs.existsSync(store), false);
});

test.run();
