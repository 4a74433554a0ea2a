/**
 * Pages and workers killed at random moments of their work, in real browsers: what was answered for
 * is there when the volume is opened again, and `check` finds nothing.
 *
 * `SEED=7 KILLS=100 npx tsx test/browser/crash/crash.test.ts` draws other moments, and more.
 */
import { setTimeout as pause } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";

import { Random } from "../../model/prng.ts";
import { type Browser, browserNames, launchBrowser, type Tab } from "../browser.ts";
import { type Served, servePages } from "../serve.ts";
import { testsIn } from "../tests.ts";
import { Oracle, type Views } from "./oracle.ts";

const SEED = Number(process.env.SEED ?? 1);
const KILLS = Number(process.env.KILLS ?? 6);
const LIFE_MS_MIN = 20;
const LIFE_MS_MAX = 400;
const CHANNEL = "crash";

type Message =
  | { error: string }
  | { problems: unknown[]; views: [string, number[]][]; openMs: number }
  | { life: number; done: number };

/** Hears what lives tell, and holds it against the oracle. */
class Watch {
  readonly oracle = new Oracle();
  readonly wrong: string[] = [];
  openMsMax = 0;
  #opened = () => {};

  hear(message: Message): unknown {
    if ("error" in message) this.#complain([message.error]);
    else if ("done" in message) this.#told(message);
    else return this.#found(message);
    return null;
  }

  /** Answers when a life has opened the volume, or something is wrong. */
  opened(): Promise<void> {
    return new Promise((resolve) => {
      this.#opened = resolve;
    });
  }

  #told({ life, done }: { life: number; done: number }): void {
    // A message of one that was killed meanwhile comes late; it may tell more than the oracle took.
    if (life === this.oracle.life) this.oracle.told(done);
  }

  #found({
    problems,
    views,
    openMs,
  }: {
    problems: unknown[];
    views: [string, number[]][];
    openMs: number;
  }) {
    this.openMsMax = Math.max(this.openMsMax, openMs);
    this.#complain(problems.map((problem) => JSON.stringify(problem)));
    this.#complain(this.oracle.found(new Map(views) as Views));
    this.#opened();
    return { life: this.oracle.life };
  }

  #complain(wrong: string[]): void {
    if (wrong.length === 0) return;
    this.wrong.push(...wrong.map((line) => `life ${this.oracle.life}: ${line}`));
    this.#opened();
  }
}

/** Ends a life after the given milliseconds. */
type Kill = (browser: Browser, pages: Served, watch: Watch, moments: number[]) => Promise<void>;

const byTab =
  (end: (tab: Tab) => Promise<void>): Kill =>
  async (browser, pages, watch, moments) => {
    const entry = "test/browser/crash/life.ts";
    const url = pages.url({
      entry,
      isolated: false,
      in: "worker",
      parameters: { channel: CHANNEL },
    });
    for (const ms of [...moments, 0]) {
      const opened = watch.opened();
      const tab = await browser.open(url);
      await opened;
      if (watch.wrong.length > 0) return;
      await pause(ms);
      await end(tab);
    }
  };

const kills: Record<string, Kill> = {
  "pages whose process is killed": byTab((tab) => tab.kill()),
  "tabs that are closed": byTab((tab) => tab.close()),
  "workers that are terminated": async (browser, pages, watch, moments) => {
    const left = [...moments, 0];
    let opened = watch.opened();
    const over = new Promise<void>((resolve) => {
      pages.listen(`${CHANNEL}-end`, async () => {
        await opened;
        opened = watch.opened();
        await pause(left.shift());
        const more = left.length > 0 && watch.wrong.length === 0;
        if (!more) resolve();
        return more;
      });
    });
    const entry = "test/browser/crash/workers.ts";
    const parameters = { channel: CHANNEL };
    const tab = await browser.open(pages.url({ entry, isolated: true, in: "page", parameters }));
    await over;
    await tab.close();
  },
};

for (const name of browserNames) {
  for (const [what, kill] of Object.entries(kills)) {
    testsIn(name)(`${KILLS} ${what}, seed ${SEED}`, async () => {
      const [random, watch] = [new Random(SEED), new Watch()];
      const moments = Array.from({ length: KILLS }, () => random.between(LIFE_MS_MIN, LIFE_MS_MAX));
      const [pages, browser] = await Promise.all([servePages(), launchBrowser(name)]);
      try {
        pages.listen(CHANNEL, (message) => watch.hear(message as Message));
        await kill(browser, pages, watch, moments);
      } finally {
        await browser.close();
        await pages.close();
      }
      assert.equal(watch.wrong, []);
      assert.is(watch.oracle.life, KILLS + 1);
      assert.ok(watch.oracle.answered > KILLS, `${watch.oracle.answered} steps`);
      console.log(`${watch.oracle.answered} steps, opened within ${watch.openMsMax} ms`);
    });
  }
}

test.run();
