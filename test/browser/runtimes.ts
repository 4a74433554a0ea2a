/** Real browsers as runtimes: each test file in a dedicated worker of a page of its own. */
import type { Run, Runtime, Suite } from "../runtimes/runtime.ts";
import { type Browser, type BrowserName, browserNames, launchBrowser, missing } from "./browser.ts";
import { type Served, servePages } from "./serve.ts";
import { shortRun } from "./tabs/short.ts";

/** Not a file for a page, but tabs that this process opens and kills. */
const TABS_RUN = "test/browser/tabs/run.ts";

const DEVICES: Suite = { name: "devices", files: ["test/browser/opfs.page-test.ts"] };
const WORKERS: Suite = { name: "in a worker", files: ["test/browser/connect.page-test.ts"] };
const TABS: Suite = { name: "tabs", files: ["test/browser/tabs.page-test.ts", TABS_RUN] };
const OWN: readonly Suite[] = [DEVICES, WORKERS, TABS];

/** The suites that every runtime has, and those of pages. */
export function browserRuntimes(common: readonly Suite[]): Runtime[] {
  return browserNames.flatMap((name) =>
    [false, true].map((isolated) => browserRuntime(name, isolated, [...common, ...OWN])),
  );
}

interface Running {
  browser: Browser;
  pages: Served;
}

function browserRuntime(name: BrowserName, isolated: boolean, suites: readonly Suite[]): Runtime {
  let running: Promise<Running> | null = null;
  let runs = 0;
  const start = async (): Promise<Running> => {
    const [browser, pages] = await Promise.all([launchBrowser(name), servePages()]);
    return { browser, pages };
  };
  return {
    name: isolated ? `${name} isolated` : name,
    suites,
    atATime: 1,
    async version() {
      if (missing(name) !== null) return null;
      running ??= start();
      return (await running).browser.version;
    },
    async run(file, env, seconds) {
      try {
        running ??= start();
        if (file === TABS_RUN) return await shortRun({ ...(await running), isolated });
        const page = { file, isolated, env, channel: `run-${++runs}` };
        return await runFile(await running, page, seconds);
      } catch (error) {
        return { output: String((error as Error).stack), code: "error" };
      }
    },
    async end() {
      const ended = await running?.catch(() => null);
      running = null;
      await ended?.browser.close();
      await ended?.pages.close();
    },
  };
}

interface Page {
  file: string;
  isolated: boolean;
  env: Readonly<Record<string, string>>;
  channel: string;
}

interface Said {
  output?: string;
  isolated?: boolean;
  error?: string;
}

async function runFile({ browser, pages }: Running, page: Page, seconds: number): Promise<Run> {
  const { file, isolated, env, channel } = page;
  const said = new Promise<Said>((resolve) => {
    pages.listen(channel, (message) => resolve(message as Said));
  });
  const parameters = { channel, env: JSON.stringify(env) };
  const tab = await browser.open(pages.url({ entry: file, isolated, in: "worker", parameters }));
  const hung = new Promise<Said>((resolve) => {
    setTimeout(() => resolve({ error: `no end within ${seconds} s` }), seconds * 1000).unref();
  });
  const { output = "", error, isolated: found } = await Promise.race([said, hung]);
  await tab.close();
  if (error !== undefined) return { output: output + error, code: "error" };
  if (found !== isolated) return { output: `${output}\nisolated: ${found}`, code: "error" };
  return { output, code: 0 };
}
