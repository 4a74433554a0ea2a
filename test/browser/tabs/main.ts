/**
 * Tabs with one volume for as long as one likes:
 *
 *     npx tsx test/browser/tabs/main.ts [chromium|firefox|all] [SECONDS] [SEED]
 */
import { type BrowserName, browserNames, launchBrowser, missing } from "../browser.ts";
import { servePages } from "../serve.ts";
import { runTabs } from "./run.ts";
import { summary } from "./summary.ts";

const [which = "all", seconds = "300", first = String(Date.now() % 1_000_000)] =
  process.argv.slice(2);
const names = which === "all" ? browserNames : [which as BrowserName];
let failed = false;

async function one(name: BrowserName, isolated: boolean, seed: number): Promise<void> {
  const [browser, pages] = await Promise.all([launchBrowser(name), servePages()]);
  try {
    const log = (line: string) => process.env.VERBOSE && console.log(`  ${line}`);
    const result = await runTabs({ browser, pages, isolated, seed, events: 15, log });
    const mode = isolated ? "isolated" : "plain";
    console.log(`${browser.version} ${mode} seed ${seed}: ${summary(result)}`);
    for (const problem of [...result.problems, ...result.errors]) console.log(`  ${problem}`);
    if (result.problems.length + result.errors.length > 0) {
      failed = true;
      console.log(`  again: npx tsx test/browser/tabs/main.ts ${name} 1 ${seed}`);
    }
  } finally {
    await browser.close();
    await pages.close();
  }
}

async function main(): Promise<void> {
  const here = names.filter((name) => {
    const why = missing(name);
    if (why) console.log(`skipped: ${why}`);
    return why === null;
  });
  const end = performance.now() + Number(seconds) * 1000;
  for (let seed = Number(first); here.length > 0; seed++) {
    for (const name of here) await one(name, seed % 2 === 1, seed);
    if (performance.now() >= end) break;
  }
  process.exit(failed ? 1 : 0);
}

await main();
