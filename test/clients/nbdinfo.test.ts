/** nbdinfo: what the exports say they are, which there are, and where there is data. */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../src/devices/file.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { succeed, succeedWith } from "../cli/program.ts";
import { Random } from "../model/prng.ts";
import { testsWith } from "../needs.ts";
import { chunksWhere, dataChunks, type Range } from "./image.ts";
import { ask, complaint } from "./programs.ts";
import { endsWell, serve, serveNew } from "./served.ts";

const SIZE = 24 * 2 ** 20;
const CHUNK = 16 * 1024;
const random = new Random(5);
const served = await serveNew("24M", "--chunk", "16K");
const nbdinfoTest = testsWith("nbdinfo");

/** What is on the origin, and what was when the snapshot "first" was taken. */
const origin = Buffer.alloc(SIZE);
let first = Buffer.alloc(0);

interface Extent extends Range {
  type: number;
}

async function info(name: string): Promise<Record<string, unknown>> {
  const { exports, ...of } = JSON.parse(await ask("nbdinfo", ["--json", served.uri(name)]));
  assert.is(exports.length, 1);
  return { ...of, ...exports[0] };
}

async function names(): Promise<string[]> {
  const { exports } = JSON.parse(await ask("nbdinfo", ["--json", "--list", served.uri()]));
  return exports.map((each: { "export-name": string }) => each["export-name"]);
}

async function map(name: string, context: string): Promise<Extent[]> {
  return JSON.parse(await ask("nbdinfo", [`--map=${context}`, "--json", served.uri(name)]));
}

/** Extents of `type`, of a map that has to cover the disk without gap or overlap. */
function extentsOf(extents: Extent[], type: number): Range[] {
  let end = 0;
  const ranges: Range[] = [];
  for (const { offset, length, type: found } of extents) {
    assert.is(offset, end);
    end += length;
    if (found === type) ranges.push({ offset, length });
  }
  assert.is(end, SIZE);
  return ranges;
}

/** Writes through the control socket, so that clients see what others did. */
async function write(offset: number, length: number): Promise<void> {
  const bytes = random.bytes(length);
  origin.set(bytes, offset);
  await succeedWith(bytes, "write", served.store, "--offset", String(offset));
}

nbdinfoTest("the origin says everything that it can do", async () => {
  const found = await info("");
  // Later versions say more.
  const expected = {
    protocol: "newstyle-fixed",
    TLS: false,
    structured: true,
    "export-name": "",
    description: "the origin",
    is_rotational: false,
    is_read_only: false,
    can_cache: true,
    can_df: true,
    can_fast_zero: true,
    can_flush: true,
    can_fua: true,
    can_multi_conn: true,
    can_trim: true,
    can_zero: true,
    block_size_minimum: 1,
    block_size_preferred: CHUNK,
    block_size_maximum: 32 * 2 ** 20,
    "export-size": SIZE,
    contexts: ["base:allocation"],
  };
  assert.equal({ ...found, ...expected }, found);
});

nbdinfoTest(
  "snapshots are in the list as soon as they are taken, and out of it again",
  async () => {
    assert.equal(await names(), ["", "origin"]);
    await write(0, 3 * CHUNK);
    await write(5 * 2 ** 20 + 100, 2 * 2 ** 20);
    first = Buffer.from(origin);
    await served.snapshot("first");
    assert.equal(await names(), ["", "origin", "@first"]);
    await served.snapshot("frozen", "--read-only");
    await served.snapshot("fork", "--of", "first");
    assert.equal((await names()).sort(), ["", "@first", "@fork", "@frozen", "origin"]);
    await succeed("rename", served.store, "fork", "other");
    assert.equal((await names()).sort(), ["", "@first", "@frozen", "@other", "origin"]);
    await succeed("delete", served.store, "other");
    assert.equal((await names()).sort(), ["", "@first", "@frozen", "origin"]);
  },
);

nbdinfoTest("a snapshot is an export; a read-only one says so", async () => {
  const writable = await info("@first");
  assert.is(writable["export-name"], "@first");
  assert.is(writable.description, "snapshot first");
  assert.is(writable["export-size"], SIZE);
  assert.is(writable.is_read_only, false);
  assert.equal(writable.contexts, [
    "base:allocation",
    "multisnap:diff:first",
    "multisnap:diff:frozen",
  ]);
  const frozen = await info("@frozen");
  assert.is(frozen.is_read_only, true);
  for (const can of ["can_trim", "can_zero", "can_fast_zero"]) assert.is(frozen[can], false, can);
  for (const can of ["can_flush", "can_fua", "can_multi_conn", "can_cache", "can_df"]) {
    assert.is(frozen[can], true, can);
  }
  assert.is((await info("origin"))["export-name"], "origin");
});

nbdinfoTest("answers by exit code agree", async () => {
  await ask("nbdinfo", ["--can", "multi-conn", served.uri()]);
  await ask("nbdinfo", ["--is", "readonly", served.uri("@frozen")]);
  await complaint("nbdinfo", ["--is", "readonly", served.uri("@first")]);
  await complaint("nbdinfo", ["--can", "write", served.uri("@frozen")]);
  assert.is(await ask("nbdinfo", ["--size", served.uri("@first")]), `${SIZE}\n`);
});

nbdinfoTest("an export that is not there is refused in words", async () => {
  for (const name of ["@nobody", "first", "@", "@first@frozen", "ORIGIN", "\u{1f600}"]) {
    const said = await complaint("nbdinfo", [served.uri(name)]);
    assert.match(said, /no export|No such file or directory/, name);
  }
});

nbdinfoTest("base:allocation has the data where it was written, and holes elsewhere", async () => {
  for (let i = 0; i < 20; i++) {
    const length = random.between(1, 5 * CHUNK);
    await write(random.between(0, SIZE - length), length);
  }
  for (const [name, bytes] of [
    ["", origin],
    ["@first", first],
  ] as const) {
    const extents = await map(name, "base:allocation");
    const data = dataChunks(bytes, CHUNK);
    assert.equal(extentsOf(extents, 0), data, name);
    const holes = extentsOf(extents, 3).reduce((sum, { length }) => sum + length, 0);
    assert.is(holes, SIZE - data.reduce((sum, { length }) => sum + length, 0));
    const totals = await ask("nbdinfo", ["--map", "--totals", served.uri(name)]);
    assert.match(totals, new RegExp(`^ *${holes} .*3 *hole,zero$`, "m"));
  }
});

nbdinfoTest("multisnap:diff:NAME is what was written since NAME", async () => {
  const changed = chunksWhere(SIZE, CHUNK, (start, end) => {
    return !origin.subarray(start, end).equals(first.subarray(start, end));
  });
  assert.ok(changed.length > 5);
  assert.equal(extentsOf(await map("", "multisnap:diff:first"), 1), changed);
  assert.equal(extentsOf(await map("@first", "multisnap:diff:frozen"), 1), []);
  // The way back: the same ranges.
  assert.equal(extentsOf(await map("@frozen", "multisnap:diff:first"), 1), []);
  await complaint("nbdinfo", ["--map=multisnap:diff:nobody", served.uri()]);
});

nbdinfoTest("the library finds the same difference in the store", async () => {
  const shown = extentsOf(await map("", "multisnap:diff:first"), 1);
  // A copy: the store itself is served.
  const copy = `${served.store}.copy`;
  fs.copyFileSync(served.store, copy);
  await using volume = await openVolume({ store: await fileDevice(copy) });
  const found: Range[] = [];
  for await (const range of volume.diff(volume.get("first"), volume.origin)) found.push(range);
  assert.equal(shown, found);
});

nbdinfoTest("a map of a large empty disk is one hole", async () => {
  await using large = await serveNew("3T");
  const out = await ask("nbdinfo", ["--map", "--json", large.uri()]);
  const extents: Extent[] = JSON.parse(out);
  assert.ok(extents.every(({ type }) => type === 3));
  assert.is(
    extents.reduce((sum, { length }) => sum + length, 0),
    3 * 2 ** 40,
  );
  await large.stop();
});

endsWell(served);

nbdinfoTest("a server that is read-only has nothing that is writable", async () => {
  await using frozen = await serve(served.store, "--read-only");
  for (const name of ["", "@first", "@frozen"]) {
    await ask("nbdinfo", ["--is", "readonly", frozen.uri(name)]);
  }
  await frozen.stop();
});

test.run();
