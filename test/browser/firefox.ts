/**
 * Firefox over Marionette, its own remote control: messages on a loopback socket, each with its
 * length before it.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import {
  type Browser,
  ended,
  endProcess,
  endWithUs,
  type LaunchOptions,
  type Tab,
} from "./browser.ts";

const LAUNCH_MS_MAX = 60_000;

const PREFERENCES: Record<string, boolean | number | string> = {
  "marionette.port": 0,
  "browser.shell.checkDefaultBrowser": false,
  "browser.tabs.warnOnClose": false,
  "browser.tabs.unloadOnLowMemory": false,
  "datareporting.policy.dataSubmissionEnabled": false,
  "toolkit.telemetry.enabled": false,
  // Nothing is fetched that no page asks for.
  "app.normandy.enabled": false,
  "app.update.auto": false,
  "browser.safebrowsing.downloads.remote.enabled": false,
  "browser.safebrowsing.malware.enabled": false,
  "browser.safebrowsing.phishing.enabled": false,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,#remote-settings-dummy/v1",
};

export async function launchFirefox(
  program: string,
  profile: string,
  options: LaunchOptions,
): Promise<Browser> {
  const preferences = { ...PREFERENCES };
  if (options.storageBytes !== undefined) {
    // KiB for all that is not persistent; what a group of origins gets follows from it.
    const limit = Math.ceil(options.storageBytes / 1024);
    preferences["dom.quotaManager.temporaryStorage.fixedLimit"] = limit;
  }
  const lines = Object.entries(preferences).map(
    ([name, value]) => `user_pref(${JSON.stringify(name)}, ${JSON.stringify(value)});\n`,
  );
  fs.writeFileSync(path.join(profile, "user.js"), lines.join(""));
  const flags = ["--headless", "--no-remote", "--marionette", "--remote-allow-system-access"];
  const child = spawn(program, [...flags, "--profile", profile, "about:blank"], {
    env: { ...process.env, HOME: profile, MOZ_CRASHREPORTER_DISABLE: "1" },
    stdio: ["ignore", "ignore", options.verbose ? "inherit" : "ignore"],
  });
  endWithUs(child);
  const marionette = await Marionette.connect(await portOf(profile, () => child.exitCode));
  const session = await marionette.send("WebDriver:NewSession", {
    capabilities: { alwaysMatch: {} },
  });
  await marionette.send("Marionette:SetContext", { value: "chrome" });
  const { capabilities } = session as { capabilities: { browserVersion: string } };
  return {
    name: "firefox",
    version: `Firefox/${capabilities.browserVersion}`,
    open: (url) => openTab(marionette, url),
    async close() {
      marionette.send("Marionette:Quit", { flags: ["eForceQuit"] }).catch(() => {});
      await ended(child, 10_000);
      marionette.end();
    },
  };
}

/** Firefox writes the port that it has chosen into the profile. */
async function portOf(profile: string, exitCode: () => number | null): Promise<number> {
  for (const end = performance.now() + LAUNCH_MS_MAX; performance.now() < end; await pause(50)) {
    if (exitCode() !== null) throw new Error(`Firefox ended with ${exitCode()}`);
    const file = path.join(profile, "MarionetteActivePort");
    if (!fs.existsSync(file)) continue;
    const port = Number(fs.readFileSync(file, "utf8"));
    if (port > 0) return port;
  }
  throw new Error(`Firefox did not start within ${LAUNCH_MS_MAX} ms`);
}

/** Scripts run in the browser's own context, where a tab knows its process. */
const TAB = "const tab = Array.from(gBrowser.tabs).find((one) => one.multisnap === arguments[0]);";
let tabs = 0;

async function openTab(marionette: Marionette, url: string): Promise<Tab> {
  const id = ++tabs;
  await marionette.run(
    `const triggeringPrincipal = Services.scriptSecurityManager.getSystemPrincipal();
     gBrowser.addTab(arguments[1], { triggeringPrincipal }).multisnap = arguments[0];`,
    [id, url],
  );
  const renderer = async () => {
    const script = `${TAB} return tab.linkedBrowser.browsingContext.currentWindowGlobal?.osPid;`;
    return Number((await marionette.run(script, [id])) ?? 0);
  };
  const close = () => marionette.run(`${TAB} if (tab) gBrowser.removeTab(tab);`, [id]);
  return {
    async close() {
      await close();
    },
    process: renderer,
    async kill() {
      endProcess(await renderer());
      await close();
    },
  };
}

class Marionette {
  readonly #socket: net.Socket;
  readonly #waiting = new Map<
    number,
    { resolve(result: unknown): void; reject(error: Error): void }
  >();
  #bytes: Buffer = Buffer.alloc(0);
  #last = 0;

  private constructor(socket: net.Socket) {
    this.#socket = socket;
    socket.on("data", (bytes) => this.#receive(bytes));
    socket.on("error", () => {});
    socket.on("close", () => {
      for (const { reject } of this.#waiting.values()) reject(new Error("Firefox has ended"));
      this.#waiting.clear();
    });
  }

  static async connect(port: number): Promise<Marionette> {
    const socket = net.connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new Marionette(socket);
  }

  send(command: string, parameters: object): Promise<unknown> {
    const id = ++this.#last;
    const text = JSON.stringify([0, id, command, parameters]);
    return new Promise((resolve, reject) => {
      this.#waiting.set(id, { resolve, reject });
      this.#socket.write(`${Buffer.byteLength(text)}:${text}`);
    });
  }

  async run(script: string, args: unknown[]): Promise<unknown> {
    const parameters = { script, args, sandbox: "system" };
    const result = await this.send("WebDriver:ExecuteScript", parameters);
    return (result as { value: unknown }).value;
  }

  end(): void {
    this.#socket.destroy();
  }

  #receive(bytes: Buffer): void {
    this.#bytes = Buffer.concat([this.#bytes, bytes]);
    for (;;) {
      const colon = this.#bytes.indexOf(":");
      const length = Number(this.#bytes.subarray(0, Math.max(colon, 0)));
      if (colon < 0 || this.#bytes.length < colon + 1 + length) return;
      const text = this.#bytes.subarray(colon + 1, colon + 1 + length).toString();
      this.#bytes = this.#bytes.subarray(colon + 1 + length);
      this.#take(JSON.parse(text));
    }
  }

  /** The greeting is an object, an answer [1, id, error, result]. */
  #take(message: unknown): void {
    if (!Array.isArray(message)) return;
    const [, id, error, result] = message as [number, number, { message: string } | null, unknown];
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error) waiting?.reject(new Error(error.message));
    else waiting?.resolve(result);
  }
}
