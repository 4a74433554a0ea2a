/** Tabs with one volume, some of which the browser freezes: the others go on. */
import { setTimeout as pause } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type Browser, launchBrowser, type Tab } from "../browser.ts";
import { type Served, servePages } from "../serve.ts";
import { testsIn } from "../tests.ts";

/** A busy machine may start a tab slowly. */
const PATIENCE_MS = 60_000;

interface Said {
  found?: number;
  waiting?: number;
  wrote?: number;
  error?: string;
}

class Watched {
  tab!: Tab;
  /** Since it was last looked at. */
  beats = 0;
  found = 0;
  waiting = 0;
  wrote = 0;
  write: number | undefined;
  error: string | undefined;

  static async open(browser: Browser, pages: Served, channel: string): Promise<Watched> {
    const watched = new Watched();
    pages.listen(channel, (message) => watched.#hear(message as Said));
    const parameters = { channel, store: "frozen" };
    const entry = "test/browser/tabs/frozen-page.ts";
    watched.tab = await browser.open(pages.url({ entry, isolated: false, in: "page", parameters }));
    await watched.until("it connects", () => watched.beats > 0);
    return watched;
  }

  #hear({ found, waiting, wrote, error }: Said): unknown {
    this.error ??= error;
    if (wrote !== undefined) this.wrote = wrote;
    if (found === undefined) return {};
    [this.found, this.waiting] = [found, waiting!];
    this.beats++;
    const { write } = this;
    this.write = undefined;
    return { write };
  }

  async until(what: string, done: () => boolean): Promise<void> {
    for (const end = performance.now() + PATIENCE_MS; !done(); await pause(10)) {
      assert.is(this.error, undefined);
      assert.ok(performance.now() < end, `not within ${PATIENCE_MS} ms: ${what}`);
    }
  }

  async beatsOn(what: string): Promise<void> {
    this.beats = 0;
    await this.until(what, () => this.beats >= 2);
  }
}

testsIn("chromium")("a frozen tab that is next in line is passed over", async () => {
  const [pages, browser] = await Promise.all([servePages(), launchBrowser("chromium")]);
  try {
    const tabs: Watched[] = [];
    for (const name of ["one", "two", "three"]) tabs.push(await Watched.open(browser, pages, name));
    const [one, two, three] = tabs as [Watched, Watched, Watched];
    await three.until("two stand in line", () => three.waiting === 2);
    await two.tab.freeze!(true);
    await three.until("the frozen one does not", () => three.waiting === 1);
    two.beats = 0;
    three.write = 7;
    await three.until("a write", () => three.wrote === 7);
    await one.tab.close();
    await three.beatsOn("the third takes over");
    assert.is(two.beats, 0);

    await two.tab.freeze!(false);
    await two.beatsOn("the second goes on");
    assert.is(two.found, 7, "what was written meanwhile");
    await three.until("it is in line again", () => three.waiting === 1);
    await three.tab.close();
    await two.beatsOn("now it takes over");
    assert.is(two.found, 7);
  } finally {
    await browser.close();
    await pages.close();
  }
});

test.run();
