/** `check` of stores that are damaged: what it prints, what it exits with, and that it is alone. */
import fs from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { regionsOf } from "../damage/regions.ts";
import { fresh, pattern, run, succeed, succeedWith, unchanged } from "./program.ts";

const BLOCK = 4096;

const store = fresh("checked.msnap");
await succeed("create", store, "--size", "1M");
await succeedWith(pattern(300_000, 2), "write", store, "--offset", "0");
await succeed("snapshot", store, "one");
await succeedWith(pattern(100_000, 3), "write", store, "--offset", "8192");
const sound = new Uint8Array(fs.readFileSync(store));

/** A copy with a change in its first block of some kind. */
function damaged(kind: string, change: (block: Uint8Array) => void): string {
  const bytes = sound.slice();
  const { at } = regionsOf(bytes).find((region) => region.kind === kind) ?? { at: -1 };
  assert.ok(at >= 0, `the store has a block of ${kind}`);
  change(bytes.subarray(at, at + BLOCK));
  const path = fresh(`damaged-${kind}.msnap`);
  fs.writeFileSync(path, bytes);
  return path;
}

function flip(block: Uint8Array): void {
  block[200] = (block[200] as number) ^ 4;
}

const test = suite("check of damaged stores");

test("a clean store: 0, and one line", async () => {
  await unchanged(store, async () => {
    const { code, stdout, stderr } = await run("check", store);
    assert.is(code, 0);
    assert.match(stdout.toString(), /^clean: \d+ blocks, \d+ exceptions, \d+ chunks\n$/);
    assert.is(stderr.toString(), "");
  });
});

for (const kind of ["super", "tree", "space", "tables", "views"]) {
  test(`one bit of ${kind}: 1, and nothing is lost`, async () => {
    const path = damaged(kind, flip);
    await unchanged(path, async () => {
      const { code, stdout, stderr } = await run("check", path);
      assert.is(code, 1, stderr.toString());
      assert.match(stdout.toString(), /one bit is flipped; nothing is lost/);
      assert.match(stderr.toString(), /^multisnap: Corrupt: .* nothing is lost\n$/);
    });
  });
}

test("a leaf: 1, and the chunks of views that are lost", async () => {
  const path = damaged("tree", (block) => block.fill(0xaa));
  const { code, stdout, stderr } = await run("check", path, "--json");
  assert.is(code, 1);
  const report = JSON.parse(stdout.toString());
  assert.is(report.clean, false);
  assert.is(report.lossCount, 1);
  const [{ views, viewCount, chunk, count, offset, length }] = report.losses;
  assert.equal([views, viewCount, chunk, offset], ["all", 2, 0, 0]);
  assert.is(length, count * BLOCK);
  assert.match(stderr.toString(), /1 range is lost/);
  const text = (await run("check", path)).stdout.toString();
  assert.match(text, /^lost: chunks 0\.\.\d+ \(bytes 0\.\.\d+\) of all views$/m);
});

test("no superblock is left: 1; no store at all: 2", async () => {
  const path = damaged("super", (block) => block.fill(0x55, 100, 300));
  const bytes = new Uint8Array(fs.readFileSync(path));
  bytes.fill(0x55, BLOCK + 100, BLOCK + 300);
  fs.writeFileSync(path, bytes);
  const { code, stdout } = await run("check", path);
  assert.is(code, 1);
  assert.match(stdout.toString(), /both superblocks .* are damaged/);
  const other = fresh("no-store");
  fs.writeFileSync(other, pattern(20_000, 4));
  assert.is((await run("check", other)).code, 2);
  assert.is((await run("check", fresh("missing"))).code, 2);
});

test.run();
