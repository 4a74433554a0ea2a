/** Real browsers for tests and benchmarks: headless, each in a profile that is gone at the end. */
import { type ChildProcess, spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { isThere } from "../needs.ts";
import { launchChromium } from "./chromium.ts";
import { launchFirefox } from "./firefox.ts";

export type BrowserName = "chromium" | "firefox";
export const browserNames: readonly BrowserName[] = ["chromium", "firefox"];

export interface LaunchOptions {
  /** Bytes that an origin gets to store; without it, what the browser gives. */
  storageBytes?: number;
  /** Where its profile, and so what pages store, is kept meanwhile; by default on a disk. */
  folder?: string;
  /** A profile that stays when the browser is closed, to launch it again with; it is made. */
  profile?: string;
  /** Shows what the browser itself prints. */
  verbose?: boolean;
}

export interface Tab {
  /** As a user closes it. */
  close(): Promise<void>;
  /** SIGKILL to the process that renders it, and to nothing else of ours. */
  kill(): Promise<void>;
  /** As a browser short of memory does, only Chromium: it does nothing until it is let. */
  freeze?(frozen: boolean): Promise<void>;
  /** The id of that process. Firefox has several tabs of a site in one. */
  process(): Promise<number>;
}

export interface Browser {
  readonly name: BrowserName;
  readonly version: string;
  /** A new tab; answers before the page has loaded. */
  open(url: string): Promise<Tab>;
  close(): Promise<void>;
}

const PROGRAMS: Record<BrowserName, string> = { chromium: "chromium", firefox: "firefox-esr" };

/** Why `name` cannot be launched here, or null: programs are looked for on the path. */
export function missing(name: BrowserName): string | null {
  const program = PROGRAMS[name];
  return isThere(program) ? null : `no ${program} here`;
}

export async function launchBrowser(
  name: BrowserName,
  options: LaunchOptions = {},
): Promise<Browser> {
  const profile = profileOf(name, options);
  const remove = () => {
    if (options.profile) return;
    fs.rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  };
  process.once("exit", remove);
  const launch = name === "chromium" ? launchChromium : launchFirefox;
  try {
    const browser = await launch(PROGRAMS[name], profile, options);
    return {
      ...browser,
      async close() {
        await browser.close();
        process.off("exit", remove);
        remove();
      },
    };
  } catch (error) {
    process.off("exit", remove);
    remove();
    throw error;
  }
}

function profileOf(name: BrowserName, { profile, folder }: LaunchOptions): string {
  if (!profile) return fs.mkdtempSync(path.join(folder ?? os.tmpdir(), `multisnap-${name}-`));
  fs.mkdirSync(profile, { recursive: true });
  return profile;
}

let hears = false;

/** A signal ends this process as any other end does. */
function hearSignals(): void {
  if (hears) return;
  hears = true;
  for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
}

/** Ends `child` and all that it started, if this process ends without doing so. */
export function endWithUs(child: ChildProcess): void {
  hearSignals();
  const kill = () => {
    for (const pid of [...descendants(child.pid ?? 0), child.pid ?? 0]) endProcess(pid);
  };
  process.once("exit", kill);
  child.once("exit", () => process.off("exit", kill));
}

export function endProcess(pid: number): void {
  try {
    if (pid > 0) process.kill(pid, "SIGKILL");
  } catch {
    // It has gone on its own.
  }
}

/** Processes that `pid` started, and those that they started. */
export function descendants(pid: number): number[] {
  const table = spawnSync("ps", ["-e", "-o", "pid=,ppid="], { encoding: "utf8" }).stdout ?? "";
  const pairs = table
    .trim()
    .split("\n")
    .map((line) => line.trim().split(/\s+/).map(Number));
  const found: number[] = [];
  for (let parents = [pid]; parents.length > 0; ) {
    parents = pairs
      .filter(([, parent]) => parents.includes(parent as number))
      .map(([child]) => child as number);
    found.push(...parents);
  }
  return found;
}

/** Answers when the process has ended; it is killed after `milliseconds`. */
export async function ended(child: ChildProcess, milliseconds: number): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const timer = setTimeout(() => endProcess(child.pid ?? 0), milliseconds);
  await new Promise((resolve) => child.once("exit", resolve));
  clearTimeout(timer);
}
