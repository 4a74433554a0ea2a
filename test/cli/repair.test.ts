/** Damage on the command line: dump, restore, and reading what is left. */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  failed,
  fresh,
  pattern,
  refused,
  run,
  runWith,
  start,
  succeed,
  succeedWith,
  unchanged,
} from "./program.ts";

const SIZE = 4 * 2 ** 20;
const BLOCK = 4096;

/** A store with two snapshots, and what they and the origin hold. */
async function made(...options: string[]): Promise<{ store: string; views: Map<string, Buffer> }> {
  const store = fresh("store.msnap");
  await succeed("create", store, "--size", String(SIZE), ...options);
  const views = new Map<string, Buffer>();
  const bytes = Buffer.alloc(SIZE);
  for (const [i, name] of ["@one", "@two", ""].entries()) {
    const part = pattern(300_000, i + 1);
    part.copy(bytes, i * 100_000);
    await succeedWith(part, "write", store, "--offset", String(i * 100_000));
    if (name !== "") await succeed("snapshot", store, name.slice(1));
    views.set(name, Buffer.from(bytes));
  }
  return { store, views };
}

async function mustHold(store: string, views: Map<string, Buffer>): Promise<void> {
  for (const [name, bytes] of views) {
    const found = await succeed("export", `${store}${name}`, "-", "--quiet");
    assert.ok(found.equals(bytes), name);
  }
}

/** Overwrites blocks of a store whose type is `what`. */
function spoil(store: string, what: string): void {
  const bytes = fs.readFileSync(store);
  for (let at = 0; at < bytes.length; at += BLOCK) {
    if (bytes.toString("latin1", at + 12, at + 16) === what) bytes.fill(0x11, at, at + BLOCK);
  }
  fs.writeFileSync(store, bytes);
}

for (const kind of ["range", "bitmap"]) {
  test(`${kind}: dump, superblocks gone, restore`, async () => {
    const { store, views } = await made("--kind", kind);
    const dump = await succeed("dump", store);
    const list = JSON.parse((await succeed("dump", store, "--json")).toString());
    const lines = dump.toString().trimEnd().split("\n");
    assert.equal(
      list,
      lines.map((line) => JSON.parse(line)),
    );
    const file = fs.openSync(store, "r+");
    fs.writeSync(file, Buffer.alloc(2 * BLOCK), 0, 2 * BLOCK, 0);
    fs.closeSync(file);
    await refused("Invalid", "status", store);
    await unchanged(store, async () => {
      failed(await runWith(dump, "restore", store), 1, ["Exists"], "restore");
      const cut = dump.subarray(0, dump.length - 9);
      failed(await runWith(cut, "restore", store, "--force"), 1, ["Invalid"], "restore");
    });
    const done = await succeedWith(dump, "restore", store, "--force", "--json");
    assert.is(JSON.parse(done.toString()).views, 3);
    await succeed("check", store);
    await mustHold(store, views);
  });
}

test("a damaged store is read with --damaged, and stays as it is", async () => {
  const { store, views } = await made();
  spoil(store, "TABL");
  await refused("Corrupt", "status", store);
  await unchanged(store, async () => {
    const status = JSON.parse((await succeed("status", store, "--damaged", "--json")).toString());
    assert.ok(status.damage.problems.length > 0);
    assert.is(status.damage.lossCount, 0);
    assert.match((await succeed("list", store, "--damaged")).toString(), /two/);
    const read = ["read", store, "--damaged", "--offset", "0", "--length", "1000"];
    assert.ok((await succeed(...read)).equals(views.get("")!.subarray(0, 1000)));
    const image = await succeed("export", `${store}@one`, "-", "--damaged", "--quiet");
    assert.ok(image.equals(views.get("@one")!));
    const dump = await succeed("dump", store, "--damaged");
    assert.match(dump.toString(), /"end":/);
  });
});

test("what is lost fails an export, and a dump says so", async () => {
  const { store } = await made();
  spoil(store, "LEAF");
  await unchanged(store, async () => {
    const result = await run("read", store, "--damaged", "--offset", "0", "--length", "10");
    failed(result, 1, ["Corrupt"], "read");
    assert.match(result.stderr, /bytes 0\.\.9 of the origin/);
    const dump = await run("dump", store, "--damaged");
    assert.is(dump.code, 1);
    assert.match(dump.stdout.toString(), /"lost":true/);
    assert.match(dump.stderr, /^multisnap: Corrupt: /);
  });
});

test("check --repair: nothing lost, something lost, nothing to do", async () => {
  const { store, views } = await made();
  spoil(store, "TABL");
  const mended = (await succeed("check", store, "--repair")).toString();
  assert.match(mended, /^repaired: /m);
  await mustHold(store, views);
  await unchanged(store, async () => {
    assert.match((await succeed("check", store, "--repair")).toString(), /^clean: /);
  });
  spoil(store, "LEAF");
  const costly = await run("check", store, "--repair", "--json");
  assert.is(costly.code, 1);
  assert.match(costly.stderr, /^multisnap: Corrupt: .*it is sound again; 1 range is lost\n$/);
  const report = JSON.parse(costly.stdout.toString());
  assert.is(report.losses[0].views, "all");
  assert.ok(report.repaired.length > 0);
  await succeed("check", store);
  const whole = pattern(999_424, 7);
  await succeedWith(whole, "write", store, "--offset", "0");
  const read = await succeed("read", store, "--offset", "0", "--length", "999424");
  assert.ok(read.equals(whole));
});

test("not through a server", async () => {
  const { store } = await made();
  const server = start("serve", store, "--socket", fresh("nbd.sock"));
  try {
    await new Promise((resolve) => server.stdout?.once("data", resolve));
    for (const command of ["dump", "restore"]) await refused("Busy", command, store);
    await refused("Busy", "status", store, "--damaged");
    failed(await run("check", store, "--repair"), 2, ["Busy"], "check --repair");
  } finally {
    server.kill("SIGTERM");
    await new Promise((resolve) => server.once("exit", resolve));
  }
});

test("a persistent store has nothing to dump", async () => {
  const origin = fresh("origin");
  fs.writeFileSync(origin, pattern(100_352, 9));
  const store = fresh("cow");
  await succeed("create", store, "--kind", "persistent", "--origin", origin);
  await unchanged(store, async () => {
    await refused("Unsupported", "dump", store);
    await refused("Unsupported", "restore", store, "--force");
    await refused("Unsupported", "status", store, "--damaged", "--origin", origin);
  });
});

test.run();
