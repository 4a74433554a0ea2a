/** GUARANTEES.md: what its tables promise has proofs, which are there; its cases are numbered. */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";

const ROOT = new URL("../../", import.meta.url);
const text = fs.readFileSync(new URL("GUARANTEES.md", ROOT), "utf8");

/** Rows of the tables of a section, without their heads. */
function rows(section: string): string[] {
  const from = text.indexOf(`\n## ${section}`);
  assert.ok(from >= 0, `there is a section ${section}`);
  const end = text.indexOf("\n## ", from + 1);
  const lines = text.slice(from, end < 0 ? undefined : end).split("\n");
  return lines.filter((line, i) => line.startsWith("| ") && !/^\|[-|]+$/.test(lines[i + 1] ?? ""));
}

test("every link leads to a file", () => {
  const links = [...text.matchAll(/\]\(([^)#]+)(?:#[^)]*)?\)/g)].map((match) => match[1] as string);
  assert.ok(links.length > 40);
  for (const link of links) assert.ok(fs.existsSync(new URL(link, ROOT)), link);
});

test("every line of what happens has a test that runs by itself", () => {
  const lines = rows("1.");
  assert.ok(lines.length > 20);
  for (const line of lines) assert.match(line, /\]\(test\/[^)]+\.test\.ts\)/);
});

test("the cases are numbered from 1 on", () => {
  const cases = text.slice(text.indexOf("\n## 5.")).matchAll(/^(\d+)\. \*/gm);
  const numbers = [...cases].map((match) => Number(match[1]));
  assert.ok(numbers.length > 10);
  assert.equal(
    numbers,
    numbers.map((_, i) => i + 1),
  );
});

test.run();
