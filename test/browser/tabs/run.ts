/**
 * Tabs of a real browser with one volume: opened, closed and killed at random under load, with an
 * oracle that is told of every step. Answers what was found and how long take-overs took.
 */
import { setTimeout as pause } from "node:timers/promises";
import type { Content } from "../../connect/tabs/load.ts";
import { Oracle, type Step } from "../../connect/tabs/oracle.ts";
import { Random } from "../../model/prng.ts";
import type { Browser, Tab } from "../browser.ts";
import type { Served } from "../serve.ts";

const BLOCKS = 96;
const LANES = 3;
const TABS_MIN = 3;
const TABS_MAX = 5;
/** A busy machine may start a tab slowly. */
const PATIENCE_MS = 60_000;

export interface Plan {
  browser: Browser;
  pages: Served;
  isolated: boolean;
  seed: number;
  /** Tabs that go. */
  events: number;
  /** Where the files were when a tab went, as it happens. */
  log?: (line: string) => void;
}

export interface Result {
  problems: string[];
  /** Requests that failed, which all of these tabs' should not. */
  errors: string[];
  /** The longest read in any tab around each end of a tab that had the files, in milliseconds. */
  takeOvers: { how: string; ms: number }[];
  counts: Oracle["counts"];
  tabs: number;
}

interface Living {
  tab: Tab;
  id: number;
  connected: boolean;
  owns: boolean;
  /** The longest read since this was set to 0. */
  longest: number;
  /** Reports since this was set to 0. */
  reports: number;
  over: boolean;
}

let runs = 0;

export async function runTabs(plan: Plan): Promise<Result> {
  return await new Run(plan).all();
}

class Run {
  readonly #plan: Plan;
  readonly #prng: Random;
  readonly #oracle = new Oracle(BLOCKS);
  readonly #living = new Map<number, Living>();
  readonly #channel = `tabs-${++runs}-${Date.now()}`;
  readonly #mix: { flushes: number; names: number };
  readonly #problems: string[] = [];
  readonly #takeOvers: Result["takeOvers"] = [];
  #content: Content | null = null;
  #tabs = 0;
  #stopped = false;

  constructor(plan: Plan) {
    this.#plan = plan;
    this.#prng = new Random(plan.seed);
    this.#mix = { flushes: 0.1 * this.#random(), names: 0.15 * this.#random() };
    plan.pages.listen(this.#channel, (message) => this.#hear(message as Said));
  }

  #random(): number {
    return this.#prng.below(2 ** 30) / 2 ** 30;
  }

  async all(): Promise<Result> {
    try {
      for (let tab = 0; tab < TABS_MIN; tab++) await this.#open();
      for (let event = 0; event < this.#plan.events; event++) {
        await this.#connected();
        await pause(200 + 1500 * this.#random());
        await this.#end();
        if (this.#living.size < TABS_MIN || this.#random() < 0.5) await this.#open();
        if (this.#living.size < TABS_MAX && this.#random() < 0.3) await this.#open();
      }
      await this.#connected();
      this.#stopped = true;
      await this.#until("all tabs close", () => [...this.#living.values()].every((l) => l.over));
      for (const { id, tab } of [...this.#living.values()]) {
        this.#forget(id);
        await tab.close();
      }
      await this.#verify();
    } catch (error) {
      this.#problems.push(String((error as Error).stack));
    }
    for (const { tab } of this.#living.values()) await tab.close().catch(() => {});
    return {
      problems: [...this.#problems, ...this.#oracle.problems],
      errors: this.#oracle.errors,
      takeOvers: this.#takeOvers,
      counts: this.#oracle.counts,
      tabs: this.#tabs,
    };
  }

  async #open(verifies = false): Promise<void> {
    const { browser, pages, isolated } = this.#plan;
    const id = ++this.#tabs;
    const load = JSON.stringify({
      ...{ channel: this.#channel, store: this.#channel, tab: id, blocks: BLOCKS, lanes: LANES },
      ...{ seed: this.#prng.u32(), ...this.#mix, verifies },
    });
    const entry = "test/browser/tabs/page.ts";
    const url = pages.url({ entry, isolated, in: "page", parameters: { load } });
    for (let lane = 0; lane < LANES; lane++) this.#oracle.begin(id * 10 + lane);
    const living: Living = {
      ...{ id, connected: false, owns: false, longest: 0, reports: 0, over: false },
      tab: null as unknown as Tab,
    };
    this.#living.set(id, living);
    living.tab = await browser.open(url);
  }

  /** From now on it answers for nothing. */
  #forget(id: number): void {
    this.#living.delete(id);
    for (let lane = 0; lane < LANES; lane++) this.#oracle.end(id * 10 + lane);
  }

  async #end(): Promise<void> {
    const all = [...this.#living.values()];
    const owner = all.find(({ owns }) => owns);
    const drawn = all[this.#prng.below(all.length)]!;
    // Most of all the one that has the files.
    const gone = owner && this.#random() < 0.7 ? owner : drawn;
    const kills = this.#random() < 0.6;
    const pids = kills ? await this.#pids(all) : new Map<Living, number>();
    const dying = all.filter((one) => one === gone || (kills && pids.get(one) === pids.get(gone)));
    for (const { id } of dying) this.#forget(id);
    const how = kills ? "killed" : "closed";
    this.#plan.log?.(`${how}: ${dying.map(({ id }) => id)}${gone.owns ? ", the owner" : ""}`);
    for (const one of this.#living.values()) [one.longest, one.reports] = [0, 0];
    if (kills) await gone.tab.kill();
    for (const { tab } of kills ? dying.filter((one) => one !== gone) : [gone]) await tab.close();
    if (!dying.some(({ owns }) => owns) || this.#living.size === 0) return;
    const rest = [...this.#living.values()].filter(({ connected }) => connected);
    await this.#until("another tab takes over", () => rest.every(({ reports }) => reports >= 2));
    if (rest.length > 0) {
      this.#takeOvers.push({ how, ms: Math.max(...rest.map(({ longest }) => longest)) });
    }
  }

  async #pids(all: readonly Living[]): Promise<Map<Living, number>> {
    const pids = new Map<Living, number>();
    for (const one of all) pids.set(one, await one.tab.process());
    return pids;
  }

  async #connected(): Promise<void> {
    await this.#until("all tabs connect", () =>
      [...this.#living.values()].every(({ connected }) => connected),
    );
  }

  async #until(what: string, done: () => boolean): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; !done(); await pause(20)) {
      if (this.#problems.length > 0) throw new Error(`${what}: ${this.#problems[0]}`);
      if (performance.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    }
  }

  async #verify(): Promise<void> {
    await this.#open(true);
    await this.#until("the volume opens at the end", () => this.#content !== null);
    const { origin, snapshots, problems } = this.#content!;
    for (const id of [...this.#living.keys()]) {
      const { tab } = this.#living.get(id)!;
      this.#forget(id);
      await tab.close();
    }
    this.#problems.push(...problems.map((problem) => `check: ${problem}`));
    this.#oracle.verify(origin, new Map(snapshots));
  }

  #hear(said: Said): unknown {
    const living = this.#living.get(said.tab);
    if (!living) return { ok: false, dead: true };
    if (said.what === "step") {
      return { ...(this.#oracle.tell(said.step!) as object), stop: this.#stopped };
    }
    if (said.what === "connected") {
      living.connected = true;
      if (said.isolated !== this.#plan.isolated) this.#problems.push("isolation is not as asked");
    } else if (said.what === "pinged") {
      living.owns = said.owns!;
      living.longest = Math.max(living.longest, said.longest!);
      living.reports++;
    } else if (said.what === "closed") living.over = true;
    else if (said.what === "content") this.#content = said.content!;
    else this.#problems.push(`tab ${said.tab}: ${said.error}`);
    return { ok: true };
  }
}

interface Said {
  tab: number;
  what: "connected" | "step" | "pinged" | "closed" | "content" | "failed";
  step?: Step;
  isolated?: boolean;
  longest?: number;
  owns?: boolean;
  content?: Content;
  error?: string;
}
