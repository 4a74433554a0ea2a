/**
 * The README's table of the kinds of stores is what the stores declare. After a change of theirs:
 * `UPDATE=1 npx tsx test/package/kinds.test.ts` writes it.
 */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import type { Capabilities } from "../../src/stores/store.ts";

const README = new URL("../../README.md", import.meta.url);
const BEGIN = "<!-- kinds: made from what the stores declare -->\n";
const END = "<!-- /kinds -->";

function bytes(size: number): string {
  if (size >= 2 ** 20) return `${size / 2 ** 20} MiB`;
  return size >= 1024 ? `${size / 1024} KiB` : `${size} B`;
}

const yes = (is: boolean) => (is ? "yes" : "no");

const ROWS: [what: string, of: (kind: Capabilities) => string][] = [
  ["origin", ({ origins }) => origins.join(", ")],
  ["snapshots at most", ({ snapshots }) => (snapshots > 2 ** 31 ? "2^32" : String(snapshots))],
  ["made and deleted at will", ({ fixed }) => yes(!fixed)],
  ["writable", ({ writable }) => yes(writable)],
  ["of snapshots", ({ ofSnapshots }) => (ofSnapshots ? "any depth" : "no")],
  ["delete", (kind) => yes(kind.delete)],
  ["merge into the origin", ({ merge }) => yes(merge)],
  ["trim gives space back", ({ trim }) => yes(trim)],
  [
    "after a crash",
    ({ crash }) => (crash === "consistent" ? "all that was flushed" : "nothing, on purpose"),
  ],
  [
    "when full",
    ({ whenFull }) =>
      whenFull === "NoSpace" ? "`NoSpace`, snapshots stay" : "the snapshot is invalid for good",
  ],
  ["chunk", ({ chunk: [least, most] }) => `${bytes(least)} to ${bytes(most)}`],
];

function table(): string {
  const kinds = Object.entries(CAPABILITIES);
  const line = (cells: string[]) => `| ${cells.join(" | ")} |\n`;
  return [
    line(["", ...kinds.map(([name]) => `\`${name}\``)]),
    line(["---", ...kinds.map(() => "---")]),
    ...ROWS.map(([what, of]) => line([what, ...kinds.map(([, kind]) => of(kind))])),
  ].join("");
}

test("the README's table of kinds is what the stores declare", () => {
  const text = fs.readFileSync(README, "utf8");
  const from = text.indexOf(BEGIN) + BEGIN.length;
  const to = text.indexOf(END);
  assert.ok(from >= BEGIN.length && to >= from, "the table's marks are there");
  if (process.env.UPDATE) {
    fs.writeFileSync(README, text.slice(0, from) + table() + text.slice(to));
    return;
  }
  assert.is(text.slice(from, to), table());
});

test("no capability is left out of the table", () => {
  const told = ["origins", "snapshots", "fixed", "writable", "ofSnapshots", "delete", "merge"];
  const all = [...told, "trim", "crash", "whenFull", "chunk"].sort();
  for (const [name, kind] of Object.entries(CAPABILITIES)) {
    assert.equal(Object.keys(kind).sort(), all, name);
  }
});

test.run();
