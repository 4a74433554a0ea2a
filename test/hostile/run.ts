/**
 * Hostile stores, many, each run in another process under watch: it must neither hang nor take all
 * memory, and fail in no other way than with a clear error. What is found is made as short as it
 * can be and comes with the line that replays it.
 */
import { type ChildProcess, fork } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import type { Case } from "./cases.ts";
import { buildGuarded } from "./guarded-engine.ts";
import type { Order, Said } from "./worker.ts";

/** A case takes some 20 ms of a processor. */
const CASE_MS_MAX = 20_000;
/** Batches of a round, which can run at the same time. */
const LANES = 4;
/** Cases of a batch of the first round, and at most. A worker lives for one. */
const BATCH_CASES = 125;
const BATCH_CASES_MAX = 2000;
/** Of a worker, the guards' shadows and memories that wait to be given back included. */
const MEMORY_BYTES_MAX = 2.5 * 2 ** 30;
const LOOK_MS = 300;
const KNOWN_SHOWN = 2000;

export interface Found {
  finding: string;
  detail: string;
  one: Case;
  times: number;
}

export interface FuzzReport {
  cases: number;
  /** First thing that did not go well, and how often. */
  outcomes: Map<string, number>;
  found: Map<string, Found>;
  edges: number;
  corpus: number;
}

export interface FuzzOptions {
  seed: number;
  cases: number;
  only?: string;
  /** A guarded engine that is built already (`worker.ts`), or where to put it. */
  engine?: string;
  /** Processes at a time. */
  jobs?: number;
  /** Stop at the first finding. */
  first?: boolean;
  progress?: (report: FuzzReport) => void;
  /** Called with each new finding, before it is made short. */
  tell?: (found: Found) => void;
}

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  return withEngine((engine) => new Fuzz(options, engine).run(), options.engine);
}

/** Runs some cases; answers what was found. */
export async function replay(cases: readonly Case[], given?: string): Promise<Found[]> {
  return withEngine(async (engine) => {
    const report = emptyReport();
    await watch({ engine, cases: [...cases] }, report);
    return [...report.found.values()];
  }, given);
}

async function withEngine<T>(work: (engine: string) => Promise<T>, given?: string): Promise<T> {
  if (given !== undefined) {
    if (!fs.existsSync(given)) await writeEngine(given);
    return await work(given);
  }
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-hostile-"));
  const remove = () => fs.rmSync(folder, { recursive: true, force: true });
  process.on("exit", remove);
  try {
    const engine = path.join(folder, "engine.wasm");
    await writeEngine(engine);
    return await work(engine);
  } finally {
    process.off("exit", remove);
    remove();
  }
}

/** Builds a guarded engine to a file; its blocks of code lie beside it. */
export async function writeEngine(file: string): Promise<void> {
  const { wasm, blocks } = await buildGuarded();
  fs.writeFileSync(`${file}.json`, JSON.stringify(blocks));
  fs.writeFileSync(file, wasm);
}

function emptyReport(): FuzzReport {
  return { cases: 0, outcomes: new Map(), found: new Map(), edges: 0, corpus: 0 };
}

/** What a batch of cases came to. */
interface Batch {
  /** Worth keeping, in their order. */
  kept: Case[];
  covered: string | null;
}

/**
 * Cases come in batches, and batches in rounds: those of a round all begin with the corpus that the
 * rounds before have left. So a case is the same whatever the number of jobs.
 */
class Fuzz {
  readonly #options: FuzzOptions;
  readonly #engine: string;
  readonly #report = emptyReport();
  readonly #told = new Set<string>();
  #corpus: Case[] = [];
  #covered: string | undefined;

  constructor(options: FuzzOptions, engine: string) {
    this.#options = options;
    this.#engine = engine;
  }

  async run(): Promise<FuzzReport> {
    const { cases, first } = this.#options;
    const report = this.#report;
    for (let done = 0, batch = 0, size = BATCH_CASES; done < cases; batch += LANES) {
      const counts: number[] = [];
      for (; counts.length < LANES && done < cases; done += counts.at(-1)!) {
        counts.push(Math.min(size, cases - done));
      }
      await this.#round(counts, batch);
      if (first && report.found.size > 0) break;
      size = Math.min(2 * size, BATCH_CASES_MAX);
    }
    for (const found of report.found.values()) await this.#shorten(found);
    return report;
  }

  async #round(counts: readonly number[], first: number): Promise<void> {
    const { seed, only, jobs = 1 } = this.#options;
    const known = { corpus: this.#corpus, covered: this.#covered };
    const batches: Batch[] = [];
    let next = 0;
    const lane = async () => {
      for (let index = next++; index < counts.length; index = next++) {
        const batch = first + index;
        const own = { seed: seed + batch * 1_000_003, plain: batch === 0 };
        const order = { engine: this.#engine, count: counts[index]!, only, ...own, ...known };
        batches[index] = await watch(order, this.#report, this.#seen);
      }
    };
    await Promise.all(Array.from({ length: jobs }, lane));
    const kept = batches.flatMap((batch) => batch.kept);
    this.#corpus = [...this.#corpus, ...kept].slice(-KNOWN_SHOWN);
    this.#covered = joined([this.#covered, ...batches.map(({ covered }) => covered)]);
  }

  #seen = () => {
    const { tell, progress } = this.#options;
    for (const [finding, found] of this.#report.found) {
      if (!this.#told.has(finding)) tell?.(found);
      this.#told.add(finding);
    }
    progress?.(this.#report);
  };

  /** Leaves out every step without which the same is found. */
  async #shorten(found: Found): Promise<void> {
    for (let i = found.one.steps.length - 1; i >= 0 && found.one.steps.length > 1; i--) {
      const one = { ...found.one, steps: found.one.steps.filter((_, index) => index !== i) };
      const report = emptyReport();
      await watch({ engine: this.#engine, cases: [one] }, report);
      if (report.found.has(found.finding)) found.one = one;
    }
  }
}

/** Maps of bits, in base64, as one. */
function joined(maps: readonly (string | null | undefined)[]): string | undefined {
  const all = maps.flatMap((map) => (map ? [Buffer.from(map, "base64")] : []));
  const [one] = all;
  if (!one) return undefined;
  return Buffer.from(one.map((_, i) => all.reduce((bits, map) => bits | map[i]!, 0))).toString(
    "base64",
  );
}

/** One worker until it has done its order or ends in another way; then the rest is another's. */
async function watch(order: Order, report: FuzzReport, progress?: () => void): Promise<Batch> {
  const batch: Batch = { kept: [], covered: null };
  let rest: Order | null = order;
  while (rest) {
    const done = await watchOne(rest, report, batch, progress);
    const left = (order.count ?? 0) - done;
    rest = order.cases || left <= 0 ? null : { ...order, seed: (order.seed ?? 1) + done };
    if (rest) Object.assign(rest, { count: left, plain: false });
    order = rest ?? order;
  }
  return batch;
}

/** Answers how many cases it has begun. */
function watchOne(
  order: Order,
  report: FuzzReport,
  batch: Batch,
  progress?: () => void,
): Promise<number> {
  const child = fork(path.join(import.meta.dirname, "worker.ts"), [], {
    execArgv: ["--import", "tsx", "--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  return new Promise((resolve, reject) => {
    let one: Case | null = null;
    let what = "";
    let begun = 0;
    let clock = new Clock(child);
    let why = "";
    const look = setInterval(() => {
      if (one && clock.isOver()) why = "no end";
      else if (memoryOf(child) > MEMORY_BYTES_MAX) why = "too much memory";
      if (why) child.kill("SIGKILL");
    }, LOOK_MS);
    child.on("message", (said: Said) => {
      if ("what" in said) what = said.what;
      else if ("covered" in said) batch.covered = said.covered;
      else if ("case" in said) {
        one = said.case;
        begun++;
        clock = new Clock(child);
      } else if (one) {
        const { finding, detail, outcome, edges, isKept } = said.done;
        count(report, one, finding, detail, outcome);
        report.edges = Math.max(report.edges, edges);
        if (isKept) {
          batch.kept.push(one);
          report.corpus++;
        }
        one = null;
        progress?.();
      }
    });
    child.on("exit", (code, signal) => {
      clearInterval(look);
      if (one) {
        const how = why || `the process ended with ${signal ?? code}`;
        count(report, one, `${how} in ${what}`, "", "");
        progress?.();
      }
      if (!one && code !== 0 && !why) reject(new Error(`a worker ended with ${signal ?? code}`));
      else resolve(begun);
    });
    child.send(order);
  });
}

/** How long a case takes: of the processor, so that a busy machine is no finding. */
class Clock {
  readonly #child: ChildProcess;
  readonly #began: number;
  #moved = performance.now();
  #spent: number;

  constructor(child: ChildProcess) {
    this.#child = child;
    this.#began = this.#spent = cpuOf(child);
  }

  /** It has taken too long, or waits for something that does not come. */
  isOver(): boolean {
    const spent = cpuOf(this.#child);
    if (spent !== this.#spent) this.#moved = performance.now();
    this.#spent = spent;
    return spent - this.#began > CASE_MS_MAX || performance.now() - this.#moved > CASE_MS_MAX;
  }
}

const TICK_MS = 10;

/** Milliseconds that a process has run; 0 where the system does not tell. */
function cpuOf({ pid }: ChildProcess): number {
  const file = `/proc/${pid}/stat`;
  if (!fs.existsSync(file)) return 0;
  // Behind the name, which can hold anything: state is field 3, times 14 and 15.
  const fields = fs.readFileSync(file, "utf8").split(") ").at(-1)!.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICK_MS;
}

/** Bytes of memory that a process has; 0 where the system does not tell. */
function memoryOf({ pid }: ChildProcess): number {
  const file = `/proc/${pid}/status`;
  if (!fs.existsSync(file)) return 0;
  return Number(/^VmRSS:\s+(\d+) kB/m.exec(fs.readFileSync(file, "utf8"))?.[1] ?? 0) * 1024;
}

function count(
  report: FuzzReport,
  one: Case,
  finding: string | null,
  detail: string,
  outcome: string,
): void {
  report.cases++;
  const key = finding === null ? outcome : "finding";
  report.outcomes.set(key, (report.outcomes.get(key) ?? 0) + 1);
  if (finding === null) return;
  const found = report.found.get(finding);
  if (!found) report.found.set(finding, { finding, detail, one, times: 1 });
  else {
    found.times++;
    if (one.steps.length < found.one.steps.length) found.one = one;
  }
}
