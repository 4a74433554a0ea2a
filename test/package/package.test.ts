/** What `npm pack` ships: installed in an empty project, it does what the README says. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { findProgram } from "../runtimes/programs.ts";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const project = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-package-"));
process.on("exit", () => fs.rmSync(project, { recursive: true, force: true }));

const manifest = JSON.parse(fs.readFileSync(path.join(root, "package.json"), "utf8"));
const example = /^```ts\n(.*?)^```$/ms.exec(readme())?.[1] ?? "";
const tarball = pack();
fs.writeFileSync(path.join(project, "package.json"), '{ "name": "empty", "private": true }\n');
run(project, "npm", "install", "--no-audit", "--no-fund", "--prefer-offline", tarball);

test("the package holds what runs, and nothing else", () => {
  const list = run(project, "tar", "-tzf", tarball).trim().split("\n");
  const names = list.map((name) => name.replace(/^package\//, ""));
  for (const name of [
    "LICENSE",
    "README.md",
    "CHANGELOG.md",
    "assembly/FORMAT.md",
    "bin/multisnap.js",
    "dist/index.js",
    "dist/index.d.ts",
    "dist/engine/engine.wasm",
  ]) {
    assert.ok(names.includes(name), name);
  }
  const streams = "src/stream/STREAM|src/replicate/REPLICA";
  const formats = `assembly/FORMAT|src/control/PROTOCOL|src/stores/tree/dump/DUMP|${streams}`;
  const expected = new RegExp(
    `^(LICENSE|package\\.json|([A-Z]+|${formats})\\.md|(bin|dist|docs)/.*)$`,
  );
  assert.equal(
    names.filter((name) => !expected.test(name)),
    [],
  );
});

test("the README's lines run", () => {
  assert.match(example, /from "multisnap"/);
  fs.writeFileSync(path.join(project, "example.mjs"), example);
  run(project, process.execPath, "example.mjs");
});

test("the README's lines have types", () => {
  fs.writeFileSync(path.join(project, "example.mts"), example);
  const compiler = path.join(root, "node_modules", "typescript", "bin", "tsc");
  const types = path.join(root, "node_modules", "@types");
  const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"];
  const lib = ["--lib", "es2023,esnext.disposable", "--types", "node", "--typeRoots", types];
  run(project, process.execPath, compiler, ...options, ...lib, "example.mts");
});

/** What a resolver finds for each platform: code, and the types of that code. */
const CONDITIONS: readonly [conditions: string[], entry: string][] = [
  [["workerd"], "edge"],
  [["deno"], "index"],
  [["bun"], "index"],
  [["browser"], "browser"],
  [["node"], "index"],
  [[], "index"],
];

for (const [conditions, entry] of CONDITIONS) {
  const name = conditions[0] ?? "no condition";
  test(`exports for ${name}: code and its types`, () => {
    const found = manifest.exports["."];
    const chosen = conditions.map((condition) => found[condition]).find(Boolean) ?? found;
    assert.is(chosen.default, `./dist/${entry}.js`);
    assert.is(chosen.types, `./dist/${entry}.d.ts`);
    assert.is(Object.keys(chosen).indexOf("types") < Object.keys(chosen).indexOf("default"), true);
    if (name === "no condition") return;
    fs.writeFileSync(path.join(project, `${name}.mts`), types(entry));
    const custom = name === "node" ? [] : ["--customConditions", name];
    const compiler = path.join(root, "node_modules", "typescript", "bin", "tsc");
    const options = ["--noEmit", "--strict", "--module", "nodenext", "--target", "es2022"];
    const lib = ["--lib", "es2023,esnext.disposable,webworker", "--types", ""];
    run(project, process.execPath, compiler, ...options, ...lib, ...custom, `${name}.mts`);
  });
}

/** A module that has types only where those of its own entry are found. */
function types(entry: string): string {
  const own = { index: "fileDevice", browser: "opfsDevice", edge: "" }[entry];
  const imported = own ? `import { ${own} } from "multisnap";\nvoid ${own};` : "";
  return `${imported}
    import { memoryDevice, openVolume, type Volume, useEngine } from "multisnap";
    const volume: Volume = await openVolume({ store: memoryDevice(), create: { size: 4096 } });
    useEngine(new Uint8Array(8));
    volume.origin.readSync(0, new Uint8Array(512));
  `;
}

for (const runtime of ["deno", "bun"] as const) {
  const program = findProgram(runtime);
  test(`the README's lines run in ${runtime}`, () => {
    assert.ok(program, `${runtime} is a development dependency`);
    fs.writeFileSync(path.join(project, "example.mjs"), example);
    fs.rmSync(path.join(project, "disk.msnap"), { force: true });
    run(project, program.path, ...(runtime === "deno" ? ["run", "-A"] : []), "example.mjs");
  });
}

test("a program can serve a volume of its own", () => {
  const program = `
    import { memoryDevice, openVolume } from "multisnap";
    import { parsePeriod, serveNbd, startRoller } from "multisnap/serve";
    const volume = await openVolume({ store: memoryDevice(), create: { size: 2 ** 20 } });
    const server = await serveNbd(volume, { listen: { host: "127.0.0.1", port: 0 } });
    const roller = startRoller(volume, { every: parsePeriod("1h") });
    await roller.stop();
    await server.close();
    await volume.close();
    console.log(server.uri.replace(/\\d+\\/$/, "port"), server.live().requests);
  `;
  fs.writeFileSync(path.join(project, "serve.mjs"), program);
  assert.is(run(project, process.execPath, "serve.mjs").trim(), "nbd://127.0.0.1:port 0");
});

test("npx multisnap works there", () => {
  assert.match(run(project, "npx", "--no-install", "multisnap", "--help"), /^Usage: multisnap /);
  const version = run(project, "npx", "--no-install", "multisnap", "--version").trim();
  assert.is(version, manifest.version);
});

test("npx multisnap works in a checkout", () => {
  assert.match(run(root, "npx", "--no-install", "multisnap", "--help"), /^Usage: multisnap /);
});

test.run();

function readme(): string {
  return fs.readFileSync(path.join(root, "README.md"), "utf8");
}

/** Path of the tarball. Without the scripts: the test run has just built what is packed. */
function pack(): string {
  const output = run(root, "npm", "pack", "--ignore-scripts", "--pack-destination", project);
  return path.join(project, output.trim().split("\n").at(-1) as string);
}

/** Standard output of a command that must succeed. */
function run(folder: string, command: string, ...args: string[]): string {
  const result = spawnSync(command, args, { cwd: folder, encoding: "utf8" });
  const said = result.stdout + result.stderr + (result.error?.message ?? "");
  assert.is(result.status, 0, `${command} ${args.join(" ")}\n${said}`);
  return result.stdout;
}
