/** What a page has to load: the engine, and the JavaScript, minified and gzipped. */
import fs from "node:fs";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { root } from "../runtimes/programs.ts";
import { bundle, gzipped } from "./bundle.ts";

const KIB = 1024;
const WASM_MAX = 64 * KIB;
/** Gzipped, of what is loaded at once: a page's, and a worker's at the edge with its devices. */
const ENTRIES = { "src/browser.ts": 40 * KIB, "src/edge.ts": 44 * KIB };

const kib = (bytes: number) => `${(bytes / KIB).toFixed(1)} KiB`;

test("the engine", () => {
  const wasm = fs.readFileSync(path.join(root, "src", "engine", "engine.wasm"));
  const sent = gzipped([wasm]);
  console.log(`engine.wasm: ${kib(wasm.length)}, gzipped ${kib(sent)}`);
  assert.ok(sent <= WASM_MAX);
  assert.ok(wasm.length <= WASM_MAX, `${wasm.length} bytes`);
});

for (const [entry, most] of Object.entries(ENTRIES)) {
  test(`the JavaScript of ${entry}`, async () => {
    const { files, initial, later } = await bundle(entry);
    const bytesOf = (names: readonly string[]) =>
      gzipped(names.map((name) => files.get(name) as Uint8Array));
    const at = { once: bytesOf(initial), later: bytesOf(later) };
    console.log(`${entry}: ${kib(at.once)} gzipped at once, ${kib(at.later)} when needed`);
    assert.ok(at.once <= most, `${at.once} bytes at once`);
  });
}

test.run();
