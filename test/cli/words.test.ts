/**
 * The leaves of the command line, without a process: sizes, targets, tables, the 2009 status line.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { oneLine } from "../../src/cli/output.ts";
import { formatBytes, parseBytes } from "../../src/cli/sizes.ts";
import { table } from "../../src/cli/table.ts";
import { parseTarget } from "../../src/cli/target.ts";
import { runs } from "../../src/cli/zeros.ts";
import { MultisnapError } from "../../src/errors.ts";
import type { StoreUsage } from "../../src/stores/store.ts";
import { statusLine } from "../../src/stores/tree/status-line.ts";

test("sizes", () => {
  for (const [text, bytes] of [
    ["0", 0],
    ["512", 512],
    ["4K", 4096],
    ["4k", 4096],
    ["3M", 3 * 2 ** 20],
    ["10G", 10 * 2 ** 30],
    ["8191T", 8191 * 2 ** 40],
    ["9007199254740991", 2 ** 53 - 1],
  ] as const) {
    assert.is(parseBytes(text), bytes, text);
  }
  const wrong = ["", " ", "-1", "+1", "1 ", "1.5", "1e3", "NaN", "Infinity", "0x10", "K", "1KK"];
  for (const text of [...wrong, "1P", "1KiB", "8192T", "9007199254740992", "9".repeat(400), "１"]) {
    assert.throws(() => parseBytes(text), /whole number|8 PiB/, text);
  }
});

test("sizes for people", () => {
  for (const [bytes, text] of [
    [0, "0 B"],
    [1023, "1023 B"],
    [1024, "1 KiB"],
    [1536, "1.5 KiB"],
    [1_048_575, "1024 KiB"],
    [10 * 2 ** 30, "10 GiB"],
    [2 ** 53 - 1, "8192 TiB"],
  ] as const) {
    assert.is(formatBytes(bytes), text);
  }
});

test("targets", () => {
  for (const [text, store, name] of [
    ["disk", "disk", null],
    ["disk@a", "disk", "a"],
    ["disk@", "disk", ""],
    ["a@b/disk", "a@b/disk", null],
    ["a@b/disk@c", "a@b/disk", "c"],
    ["disk@b@c", "disk@b", "c"],
    ["@a", "@a", null],
    ["dir/@a", "dir/@a", null],
  ] as const) {
    assert.equal(parseTarget(text), { store, name }, text);
  }
  assert.throws(() => parseTarget(""), /path/);
});

test("what is there decides what an @ means", () => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-words-"));
  try {
    const text = path.join(folder, "disk@home");
    fs.writeFileSync(text, "");
    assert.equal(parseTarget(text), { store: text, name: null });
    assert.equal(parseTarget(`${text}@a`), { store: text, name: "a" });
    fs.writeFileSync(path.join(folder, "disk"), "");
    assert.equal(parseTarget(text), { store: path.join(folder, "disk"), name: "home" });
    assert.equal(parseTarget(`${text}@a/b`), { store: text, name: "a/b" });
  } finally {
    fs.rmSync(folder, { recursive: true });
  }
});

test("one line, whatever is in it", () => {
  assert.is(
    oneLine("a\nb\rc\td\u001b[31m\u0085\u2028é"),
    "a\\nb\\rc\\td\\u001b[31m\\u0085\\u2028é",
  );
});

test("tables", () => {
  const text = table(
    [
      ["name", "bytes"],
      ["a", "1"],
      ["longer", "1000", "x"],
    ],
    [1],
  );
  assert.is(text, "name    bytes\na           1\nlonger   1000  x");
});

test("runs of data and zeros cover a piece", () => {
  const piece = new Uint8Array(5 * 4096 + 100);
  piece.fill(1, 4096, 8192);
  piece[8192 + 4095] = 1;
  piece[5 * 4096 + 99] = 1;
  assert.equal(
    [...runs(piece)],
    [
      { start: 0, end: 4096, zero: true },
      { start: 4096, end: 12288, zero: false },
      { start: 12288, end: 20480, zero: true },
      { start: 20480, end: 20580, zero: false },
    ],
  );
  assert.equal([...runs(new Uint8Array(0))], []);
  assert.equal([...runs(new Uint8Array(100))], [{ start: 0, end: 100, zero: true }]);
});

test("the status line of 2009", () => {
  const usage = {
    maxBytes: null,
    storeBytes: 100 * 4096 + 1,
    dataBytes: 10 * 4096,
    metadataBytes: 2 * 4096,
    fixedBytes: 3 * 4096,
  } as StoreUsage;
  const line = (more: Partial<StoreUsage>, failure: Error | null, ids: number[]) =>
    statusLine({ ...usage, ...more }, 4096, failure, { next: 11, ids });
  assert.is(line({}, null, []), "5 0 11 100 15 5 0");
  assert.is(line({ maxBytes: 200 * 4096 }, null, [9, 2, 10]), "5 0 11 200 15 5 3 2 9 10");
  assert.is(line({}, new MultisnapError("NoSpace", "full"), [1]), "5 -28 11 100 15 5 1 1");
  assert.is(line({}, new Error("the disk broke"), [1]), "5 -5 11 100 15 5 1 1");
});

test.run();
