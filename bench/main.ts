/**
 * `npm run bench [-- section ...] [--json]`: measures this machine and prints one table; `--json`
 * prints one document. A name before a slash means all sections of that family. Progress goes to
 * standard error.
 */
import { parseArgs } from "node:util";
import { accounting } from "./io/accounting.ts";
import { afterSnapshot } from "./io/after-snapshot.ts";
import { checksums } from "./io/checksums.ts";
import { diff } from "./io/diff.ts";
import { manySnapshots } from "./io/many-snapshots.ts";
import { metadata } from "./io/metadata.ts";
import { open } from "./io/open.ts";
import { reflink } from "./io/reflink.ts";
import { sequential } from "./io/sequential.ts";
import { snapshot } from "./io/snapshot.ts";
import { streams } from "./io/streams.ts";
import { describeMachine } from "./machine.ts";
import { lookup } from "./micro/lookup.ts";
import { existing } from "./nbd/existing.ts";
import { firstWriteSections } from "./nbd/first-writes.ts";
import { flush } from "./nbd/flush.ts";
import { memory } from "./nbd/memory.ts";
import type { Context, Row, Section } from "./row.ts";
import { openScratch, touchMemory } from "./scratch.ts";
import { kinds } from "./stores/kinds.ts";
import { published } from "./stores/published.ts";
import { lossesOf, machineText, tableOf } from "./table.ts";

const SECTIONS: readonly Section[] = [
  lookup,
  metadata,
  afterSnapshot,
  checksums,
  reflink,
  sequential,
  manySnapshots,
  snapshot,
  open,
  diff,
  accounting,
  streams,
  existing,
  ...firstWriteSections,
  flush,
  memory,
  published,
  kinds,
];

/** The most that a section has on the scratch folder at a time. */
const TOUCHED_BYTES = 6 * 2 ** 30;

function usage(): string {
  const width = Math.max(...SECTIONS.map(({ name }) => name.length));
  const lines = SECTIONS.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return ["usage: npm run bench [-- section ...] [--json]", ...lines].join("\n");
}

function chosen(names: readonly string[]): readonly Section[] {
  const means = (name: string) => (section: Section) =>
    section.name === name || section.name.startsWith(`${name}/`);
  const unknown = names.filter((name) => !SECTIONS.some(means(name)));
  if (unknown.length > 0) {
    console.error(`bench: no section ${unknown.join(", ")}\n${usage()}`);
    process.exit(2);
  }
  if (names.length === 0) return SECTIONS;
  return SECTIONS.filter((section) => names.some((name) => means(name)(section)));
}

async function main(): Promise<void> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: "boolean" }, help: { type: "boolean" } },
  });
  if (values.help) return console.log(usage());
  const sections = chosen(positionals);
  const machine = describeMachine();
  const scratch = openScratch();
  const context: Context = { machine, scratch, say: (line) => console.error(line) };
  context.say(machineText(machine));
  if (!scratch.tmpfs) context.say(`no tmpfs at /dev/shm: files are in ${scratch.folder}`);
  touchMemory(scratch, TOUCHED_BYTES);
  const rows: Row[] = [];
  for (const section of sections) rows.push(...(await section.run(context)));
  scratch.remove();
  if (values.json) {
    console.log(JSON.stringify({ machine, tmpfs: scratch.tmpfs, rows }, null, 2));
  } else {
    console.log([machineText(machine), "", tableOf(rows), "", lossesOf(rows)].join("\n"));
  }
}

await main();
