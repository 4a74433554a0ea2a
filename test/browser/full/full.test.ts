/** A browser that has no more room: `NoSpace`, and nothing is lost, even if the page is killed. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { whyNoMount } from "../../needs.ts";
import { type Browser, browserNames, launchBrowser } from "../browser.ts";
import { type Served, servePages } from "../serve.ts";
import { testsIn } from "../tests.ts";

const MIB = 2 ** 20;
/** Firefox gives an origin a part of it: at least 10 MiB, and so much it is here. */
const STORAGE_BYTES = 40 * MIB;

/** Room for a profile and some dozen MiB; the quota is far away. */
const DISK_BYTES = 128 * MIB;

type Facts = Record<string, number> & {
  quota: { available: number; used: number };
  /** Why a burst ended. */
  found: string;
};

/** What the page tells; then it is killed. */
async function live(
  browser: Browser,
  pages: Served,
  parameters: Record<string, string>,
): Promise<Facts> {
  const channel = `full-${parameters.phase}`;
  const said = new Promise((resolve) => pages.listen(channel, resolve));
  const entry = "test/browser/full/fill.ts";
  const page = { entry, isolated: false, in: "worker", parameters: { ...parameters, channel } };
  const tab = await browser.open(pages.url(page as Parameters<Served["url"]>[0]));
  const facts = (await said) as Facts & { error?: string };
  await tab.kill();
  assert.is(facts.error, undefined);
  return facts;
}

for (const name of browserNames) {
  for (const step of [4096, 65536]) {
    testsIn(name)(`no more room for writes of ${step} bytes`, async () => {
      const options = { storageBytes: STORAGE_BYTES };
      const [pages, browser] = await Promise.all([servePages(), launchBrowser(name, options)]);
      try {
        const filled = await live(browser, pages, { phase: "fill", step: String(step) });
        assert.ok(filled.end > 5 * MIB && filled.end < STORAGE_BYTES, `${filled.end} bytes fit`);
        // Chromium tells no more than that there is much room.
        if (name === "firefox") assert.ok(filled.quota.available < 4 * MIB, JSON.stringify(filled));
        assert.ok(filled.quota.used >= filled.end, JSON.stringify(filled));
        const again = { phase: "again", step: String(step), end: String(filled.end) };
        const { more, freed } = await live(browser, pages, again);
        assert.ok(freed >= more, `${freed} bytes after a delete, ${more} before`);
        assert.ok(freed > filled.end, `${freed} bytes in all, ${filled.end} with a snapshot`);
      } finally {
        await browser.close();
        await pages.close();
      }
    });
  }
}

const why = whyNoMount();

for (const name of browserNames) {
  testsIn(name, why)("a disk that is full under the browser", async () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-disk-"));
    const mount = (...options: string[]) =>
      assert.is(spawnSync("mount", ["-t", "tmpfs", ...options, "none", folder]).status, 0);
    mount("-o", `size=${DISK_BYTES}`);
    const profile = path.join(folder, "profile");
    const options = { storageBytes: 8 * 1024 * MIB, profile };
    const pages = await servePages();
    let browser = await launchBrowser(name, options);
    try {
      const step = "4096";
      const burst = await live(browser, pages, { phase: "burst", step });
      assert.match(burst.found, "NoSpace: ");
      assert.ok(burst.end > 5 * MIB && burst.end < DISK_BYTES, `${burst.end} bytes fit`);
      mount("-o", `remount,size=${2 * DISK_BYTES}`);
      // Firefox's own bookkeeping of files does not get over a full disk.
      await browser.close();
      browser = await launchBrowser(name, options);
      await live(browser, pages, { phase: "after", step, end: String(burst.end) });
    } finally {
      await browser.close();
      await pages.close();
      spawnSync("umount", ["--lazy", folder]);
      fs.rmdirSync(folder);
    }
  });
}

test.run();
