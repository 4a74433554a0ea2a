/** Chromium over the DevTools protocol on a pipe: JSON messages, each ended by a zero byte. */
import { type ChildProcess, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import {
  type Browser,
  ended,
  endProcess,
  endWithUs,
  type LaunchOptions,
  type Tab,
} from "./browser.ts";

const FLAGS = [
  "--headless=new",
  // Tests run as root, which Chromium's sandbox refuses.
  "--no-sandbox",
  "--disable-gpu",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // A page in the background is to run as one in front: several tabs are under load at once.
  "--disable-background-timer-throttling",
  "--disable-renderer-backgrounding",
  "--disable-backgrounding-occluded-windows",
  "--remote-debugging-pipe",
];

type Json = Record<string, unknown>;

export async function launchChromium(
  program: string,
  profile: string,
  options: LaunchOptions,
): Promise<Browser> {
  const child = spawn(program, [...FLAGS, `--user-data-dir=${profile}`, "about:blank"], {
    stdio: ["ignore", "ignore", options.verbose ? "inherit" : "ignore", "pipe", "pipe"],
  });
  endWithUs(child);
  const pipe = new Pipe(child);
  const { product } = await pipe.send("Browser.getVersion");
  return {
    name: "chromium",
    version: String(product),
    open: (url) => openTab(pipe, url, options.storageBytes),
    async close() {
      pipe.send("Browser.close").catch(() => {});
      await ended(child, 5000);
    },
  };
}

async function openTab(pipe: Pipe, url: string, storageBytes?: number): Promise<Tab> {
  const { targetId } = await pipe.send("Target.createTarget", { url: "about:blank" });
  const attached = await pipe.send("Target.attachToTarget", { targetId, flatten: true });
  const session = String(attached.sessionId);
  if (storageBytes !== undefined) {
    // In force as long as the session is attached.
    const limit = { origin: new URL(url).origin, quotaSize: storageBytes };
    await pipe.send("Storage.overrideQuotaForOrigin", limit, session);
  }
  await pipe.send("Performance.enable", {}, session);
  await pipe.send("Inspector.enable", {}, session);
  await pipe.send("Page.navigate", { url }, session);
  return {
    async close() {
      await pipe.send("Target.closeTarget", { targetId });
    },
    async freeze(frozen) {
      const state = frozen ? "frozen" : "active";
      await pipe.send("Page.setWebLifecycleState", { state }, session);
    },
    process: () => rendererOf(pipe, session),
    async kill() {
      const crashed = pipe.event("Inspector.targetCrashed", session);
      endProcess(await rendererOf(pipe, session));
      await crashed;
      await pipe.send("Target.closeTarget", { targetId });
    },
  };
}

/**
 * The protocol names no process of a page, but tells the seconds that it has computed, and those of
 * every renderer: the nearest is it. Told apart by hundredths, with some work between where needed.
 */
async function rendererOf(pipe: Pipe, session: string): Promise<number> {
  for (let attempt = 0; attempt < 20; attempt++) {
    const { metrics } = (await pipe.send("Performance.getMetrics", {}, session)) as {
      metrics: { name: string; value: number }[];
    };
    const spent = metrics.find(({ name }) => name === "ProcessTime")?.value ?? 0;
    const { processInfo } = (await pipe.send("SystemInfo.getProcessInfo")) as {
      processInfo: { type: string; id: number; cpuTime: number }[];
    };
    const [best, next] = processInfo
      .filter(({ type }) => type === "renderer")
      .map(({ id, cpuTime }) => ({ id, off: Math.abs(cpuTime - spent) }))
      .sort((a, b) => a.off - b.off);
    if (best && (!next || next.off > best.off + 0.05)) return best.id;
    const work = "for (const end = performance.now() + 100; performance.now() < end; );";
    await pipe.send("Runtime.evaluate", { expression: work }, session);
  }
  throw new Error("which process renders the tab could not be found out");
}

class Pipe {
  readonly #out: Writable;
  readonly #waiting = new Map<
    number,
    { resolve(result: Json): void; reject(error: Error): void }
  >();
  readonly #events = new Map<string, () => void>();
  #last = 0;
  #text = "";

  constructor(child: ChildProcess) {
    this.#out = child.stdio[3] as Writable;
    this.#out.on("error", () => {});
    const input = child.stdio[4] as Readable;
    input.setEncoding("utf8").on("data", (text: string) => this.#receive(text));
    child.on("error", (error) => this.#end(error));
    child.on("exit", () => this.#end(new Error("Chromium has ended")));
  }

  send(method: string, params: Json = {}, sessionId?: string): Promise<Json> {
    const id = ++this.#last;
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#out.write(`${JSON.stringify({ id, method, params, sessionId })}\0`);
    });
  }

  /** Answers at the next event of that name. */
  event(method: string, session: string): Promise<void> {
    return new Promise((resolve) => this.#events.set(`${session} ${method}`, resolve));
  }

  #receive(text: string): void {
    const messages = (this.#text + text).split("\0");
    this.#text = messages.pop() ?? "";
    for (const message of messages) this.#take(JSON.parse(message));
  }

  #take(message: {
    id?: number;
    method?: string;
    sessionId?: string;
    result?: Json;
    error?: { message: string };
  }): void {
    if (message.id === undefined) {
      const key = `${message.sessionId} ${message.method}`;
      this.#events.get(key)?.();
      this.#events.delete(key);
      return;
    }
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (message.error) waiting?.reject(new Error(message.error.message));
    else waiting?.resolve(message.result ?? {});
  }

  #end(error: Error): void {
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
