/** What holds for every command alike: usage, stores that are none, nothing changed on failure. */
import fs from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  failed,
  folder,
  fresh,
  pattern,
  run,
  succeed,
  succeedWith,
  unchanged,
  wrongUsage,
} from "./program.ts";
import { otherVersion } from "./store-bytes.ts";

/**
 * Right arguments for a store with a snapshot `one`; `check` ends with 2 where others end with 1.
 */
const COMMANDS: Record<string, (store: string) => string[]> = {
  import: (store) => [store, image],
  export: (store) => [store, fresh("exported")],
  read: (store) => [store, "--offset", "0", "--length", "10"],
  write: (store) => [store, "--offset", "0"],
  snapshot: (store) => [store, "two"],
  list: (store) => [store],
  rename: (store) => [store, "one", "two"],
  delete: (store) => [store, "one"],
  rollback: (store) => [store, "one"],
  resize: (store) => [store, "--size", "2M"],
  set: (store) => [store, "one", "--note", "a note"],
  hold: (store) => [store, "one"],
  release: (store) => [store, "one"],
  replicate: (store) => [store, "--once", "--to", backup],
  status: (store) => [store],
  check: (store) => [store],
  dump: (store) => [store],
  restore: (store) => [store],
  message: (store) => [store, "create"],
  merge: (store) => [store],
  "export-cow": (store) => [`${store}@one`, fresh("cow")],
};
/** Commands that are shown every kind of wrong file; all open a store in the same place. */
const THOROUGH = ["snapshot", "status", "check"];
/** Commands that change nothing in a good store either. */
const READERS = ["export", "read", "list", "status", "check", "dump"];

const backup = fresh("backup");
fs.mkdirSync(backup);
const image = fresh("image");
fs.writeFileSync(image, pattern(100_000, 1));
const good = fresh("good.msnap");
await succeed("create", good, "--size", "1M");
await succeedWith(pattern(300_000, 2), "write", good, "--offset", "0");
await succeed("snapshot", good, "one");
await succeedWith(pattern(100_000, 3), "write", good, "--offset", "50000");

const general = suite("multisnap");

general("without a command, or with a wrong one, it is wrong usage", async () => {
  assert.is((await run()).code, 2);
  await wrongUsage("frobnicate");
  await wrongUsage("--frobnicate");
});

general("--help and --version", async () => {
  const help = await succeed("--help");
  for (const name of ["create", "import-cow", ...Object.keys(COMMANDS)]) {
    assert.match(help.toString(), new RegExp(`^  ${name} `, "m"));
  }
  assert.match((await succeed("--version")).toString(), /^\d+\.\d+\.\d+\n$/);
});
general.run();

for (const [command, args] of Object.entries({ create: createArgs, ...COMMANDS })) {
  const test = suite(command);

  test("--help says what it takes", async () => {
    const help = (await succeed(command, "--help")).toString();
    assert.match(help, new RegExp(`^Usage: multisnap ${command} `));
    assert.match(help, /--json/);
    assert.match(help, /--quiet/);
  });

  test("missing and unknown arguments are wrong usage", async () => {
    await unchanged(good, async () => {
      await wrongUsage(command);
      await wrongUsage(command, "");
      await wrongUsage(command, ...args(good), "--frobnicate");
      if (command !== "delete") await wrongUsage(command, ...args(good), "more", "and more");
      const options = args(good).filter((arg) => !arg.startsWith("-"));
      if (options.length < args(good).length) await wrongUsage(command, good);
    });
  });

  if (command !== "create") storesThatAreNone(test, command, args);
  test.run();
}

function createArgs(store: string): string[] {
  return [store, "--size", "1M"];
}

type Test = (title: string, body: () => Promise<void>) => void;

function storesThatAreNone(test: Test, command: string, args: (store: string) => string[]): void {
  const exitCode = command === "check" ? 2 : 1;

  test("a missing store is NotFound and is not made", async () => {
    const missing = fresh("missing");
    const before = fs.readdirSync(folder);
    failed(await run(command, ...args(missing)), exitCode, ["NotFound"], command);
    assert.equal(fs.readdirSync(folder), before);
    failed(await run(command, ...args(folder)), exitCode, ["Invalid"], command);
  });

  test("any other file is refused and left alone", async () => {
    await refusesBytes(command, args, "random", pattern(200_000, 4));
    if (!THOROUGH.includes(command)) return;
    await refusesBytes(command, args, "empty", Buffer.alloc(0));
    await refusesBytes(command, args, "zeros", Buffer.alloc(200_000));
    await refusesBytes(command, args, "text", Buffer.from("#!/bin/sh\necho hello\n"));
  });

  test("a truncated store is refused and left alone", async () => {
    const bytes = fs.readFileSync(good);
    const lengths = THOROUGH.includes(command) ? [100, 4095, 4096, 8191, 8192, 20_000] : [8192];
    for (const length of lengths) {
      await refusesBytes(command, args, `cut to ${length}`, bytes.subarray(0, length));
    }
  });

  test("a store of another version is refused and left alone", async () => {
    await refusesBytes(command, args, "version", otherVersion(fs.readFileSync(good)));
  });

  if (READERS.includes(command)) {
    test("a good store stays as it is", async () => {
      const options = args(good);
      const before = fs.readFileSync(good);
      await succeed(command, ...options);
      assert.ok(fs.readFileSync(good).equals(before));
    });
  }
}

/** `check` calls damage what others refuse: 1, or 2 where it cannot tell. */
async function refusesBytes(
  command: string,
  args: (store: string) => string[],
  label: string,
  bytes: Buffer,
): Promise<void> {
  const store = fresh(label.replaceAll(" ", "-"));
  fs.writeFileSync(store, bytes);
  const options = args(store);
  await unchanged(store, async () => {
    const result = await run(command, ...options);
    if (command === "check" && result.code === 1) {
      assert.match(result.stderr, /^multisnap: Corrupt: /, label);
      assert.ok(result.stdout.length > 0);
    } else {
      const codes = ["Corrupt", "Invalid", "Unsupported"];
      failed(result, command === "check" ? 2 : 1, codes, `${command}, ${label}`);
    }
  });
  fs.rmSync(store);
}
