/** A disk's life on the command line, byte for byte, for every kind of origin. */
import fs from "node:fs";
import path from "node:path";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  digest,
  folder,
  fresh,
  json,
  pattern,
  refused,
  run,
  runWith,
  succeed,
  succeedWith,
  unchanged,
} from "./program.ts";

const SIZE = 8 * 2 ** 20;
const image = fresh("image");
fs.writeFileSync(image, imageBytes());

/** Data, a hole, data that ends in the middle of a chunk. */
function imageBytes(): Buffer {
  const bytes = Buffer.alloc(5_000_001);
  pattern(1_500_000, 1).copy(bytes, 0);
  pattern(100_001, 2).copy(bytes, 4_900_000);
  return bytes;
}

/** What `write` did, in plain words. */
function patched(bytes: Buffer, offset: number, part: Buffer): Buffer {
  const copy = Buffer.from(bytes);
  part.copy(copy, offset);
  return copy;
}

const whole = Buffer.concat([imageBytes(), Buffer.alloc(SIZE - 5_000_001)]);

async function exported(target: string): Promise<Buffer> {
  const file = fresh("exported");
  await succeed("export", target, file, "--quiet");
  const bytes = fs.readFileSync(file);
  fs.rmSync(file);
  return bytes;
}

interface World {
  store: string;
  /** Not written by anybody: a base image. */
  base?: string;
}

function lives(label: string, make: () => Promise<World>): void {
  const test = suite(label);

  test("import, snapshot, write, fork, export, rename, delete", async () => {
    const { store, base } = await make();
    const baseDigest = base === undefined ? "" : digest(base);
    await succeed("import", store, image);
    assert.ok((await exported(store)).equals(whole), "imported");

    await succeed("snapshot", store, "first");
    const later = patched(whole, 1_234_567, pattern(300_000, 3));
    await succeedWith(pattern(300_000, 3), "write", store, "--offset", "1234567");
    await succeed("snapshot", store, "second", "--read-only");
    await succeed("snapshot", store, "fork", "--of", "first");
    const forked = patched(whole, 4095, pattern(4098, 4));
    await succeedWith(pattern(4098, 4), "write", `${store}@fork`, "--offset", "4095");
    await refused("ReadOnly", "write", `${store}@second`, "--offset", "0");

    assert.ok((await exported(store)).equals(later), "the origin");
    assert.ok((await exported(`${store}@first`)).equals(whole), "first");
    assert.ok((await exported(`${store}@second`)).equals(later), "second");
    assert.ok((await exported(`${store}@fork`)).equals(forked), "fork");
    await succeed("check", store);

    await succeed("rename", store, "fork", "branch");
    await succeed("delete", store, "first", "second", "--wait");
    await refused("NotFound", "export", `${store}@first`, fresh("gone"));
    assert.ok((await exported(store)).equals(later), "the origin, after delete");
    assert.ok((await exported(`${store}@branch`)).equals(forked), "fork, after delete");
    await succeed("check", store);
    if (base !== undefined) assert.is(digest(base), baseDigest);
  });
  test.run();
}

lives("inline origin", async () => {
  const store = fresh("inline.msnap");
  await succeed("create", store, "--size", "8M");
  return { store };
});
lives("inline origin on a base", async () => {
  const base = fresh("base");
  fs.writeFileSync(base, pattern(SIZE, 7));
  const store = fresh("on-base.msnap");
  await succeed("create", store, "--base", base, "--chunk", "64K");
  return { store, base };
});
lives("attached origin", async () => {
  const origin = fresh("origin");
  fs.writeFileSync(origin, pattern(SIZE, 8));
  const store = fresh("attached.msnap");
  await succeed("create", store, "--origin", origin);
  return { store };
});

const paths = suite("remembered paths");

paths("an attached origin is a plain raw image, found again or given", async () => {
  const origin = fresh("origin");
  fs.writeFileSync(origin, pattern(SIZE, 8));
  const store = fresh("attached.msnap");
  await succeed("create", store, "--origin", path.basename(origin));
  assert.is((await json("status", store)).originPath, origin);
  await succeed("snapshot", store, "before");
  await succeedWith(pattern(10_000, 9), "write", store, "--offset", "100");
  assert.ok(fs.readFileSync(origin).equals(patched(pattern(SIZE, 8), 100, pattern(10_000, 9))));
  const moved = fresh("moved");
  fs.renameSync(origin, moved);
  await refused("NotFound", "status", store);
  await succeed("status", store, "--origin", moved);
  const read = ["read", `${store}@before`, "--offset", "0", "--length", "8M", "--origin", moved];
  assert.ok((await succeed(...read)).equals(pattern(SIZE, 8)));
});

paths("a base is found again or given, and never written", async () => {
  const base = fresh("base");
  fs.writeFileSync(base, pattern(SIZE, 7));
  const store = fresh("on-base.msnap");
  await succeed("create", store, "--base", base);
  const moved = fresh("moved");
  fs.renameSync(base, moved);
  await refused("NotFound", "export", store, fresh("never"));
  await unchanged(moved, async () => {
    await succeedWith(pattern(10, 1), "write", store, "--offset", "0", "--base", moved);
    await refused("Invalid", "export", store, moved, "--force", "--base", moved);
  });
  const bytes = await succeed("read", store, "--offset", "8", "--length", "4", "--base", moved);
  assert.equal([...bytes], [...pattern(10, 1).subarray(8), ...pattern(SIZE, 7).subarray(10, 12)]);
});

paths("a store with an @ in its name, a snapshot with a / in its name", async () => {
  const store = fresh("me@home");
  await succeed("create", store, "--size", "1M");
  await succeed("snapshot", store, "one/two");
  await succeedWith(pattern(10, 1), "write", store, "--offset", "0");
  const range = ["--offset", "0", "--length", "10"];
  assert.ok((await succeed("read", store, ...range)).equals(pattern(10, 1)));
  assert.ok((await succeed("read", `${store}@one/two`, ...range)).equals(Buffer.alloc(10)));
});
paths.run();

const documents = suite("--json and --quiet");

documents("every command prints one document, with the keys that were promised", async () => {
  const store = fresh("json.msnap");
  const created = await json("create", store, "--size", "8M");
  assert.is(created.size, SIZE);
  assert.is((await json("import", store, image)).bytes, 5_000_001);
  const first = await json("snapshot", store, "first");
  assert.is(first.name, "first");
  assert.is(first.parent, null);
  await json("snapshot", store, "fork", "--of", "first", "--read-only");
  assert.is((await json("export", store, fresh("exported"))).bytes, SIZE);

  const read = await json("read", store, "--offset", "1000", "--length", "3M");
  const data = Buffer.from(read.data as string, "base64");
  assert.ok(data.equals(whole.subarray(1000, 1000 + 3 * 2 ** 20)));

  const snapshots = (await json("list", store)).snapshots as Record<string, unknown>[];
  assert.equal(
    snapshots.map(({ name, parent, size, readOnly }) => [name, parent, size, readOnly]),
    [
      ["first", null, SIZE, false],
      ["fork", "first", SIZE, true],
    ],
  );
  for (const snapshot of snapshots) {
    assert.equal(Object.keys(snapshot), LIST_KEYS);
    assert.match(snapshot.created as string, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    assert.type(snapshot.exclusive, "number");
    assert.type(snapshot.shared, "number");
  }

  const status = await json("status", store);
  assert.equal([status.kind, status.chunk, status.size, status.snapshots, status.error], STATUS);
  assert.match((await json("status", store, "--dm")).dm as string, /^5 0 4 \d+ \d+ \d+ 2 2 3$/);
  assert.is((await json("check", store)).clean, true);
  assert.is((await json("rename", store, "fork", "branch")).new, "branch");
  assert.is((await json("delete", store, "branch", "--dry-run")).exact, true);
  assert.equal((await json("delete", store, "branch", "--wait")).deleted, ["branch"]);
});
const LIST_KEYS = [
  ...["name", "id", "parent", "created", "size", "readOnly", "exclusive", "shared"],
  ...["written", "note", "tags", "holds"],
];
const STATUS = ["range", 4096, SIZE, 2, null];

documents("--quiet says nothing where nothing was asked for", async () => {
  const store = fresh("quiet.msnap");
  for (const args of [
    ["create", store, "--size", "8M"],
    ["import", store, image],
    ["write", store, "--offset", "0"],
    ["snapshot", store, "one"],
    ["rename", store, "one", "two"],
    ["export", store, fresh("exported")],
    ["delete", store, "two"],
    ["check", store],
  ]) {
    assert.is((await succeed(...args, "--quiet")).toString(), "", args[0]);
  }
});
documents.run();

const reports = suite("list, status, delete --dry-run");

reports("list draws the tree", async () => {
  const store = fresh("tree.msnap");
  await succeed("create", store, "--size", "1M");
  await succeed("snapshot", store, "a");
  await succeed("snapshot", store, "a1", "--of", "a");
  await succeed("snapshot", store, "a11", "--of", "a1");
  await succeed("snapshot", store, "b", "--read-only");
  const lines = (await succeed("list", store)).toString().split("\n");
  const names = lines.map((line) => line.split(/ {2,}\d/)[0]);
  assert.equal(names.slice(2), ["├─ a", "│  └─ a1", "│     └─ a11", "└─ b", ""]);
  assert.match(lines[5] as string, /read-only$/);
});

reports("what delete --dry-run says is what comes back", async () => {
  const store = fresh("dry.msnap");
  await succeed("create", store, "--size", "8M");
  await succeed("import", store, image);
  await succeed("snapshot", store, "one");
  await succeedWith(pattern(1_000_000, 5), "write", store, "--offset", "0");
  const { bytes } = await json("delete", store, "one", "--dry-run");
  const before = await json("status", store);
  await succeed("delete", store, "one", "--wait");
  const after = await json("status", store);
  assert.is((before.dataBytes as number) - (after.dataBytes as number), bytes);
  assert.ok((bytes as number) >= 1_000_000);
});

reports("the status line of 2009", async () => {
  const store = fresh("dm.msnap");
  await succeed("create", store, "--size", "1M", "--max-size", "40M");
  await succeedWith(pattern(8192, 1), "write", store, "--offset", "0");
  await succeed("snapshot", store, "one");
  const { id } = ((await json("list", store)).snapshots as { id: number }[])[0] as { id: number };
  const line = (await succeed("status", store, "--dm")).toString().trim().split(" ").map(Number);
  const [fields, error, , total, allocated, metadata, count, first] = line as number[];
  assert.equal([fields, error, total, count, first], [5, 0, 10240, 1, id]);
  assert.is((allocated as number) - (metadata as number), 2);
});
reports("check finds damage: exit code 1, what and where", async () => {
  const store = fresh("damaged.msnap");
  await succeed("create", store, "--size", "8M");
  await succeed("import", store, image);
  const bytes = fs.readFileSync(store);
  for (let i = 8192; i < bytes.length; i++) bytes[i] = (bytes[i] as number) ^ 0xff;
  fs.writeFileSync(store, bytes);
  await unchanged(store, async () => {
    const text = await run("check", store);
    assert.is(text.code, 1);
    assert.match(text.stdout.toString(), /^\w+: .+\n/);
    assert.match(text.stderr, /^multisnap: Corrupt: [^\n]+\n$/);
    const document = await run("check", store, "--json");
    assert.is(document.code, 1);
    const { clean, problems } = JSON.parse(document.stdout.toString());
    assert.is(clean, false);
    assert.equal(Object.keys(problems[0]).sort(), ["message", "where"]);
  });
});
reports.run();

const sparse = suite("zeros");

sparse("stay sparse both ways", async () => {
  const large = fresh("large");
  fs.writeFileSync(large, pattern(10_000, 1));
  fs.truncateSync(large, 256 * 2 ** 20);
  const store = fresh("sparse.msnap");
  await succeed("create", store, "--size", "256M");
  await succeed("import", store, large);
  assert.ok((fs.statSync(store).blocks as number) * 512 < 4 * 2 ** 20, "the store");
  const copy = fresh("copy");
  await succeed("export", store, copy);
  const stat = fs.statSync(copy);
  assert.is(stat.size, 256 * 2 ** 20);
  assert.ok(stat.blocks * 512 < 2 ** 20, "the image");
  assert.is(digest(copy), digest(large));
});

sparse("in an image replace what was there", async () => {
  const store = fresh("replace.msnap");
  await succeed("create", store, "--size", "8M");
  await succeedWith(pattern(SIZE, 6), "import", store, "-");
  await succeed("import", store, image);
  assert.ok((await exported(store)).equals(whole));
});
sparse.run();

const exporting = suite("export");

exporting("--force replaces the file, a failed one leaves it", async () => {
  const store = fresh("force.msnap");
  await succeed("create", store, "--size", "8M");
  await succeed("import", store, image);
  const file = fresh("target");
  fs.writeFileSync(file, "mine");
  await refused("Exists", "export", store, file);
  assert.is(fs.readFileSync(file, "utf8"), "mine");
  await succeed("export", store, file, "--force");
  assert.ok(fs.readFileSync(file).equals(whole));
  assert.equal(
    fs.readdirSync(folder).filter((name) => name.endsWith(".partial")),
    [],
  );
});

exporting("- is standard output, and standard input for import", async () => {
  const store = fresh("pipe.msnap");
  await succeed("create", store, "--size", "8M");
  await succeedWith(whole, "import", store, "-");
  assert.ok((await succeed("export", store, "-")).equals(whole));
  const { code, stderr } = await runWith(Buffer.alloc(SIZE + 1, 1), "import", store, "-");
  assert.is(code, 1);
  assert.match(stderr, /^multisnap: Invalid: [^\n]+\n$/);
  assert.is((await run("check", store)).code, 0);
});
exporting.run();
