/** What a page has to load: the engine, and the JavaScript, minified and gzipped. */
import fs from "node:fs";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { root } from "../runtimes/programs.ts";
import { bundle, gzipped } from "./bundle.ts";

const KIB = 1024;
const WASM_MAX = 64 * KIB;
const PAGE_MAX = 40 * KIB;

const kib = (bytes: number) => `${(bytes / KIB).toFixed(1)} KiB`;

test("the engine", () => {
  const wasm = fs.readFileSync(path.join(root, "src", "engine", "engine.wasm"));
  const sent = gzipped([wasm]);
  console.log(`engine.wasm: ${kib(wasm.length)}, gzipped ${kib(sent)}`);
  assert.ok(sent <= WASM_MAX);
  assert.ok(wasm.length <= WASM_MAX, `${wasm.length} bytes`);
});

for (const entry of ["src/browser.ts", "src/edge.ts"]) {
  test(`the JavaScript of ${entry}`, async () => {
    const { files, initial, later } = await bundle(entry);
    const bytesOf = (names: readonly string[]) =>
      gzipped(names.map((name) => files.get(name) as Uint8Array));
    const at = { once: bytesOf(initial), later: bytesOf(later) };
    console.log(`${entry}: ${kib(at.once)} gzipped at once, ${kib(at.later)} when needed`);
    assert.ok(at.once <= PAGE_MAX, `${at.once} bytes at once`);
  });
}

test.run();
