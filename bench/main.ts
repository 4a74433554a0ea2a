/**
 * `npm run bench [-- section ...] [--json]`: measures this machine and prints one table; `--json`
 * prints one document. A name before a slash means all sections of that family. Progress goes to
 * standard error.
 *
 * `--runtime NAME,...` (node, deno, bun, chromium, firefox, or all): the sections lookup,
 * after-snapshot, sequential and snapshot in these runtimes, against Node; in browsers, what pages
 * do.
 */
import { parseArgs } from "node:util";
import { browserNames } from "../test/browser/browser.ts";
import { programNames } from "../test/runtimes/programs.ts";
import { benchBrowser } from "./browser/main.ts";
import { worker } from "./connect/worker.ts";
import { accounting } from "./io/accounting.ts";
import { afterSnapshot } from "./io/after-snapshot.ts";
import { checksums } from "./io/checksums.ts";
import { deleting } from "./io/delete.ts";
import { diff } from "./io/diff.ts";
import { manySnapshots } from "./io/many-snapshots.ts";
import { metadata } from "./io/metadata.ts";
import { open } from "./io/open.ts";
import { reflink } from "./io/reflink.ts";
import { rollback } from "./io/rollback.ts";
import { rounds } from "./io/rounds.ts";
import { sequential } from "./io/sequential.ts";
import { snapshot } from "./io/snapshot.ts";
import { streams } from "./io/streams.ts";
import { peers } from "./life/peers.ts";
import { describeMachine } from "./machine.ts";
import { lookup } from "./micro/lookup.ts";
import { existing } from "./nbd/existing.ts";
import { firstWriteSections } from "./nbd/first-writes.ts";
import { flush } from "./nbd/flush.ts";
import { memory } from "./nbd/memory.ts";
import type { Context, Row, Section } from "./row.ts";
import { runtimeRows } from "./runtimes/runtimes.ts";
import { groups } from "./runtimes/workload.ts";
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
  rollback,
  open,
  diff,
  accounting,
  streams,
  rounds,
  deleting,
  peers,
  existing,
  ...firstWriteSections,
  flush,
  memory,
  published,
  kinds,
  worker,
];

/** Sections that are asked for together by another name. */
const FAMILIES: Record<string, readonly string[]> = {
  life: ["rollback", "diff", "accounting", "send", "replicate", "delete", "life/peers"],
};

/** The most that a section has on the scratch folder at a time. */
const TOUCHED_BYTES = 6 * 2 ** 30;

function usage(): string {
  const width = Math.max(...SECTIONS.map(({ name }) => name.length));
  const lines = SECTIONS.map(({ name, about }) => `  ${name.padEnd(width)}  ${about}`);
  return ["usage: npm run bench [-- section ...] [--runtime NAME,...] [--json]", ...lines].join(
    "\n",
  );
}

/** In the runtimes asked for; `sections`: which of `groups`, or none for all of them. */
async function inRuntimes(
  context: Context,
  asked: string,
  sections: readonly string[],
): Promise<Row[]> {
  const all = [...programNames, ...browserNames];
  const names = asked === "all" ? all : asked.split(",");
  const unknown = names.filter((name) => !all.some((one) => one === name));
  const strange = sections.filter((name) => !groups.some((one) => one === name));
  if (unknown.length + strange.length > 0) {
    console.error(`bench: no ${[...unknown, ...strange].join(", ")} for --runtime\n${usage()}`);
    process.exit(2);
  }
  const rows: Row[] = [];
  const chosen = groups.filter((group) => sections.length === 0 || sections.includes(group));
  const programs = programNames.filter((name) => names.includes(name));
  if (programs.length > 0) rows.push(...(await runtimeRows(context, programs, chosen)));
  for (const name of browserNames) {
    if (names.includes(name)) rows.push(...(await benchBrowser(name)));
  }
  return rows;
}

function chosen(names: readonly string[]): readonly Section[] {
  const means = (name: string) => (section: Section) =>
    section.name === name ||
    section.name.startsWith(`${name}/`) ||
    (FAMILIES[name]?.includes(section.name) ?? false);
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
    options: {
      json: { type: "boolean" },
      help: { type: "boolean" },
      runtime: { type: "string" },
    },
  });
  if (values.help) return console.log(usage());
  const sections = values.runtime === undefined ? chosen(positionals) : [];
  const machine = describeMachine();
  const scratch = openScratch();
  const context: Context = { machine, scratch, say: (line) => console.error(line) };
  context.say(machineText(machine));
  if (!scratch.tmpfs) context.say(`no tmpfs at /dev/shm: files are in ${scratch.folder}`);
  const rows: Row[] = [];
  if (values.runtime !== undefined) {
    rows.push(...(await inRuntimes(context, values.runtime, positionals)));
  } else touchMemory(scratch, TOUCHED_BYTES);
  for (const section of sections) rows.push(...(await section.run(context)));
  scratch.remove();
  if (values.json) {
    console.log(JSON.stringify({ machine, tmpfs: scratch.tmpfs, rows }, null, 2));
  } else {
    console.log([machineText(machine), "", tableOf(rows), "", lossesOf(rows)].join("\n"));
  }
}

await main();
