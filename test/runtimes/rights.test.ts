/** In Deno a volume asks for its folder and for the package's own files, and for nothing else. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { testsUnless } from "../needs.ts";
import { fileArguments, findProgram, root } from "./programs.ts";

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-rights-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));

/** Run with rights to one folder, its argument. `from`: the library's entry. */
const story = (from: string) => `
  import { fileDevice, openVolume } from ${JSON.stringify(path.join(root, from))};
  const path = Deno.args[0] + "/store.msnap";
  const open = async (options) => openVolume({ store: await fileDevice(path), ...options });
  let volume = await open({ create: { size: 2 ** 24 } });
  await volume.origin.write(0, new Uint8Array(65536).fill(1));
  await volume.origin.snapshot("before");
  await volume.origin.write(0, new Uint8Array(65536).fill(2));
  await volume.close();
  volume = await open({});
  const found = new Uint8Array(1);
  await volume.get("before").read(65535, found);
  const { problems } = await volume.check();
  console.log(found[0], problems.length);
  await volume.close();
  try {
    await fileDevice("/etc/multisnap-none");
  } catch (error) {
    console.log(error.code);
  }`;

const deno = findProgram("deno");

function run(file: string, ...args: string[]): { stdout: string; stderr: string } {
  const rights = [`--allow-read=${folder},${root}`, `--allow-write=${folder}`];
  const options = [...fileArguments("deno", rights), `--config=${path.join(root, "deno.json")}`];
  const child = spawnSync(deno?.path ?? "", [...options, file, ...args], {
    encoding: "utf8",
    // Deno takes FORCE_COLOR for a wish for colours, whatever it says.
    env: { ...process.env, NO_COLOR: "1", FORCE_COLOR: undefined },
  });
  assert.is(child.status, 0, child.stderr);
  return child;
}

const denoTest = testsUnless(deno ? null : "no deno here");

for (const from of ["src/index.ts", "dist/index.js"]) {
  denoTest(`${from} needs its folder only`, () => {
    const file = path.join(folder, `${path.dirname(from)}.ts`);
    fs.writeFileSync(file, `// @ts-nocheck\n${story(from)}`);
    const { stdout } = run(file, folder);
    assert.is(stdout, "1 0\nIo\n");
    fs.rmSync(path.join(folder, "store.msnap"));
  });
}

denoTest("so does the command line", () => {
  const store = path.join(folder, "cli.msnap");
  run(path.join(root, "src/cli/main.ts"), "create", store, "--size", "16M");
  run(path.join(root, "src/cli/main.ts"), "snapshot", store, "one");
  const { stdout } = run(path.join(root, "bin/multisnap.js"), "list", store, "--json");
  assert.is(JSON.parse(stdout).snapshots[0].name, "one");
});

test.run();
