/** The benchmark of a real browser: in one page ours, the raw calls and both SQLites. */
import fs from "node:fs";
import {
  type BrowserName,
  type LaunchOptions,
  launchBrowser,
  missing,
} from "../../test/browser/browser.ts";
import { servePages } from "../../test/browser/serve.ts";
import { median, TURNS } from "../measure.ts";
import { comparedRow, type Row, skippedRow, type Target } from "../row.ts";
import type { Figures, Measure } from "./contest.ts";

const ENTRY = "bench/browser/worker.ts";

interface Line {
  measure: Measure;
  /** Of the row. */
  about: string;
  ours: string;
  peer: string;
  unit: string;
  /** What one operation is in that unit. */
  factor: number;
  least: number;
}

/** At most 1.2 of the time that the raw calls take. */
const FLUSH_LEAST = 0.83;
const WRITES = { unit: "op/s", factor: 1 };
const LINES: readonly Line[] = [
  {
    measure: "firstWrites",
    about: "first 4 KiB writes in random order after a snapshot, writeSync",
    ours: "writeSync",
    peer: "raw",
    ...WRITES,
    least: 0.5,
  },
  {
    measure: "firstWrites",
    about: "the same, write, awaited",
    ours: "write, awaited",
    peer: "raw",
    ...WRITES,
    least: 0.5,
  },
  {
    measure: "sequential",
    about: "sequential writes of 64 KiB",
    ours: "writeSync",
    peer: "raw",
    unit: "MiB/s",
    factor: 1 / 16,
    least: 0.8,
  },
  {
    measure: "reads",
    about: "4 KiB reads in random order",
    ours: "readSync",
    peer: "raw",
    ...WRITES,
    least: 0.6,
  },
  {
    measure: "flushes",
    about: "4 KiB overwrite and flush",
    ours: "overwrites",
    peer: "raw",
    ...WRITES,
    least: FLUSH_LEAST,
  },
  {
    measure: "flushes",
    about: "first 4 KiB write after a snapshot and flush",
    ours: "first writes",
    peer: "raw, with a record",
    ...WRITES,
    least: FLUSH_LEAST,
  },
];

/** What each SQLite is measured with; its best counts. */
const JOURNALS = ["delete", "truncate", "persist", "wal"];
const PEERS = ["wa-sqlite", "sqlite-wasm"];
const BLOBS = "writes, a flush for each 100";
const BLOBS_LEAST = 3;

/** Measures in which flushes are what costs: on a disk. The others are about calls. */
const ON_DISK: ReadonlySet<Measure> = new Set(["flushes", "blobs"]);
const ALL: readonly Measure[] = ["firstWrites", "sequential", "reads", "flushes", "blobs"];

export interface BrowserBenchOptions {
  measures?: readonly Measure[];
  turns?: number;
}

/**
 * Launches `browser`, measures in a page and closes it: files in memory where calls are measured,
 * on a disk where flushes are. Some minutes.
 */
export async function benchBrowser(
  browser: BrowserName,
  options: BrowserBenchOptions = {},
): Promise<Row[]> {
  const why = missing(browser);
  if (why !== null) return [skippedRow(`OPFS in ${browser}`, null, why)];
  const { measures = ALL, turns = TURNS } = options;
  const memory = fs.existsSync("/dev/shm") ? { folder: "/dev/shm" } : {};
  const onDisk = measures.filter((measure) => ON_DISK.has(measure));
  const others = measures.filter((measure) => !ON_DISK.has(measure));
  const rows: Row[] = [];
  for (const [chosen, where] of [
    [others, memory],
    [onDisk, {}],
  ] as const) {
    if (chosen.length === 0) continue;
    const { version, figures } = await measureIn(browser, where, chosen, turns);
    rows.push(...rowsOf(version, figures));
  }
  return rows;
}

async function measureIn(
  browser: BrowserName,
  where: LaunchOptions,
  measures: readonly Measure[],
  turns: number,
) {
  const pages = await servePages();
  const running = await launchBrowser(browser, where);
  try {
    const said = new Promise<{ figures?: Figures[]; error?: string }>((resolve) => {
      pages.listen("bench", (message) => resolve(message as { figures?: Figures[] }));
    });
    const parameters = {
      channel: "bench",
      browser,
      measures: measures.join(","),
      turns: String(turns),
      journals: JOURNALS.join(","),
    };
    // Isolated pages have the better clock.
    await running.open(pages.url({ entry: ENTRY, isolated: true, in: "worker", parameters }));
    const { figures, error } = await said;
    if (!figures) throw new Error(`${browser}: ${error}`);
    return { version: running.version, figures };
  } finally {
    await running.close();
    await pages.close();
  }
}

/** Median of the ratios within a turn. */
function ratio(ours: Figures, peer: Figures): number {
  return median(ours.turns.map((figure, turn) => figure / peer.turns[turn]!));
}

/** What is promised is promised of Chromium. */
function targetOf(version: string, least: number): Target | null {
  return version.startsWith("Chrome/") ? { least } : null;
}

function rowsOf(version: string, figures: readonly Figures[]): Row[] {
  const find = (measure: Measure, name: string) =>
    figures.find((one) => one.measure === measure && one.name === name);
  const rows: Row[] = [];
  for (const { measure, about, ours, peer, unit, factor, least } of LINES) {
    const [us, them] = [find(measure, ours), find(measure, peer)];
    if (!us || !them) continue;
    const value = (one: Figures) => median(one.turns) * factor;
    const name = peer === "raw" ? "OPFS calls" : "OPFS calls, two flushes";
    rows.push(
      comparedRow(
        `${version}: ${about}`,
        { value: value(us), unit },
        { name, value: value(them), unit },
        ratio(us, them),
        targetOf(version, least),
      ),
    );
  }
  return [...rows, ...blobRows(version, figures)];
}

function blobRows(version: string, figures: readonly Figures[]): Row[] {
  const blobs = figures.filter(({ measure }) => measure === "blobs");
  const ours = blobs.find(({ name }) => name === BLOBS);
  if (!ours) return [];
  return PEERS.map((peer) => {
    const [best] = blobs
      .filter(({ name }) => name.startsWith(peer))
      .sort((a, b) => median(b.turns) - median(a.turns));
    return comparedRow(
      `${version}: 4 KiB blobs, durable in batches of 100`,
      { value: median(ours.turns), unit: "op/s" },
      { name: best!.name, value: median(best!.turns), unit: "op/s" },
      ratio(ours, best!),
      targetOf(version, BLOBS_LEAST),
    );
  });
}
