/** What the tests of `replicate` have in common: its events, copies, slow commands, servers. */
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { command, commandArguments, finished, fresh, json, start, succeed } from "./program.ts";

export const MIB = 2 ** 20;
export const SIZE = 16 * MIB;
export const itself = [command, ...commandArguments].map((part) => `'${part}'`).join(" ");

export interface Event {
  type: "sent" | "failed";
  snapshot: string;
  from: string | null;
  resumed: boolean;
  bytes: number;
  follows: boolean;
  deleted: { here: string[]; there: number };
  code: string;
  message: string;
}

export async function newStore(...more: string[]): Promise<string> {
  const store = fresh("disk.msnap");
  await succeed("create", store, "--size", `${SIZE}`, ...more, "--quiet");
  return store;
}

/** One round; what it said. */
export async function once(store: string, ...args: string[]): Promise<Event> {
  const printed = await succeed("replicate", store, "--once", "--json", ...args);
  return JSON.parse(printed.toString()) as Event;
}

/** A command for `replicate`: a line for a shell. */
export function shell(line: string): string[] {
  return ["--", "sh", "-c", line];
}

/** Takes 64 KiB, and then nothing for a while; how much it was in all stands in the file. */
export function slowly(ms: number, file = fresh("taken")): string {
  const script =
    "let all = 0; const i = process.stdin; i.on('data', (d) => { i.pause(); all += d.length; " +
    `fs.writeFileSync('${file}', String(all)); ` +
    `process.stdout.write(d, () => setTimeout(() => i.resume(), ${ms})); });`;
  return `'${process.execPath}' -e "${script}"`;
}

/** When a test fails, none of them goes on. */
const living: ChildProcess[] = [];
test.after(() => {
  for (const child of living) child.kill("SIGKILL");
});

/** One that goes on until it is told to end; with what it has said so far. */
export function going(store: string, ...args: string[]) {
  const child = start("replicate", store, "--json", ...args);
  living.push(child);
  let text = "";
  child.stdout!.on("data", (part) => {
    text += part;
  });
  const ended = finished(child);
  const events = () =>
    text
      .split("\n")
      .slice(0, -1)
      .map((line) => JSON.parse(line) as Event);
  const until = async (what: (event: Event) => boolean, count = 1) => {
    for (let tries = 0; tries < 600; tries++) {
      const found = events().filter(what);
      if (found.length >= count) return found[count - 1]!;
      await wait(50);
    }
    throw new Error(`it never said that; it said: ${text}`);
  };
  const stop = async (signal: NodeJS.Signals = "SIGTERM") => {
    child.kill(signal);
    const { code, stderr } = await ended;
    assert.is(stderr, "");
    assert.is(code, 0);
  };
  return { child, ended, events, until, stop };
}

export const isSent = ({ type }: Event) => type === "sent";
export const isFailed = ({ type }: Event) => type === "failed";

export async function read(store: string, name?: string): Promise<Buffer> {
  const view = name === undefined ? store : `${store}@${name}`;
  return succeed("read", view, "--offset", "0", "--length", `${SIZE}`);
}

export interface Row {
  name: string;
  holds: string[];
}

export async function list(store: string): Promise<Row[]> {
  return (await json("list", store)).snapshots as Row[];
}

export async function held(store: string): Promise<string[]> {
  return (await list(store)).filter(({ holds }) => holds.length > 0).map(({ name }) => name);
}

export async function serve(store: string): Promise<ChildProcess> {
  const server = start("serve", store, "--socket", `${store}.sock`);
  living.push(server);
  await new Promise<void>((resolve) => server.stdout!.once("data", () => resolve()));
  return server;
}

export async function endServer(server: ChildProcess): Promise<void> {
  server.kill("SIGTERM");
  await finished(server);
}

export function newFolder(): string {
  const made = fresh("backup");
  fs.mkdirSync(made);
  return made;
}

export async function until(what: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 400; tries++) {
    if (await what()) return;
    await wait(50);
  }
  throw new Error("it never came");
}
