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

/** A case takes some 20 ms. */
const CASE_MS_MAX = 20_000;
/** A worker lives for so many cases: memories of engines are given back late. */
const CASES_PER_WORKER = 4000;
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
  /** Stop at the first finding. */
  first?: boolean;
  progress?: (report: FuzzReport) => void;
  /** Called with each new finding, before it is made short. */
  tell?: (found: Found) => void;
}

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  return withEngine((engine) => new Fuzz(options, engine).run(), options.engine);
}

/** Runs one case; answers its finding, or null. */
export async function replay(one: Case, given?: string): Promise<Found | null> {
  return withEngine(async (engine) => {
    const report = emptyReport();
    await watch({ engine, cases: [one] }, report);
    return [...report.found.values()][0] ?? null;
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

class Fuzz {
  readonly #options: FuzzOptions;
  readonly #engine: string;
  readonly #report = emptyReport();
  readonly #told = new Set<string>();
  #corpus: Case[] = [];

  constructor(options: FuzzOptions, engine: string) {
    this.#options = options;
    this.#engine = engine;
  }

  async run(): Promise<FuzzReport> {
    const { seed, cases, only, first, progress, tell } = this.#options;
    const report = this.#report;
    for (let round = 0; report.cases < cases; round++) {
      const order = {
        engine: this.#engine,
        seed: seed + round * 1_000_003,
        count: Math.min(CASES_PER_WORKER, cases - report.cases),
        only,
        corpus: this.#corpus,
      };
      const seen = () => {
        for (const [finding, found] of report.found) {
          if (!this.#told.has(finding)) tell?.(found);
          this.#told.add(finding);
        }
        progress?.(report);
      };
      await watch(order, report, seen, (one) => this.#keep(one));
      seen();
      if (first && report.found.size > 0) break;
    }
    for (const found of report.found.values()) await this.#shorten(found);
    return report;
  }

  #keep(one: Case): void {
    this.#corpus.push(one);
    if (this.#corpus.length > KNOWN_SHOWN) this.#corpus = this.#corpus.slice(-KNOWN_SHOWN / 2);
  }

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

/** One worker until it has done its order or ends in another way. */
function watch(
  order: Order,
  report: FuzzReport,
  progress?: () => void,
  keep?: (one: Case) => void,
): Promise<void> {
  const child = fork(path.join(import.meta.dirname, "worker.ts"), [], {
    execArgv: ["--import", "tsx", "--expose-gc"],
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  return new Promise((resolve, reject) => {
    let one: Case | null = null;
    let what = "";
    let kept = order.corpus?.length ?? 0;
    let began = performance.now();
    let why = "";
    const look = setInterval(() => {
      if (one && performance.now() - began > CASE_MS_MAX) why = "no end";
      else if (memoryOf(child) > MEMORY_BYTES_MAX) why = "too much memory";
      if (why) child.kill("SIGKILL");
    }, LOOK_MS);
    const base = report.edges;
    child.on("message", (said: Said) => {
      if ("what" in said) what = said.what;
      else if ("case" in said) {
        one = said.case;
        began = performance.now();
      } else if (one) {
        const { finding, detail, outcome, edges } = said.done;
        count(report, one, finding, detail, outcome);
        report.edges = Math.max(base, edges);
        report.corpus = said.done.kept;
        if (said.done.kept > kept) keep?.(one);
        kept = said.done.kept;
        one = null;
        progress?.();
      }
    });
    child.on("exit", (code, signal) => {
      clearInterval(look);
      if (one) {
        const how = why || `the process ended with ${signal ?? code}`;
        count(report, one, `${how} in ${what}`, "", "");
      }
      if (!one && code !== 0 && !why) reject(new Error(`a worker ended with ${signal ?? code}`));
      else resolve();
    });
    child.send(order);
  });
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
