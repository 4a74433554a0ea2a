/** The 2009 interface to user space on the command line: messages, sync-snapshots, a full store. */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { refusedToServe, serve } from "../clients/served.ts";
import {
  failed,
  fresh,
  json,
  pattern,
  refused,
  run,
  runWith,
  succeed,
  succeedWith,
  unchanged,
  wrongUsage,
} from "./program.ts";

async function newStore(...options: string[]): Promise<string> {
  const store = fresh("disk.msnap");
  await succeed("create", store, "--size", "4M", "--quiet", ...options);
  return store;
}

async function ids(store: string): Promise<number[]> {
  const { snapshots } = (await json("list", store)) as { snapshots: { id: number }[] };
  return snapshots.map(({ id }) => id);
}

test("message: create, create_subsnap, delete; what they print", async () => {
  const store = await newStore();
  assert.is((await succeed("message", store, "create")).toString(), "2\n");
  assert.is((await succeed("message", store, "create", "--quiet")).toString(), "3\n");
  assert.equal(await json("message", store, "create_subsnap 2"), { id: 4 });
  assert.is((await succeed("message", store, "create_subsnap", "4")).toString(), "5\n");
  assert.is((await succeed("message", store, "delete 3")).toString(), "deleted snapshot 3\n");
  assert.equal(await json("message", store, "delete", "5"), { id: 5 });
  assert.is((await succeed("message", store, "delete 2", "--quiet")).toString(), "");
  assert.equal(await ids(store), [4]);
  const dm = (await succeed("status", store, "--dm")).toString();
  assert.match(dm, /^5 0 6 \d+ \d+ \d+ 1 4\n$/);
});

test("message: what is none, and whom it does not concern", async () => {
  const store = await newStore();
  await succeed("snapshot", store, "3", "--quiet");
  await unchanged(store, async () => {
    for (const text of [
      "",
      "crate",
      "create 2",
      "delete",
      "delete two",
      "delete 1",
      "delete 0x2",
    ]) {
      await wrongUsage("message", store, text);
    }
    await wrongUsage("message", store, "create_subsnap 4294967295");
    await refused("NotFound", "message", store, "delete 7");
    await refused("NotFound", "message", store, "create_subsnap 7");
    await refused("Exists", "message", store, "create");
  });
});

test("message: through the server, of one instant", async () => {
  const store = await newStore();
  await using served = await serve(store);
  await succeedWith(pattern(10_000, 1), "write", store, "--offset", "0", "--quiet");
  assert.is((await succeed("message", store, "create")).toString(), "2\n");
  await succeedWith(pattern(10_000, 2), "write", store, "--offset", "0", "--quiet");
  assert.equal(await json("message", store, "create_subsnap", "2"), { id: 3 });
  await refused("NotFound", "message", store, "delete 9");
  await succeed("message", store, "delete 2", "--quiet");
  const bytes = await succeed("read", `${store}@3`, "--offset", "0", "--length", "10000");
  assert.ok(bytes.equals(pattern(10_000, 1)));
  const late = await run("message", store, "create", "--sync-snapshots", "3");
  failed(late, 1, ["Invalid"], "sync of a served store");
  assert.match(late.stderr, /open in the process that serves it/);
  await served.stop();
  assert.equal(await ids(store), [3]);
});

test("--sync-snapshots: with a message, and for a server", async () => {
  const store = await newStore();
  for (const name of ["a", "b", "c"]) await succeed("snapshot", store, name, "--quiet");
  for (const list of ["", "2,", "2;3", "1", "a", "2,1", "-2", "none,2"]) {
    await wrongUsage("message", store, "create", "--sync-snapshots", list);
  }
  const sync = ["--sync-snapshots", "3,8"];
  assert.is((await succeed("message", store, "create", ...sync)).toString(), "9\n");
  assert.equal(await ids(store), [3, 8, 9]);
  await unchanged(store, () =>
    refused("Invalid", "message", store, "create", "--sync-snapshots", "2"),
  );
  await refusedToServe("Invalid", store, "--listen", "0", "--sync-snapshots", "5");
  assert.equal(await ids(store), [3, 8, 9]);
  {
    await using served = await serve(store, "--sync-snapshots", "9,12");
    assert.equal(await ids(store), [9, 12]);
    await served.stop();
  }
  await using served = await serve(store, "--sync-snapshots", "none");
  assert.equal(await ids(store), []);
  await served.stop();
});

/** A store for 2 MiB, with a snapshot of an origin that has 8. */
async function smallStore(): Promise<{ store: string; origin: string }> {
  const origin = fresh("origin");
  fs.writeFileSync(origin, pattern(8 * 2 ** 20, 1));
  const store = fresh("small.msnap");
  await succeed("create", store, "--origin", origin, "--max-size", "4M", "--quiet");
  await succeed("snapshot", store, "one", "--quiet");
  return { store, origin };
}

test("a full store: the write fails, or with --no-preserve-on-error the snapshots go", async () => {
  const { store, origin } = await smallStore();
  const bytes = pattern(8 * 2 ** 20, 2);
  const kept = await runWith(bytes, "write", store, "--offset", "0");
  failed(kept, 1, ["NoSpace"], "write");
  assert.equal(await ids(store), [2]);
  await succeedWith(bytes, "write", store, "--offset", "0", "--no-preserve-on-error", "--quiet");
  assert.equal(await ids(store), []);
  assert.ok(fs.readFileSync(origin).equals(bytes));
  assert.is((await json("check", store)).clean, true);
  assert.is((await json("status", store)).givenUp, null);
});

test("serve --no-preserve-on-error: status says what was given up", async () => {
  const { store, origin } = await smallStore();
  const bytes = pattern(8 * 2 ** 20, 3);
  await using served = await serve(store, "--no-preserve-on-error");
  await refused("Invalid", "write", store, "--offset", "0", "--no-preserve-on-error");
  await succeedWith(bytes, "write", store, "--offset", "0", "--quiet");
  const { givenUp, error, readOnly } = await json("status", store);
  assert.is((givenUp as { snapshots: number }).snapshots, 1);
  assert.is(error, null);
  assert.is(readOnly, false);
  assert.match(
    (await succeed("status", store)).toString(),
    /^state +1 snapshot was given up: .*full/m,
  );
  assert.match((await succeed("status", store, "--dm")).toString(), /^5 -28 3 /);
  const { code, stderr } = await served.signal("SIGTERM");
  assert.match(stderr, /^multisnap: 1 snapshot was given up: [^\n]*full[^\n]*\n$/);
  assert.is(code, 0);
  assert.ok(fs.readFileSync(origin).equals(bytes));
  assert.equal(await ids(store), []);
});

test.run();
