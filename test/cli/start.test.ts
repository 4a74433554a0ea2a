/** A command starts fast: it reads its own code and what it shares with most, and no more. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { testsUnless } from "../needs.ts";
import { here } from "../runtimes/script.ts";
import { command, fresh, program, succeed } from "./program.ts";

/** Says on standard error which files of the program were read. */
const TELL = `
  process.on("exit", () => {
    const files = Object.keys(require.cache).filter((file) => /program/.test(file));
    console.error(files.map((file) => require("node:path").basename(file)).join(" "));
  });`;

const nodeTest = testsUnless(here === "node" ? null : "looks into Node's cache of modules");

nodeTest("a snapshot of a store that nobody serves reads a handful of files", async () => {
  const store = fresh();
  await succeed("create", store, "--size", "16M");
  const teller = fresh("tell.cjs");
  fs.writeFileSync(teller, TELL);
  const given = ["--require", teller, program, "snapshot", store, "one", "--quiet"];
  const { status, stdout, stderr } = spawnSync(command, given, { encoding: "utf8" });
  assert.is(status, 0, stderr);
  assert.is(stdout, "");
  const files = stderr.trim().split(" ");
  const parts = files.map((file) => path.parse(file).name.replace(/-.{8}$/, ""));
  assert.equal(parts.sort(), ["common", "main", "snapshot"]);
});

test.run();
