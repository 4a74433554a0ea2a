/** Starts the built command-line program in a process of its own, as a user would. */
import { type ChildProcess, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";
import * as assert from "uvu/assert";
import { findProgram, type ProgramName } from "../runtimes/programs.ts";
import { here, programArguments } from "../runtimes/script.ts";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
/** What the runtime under test runs: `MULTISNAP_RUNTIME`, or the one that runs the tests. */
export const program = path.join(root, "bin", "multisnap.js");
const name = (process.env.MULTISNAP_RUNTIME ?? here) as ProgramName;
const runtime = findProgram(name);
if (!runtime) throw new Error(`no ${name} here to run the program in`);
/** A command, and the arguments that come before those of the program. */
export const command = runtime.path;
export const commandArguments: readonly string[] = [...programArguments(name), program];

/** Emptied when the test file ends. */
export const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-cli-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));

refuseOldBuild();

let files = 0;
/** A path where nothing is. */
export function fresh(name = "file"): string {
  return path.join(folder, `${files++}-${name}`);
}

export interface Result {
  code: number | null;
  stdout: Buffer;
  stderr: string;
}

export function start(...args: string[]): ChildProcess {
  return spawn(command, [...commandArguments, ...args], { cwd: folder });
}

/** Ends when the process has: its exit code and all that it printed. */
export function finished(child: ChildProcess): Promise<Result> {
  const stdout: Buffer[] = [];
  const stderr: Buffer[] = [];
  child.stdout?.on("data", (part) => stdout.push(part));
  child.stderr?.on("data", (part) => stderr.push(part));
  return new Promise((resolve, reject) => {
    child.on("error", reject);
    child.on("close", (code) =>
      resolve({ code, stdout: Buffer.concat(stdout), stderr: Buffer.concat(stderr).toString() }),
    );
  });
}

export function run(...args: string[]): Promise<Result> {
  return runWith(new Uint8Array(0), ...args);
}

/** `input` is what it finds on standard input. */
export async function runWith(input: Uint8Array, ...args: string[]): Promise<Result> {
  const child = start(...args);
  // It may refuse its arguments before it reads.
  child.stdin?.on("error", () => {});
  child.stdin?.end(input);
  return finished(child);
}

/** Runs, demands success, and gives what it printed. */
export async function succeed(...args: string[]): Promise<Buffer> {
  return succeedWith(new Uint8Array(0), ...args);
}

export async function succeedWith(input: Uint8Array, ...args: string[]): Promise<Buffer> {
  const { code, stdout, stderr } = await runWith(input, ...args);
  assert.is(stderr, "", args.join(" "));
  assert.is(code, 0, args.join(" "));
  return stdout;
}

/** Runs with `--json` and gives the one document. */
export async function json(...args: string[]): Promise<Record<string, unknown>> {
  return JSON.parse((await succeed(...args, "--json")).toString());
}

/** It failed as the contract says: an exit code, one line with an error code, nothing else. */
export function failed(result: Result, exitCode: number, codes: string[], what: string): void {
  const said = `${what}: ${result.stderr}`;
  assert.match(result.stderr, /^multisnap: [A-Za-z]+: [^\n]+\n$/, said);
  assert.ok(codes.includes(result.stderr.split(": ")[1] as string), `${said}, not ${codes}`);
  assert.is(result.code, exitCode, said);
  assert.is(result.stdout.toString(), "", said);
}

/** Runs and demands exit code 1 with this error code. */
export async function refused(code: string, ...args: string[]): Promise<void> {
  failed(await run(...args), 1, [code], args.join(" "));
}

/** Runs and demands exit code 2. */
export async function wrongUsage(...args: string[]): Promise<void> {
  failed(await run(...args), 2, ["Invalid"], args.join(" "));
}

export function digest(file: string): string {
  return createHash("sha256").update(fs.readFileSync(file)).digest("hex");
}

/** Demands that `body` leaves the bytes of `file`, and what lies beside it, as they were. */
export async function unchanged(file: string, body: () => Promise<unknown>): Promise<void> {
  const before = digest(file);
  const beside = fs.readdirSync(path.dirname(file));
  await body();
  assert.is(digest(file), before, `${file} changed`);
  assert.equal(fs.readdirSync(path.dirname(file)), beside);
}

/** Bytes that differ with place and seed. */
export function pattern(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length);
  let state = Math.imul(seed, 0x9e3779b1) | 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    bytes[i] = state >>> 24;
  }
  return bytes;
}

/** What is tested is dist/: one that is older than src/ would be tested in vain. */
function refuseOldBuild(): void {
  const newest = (folder: string) =>
    fs
      .readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
      .filter((name) => /\.[tj]s$/.test(name))
      .map((name) => fs.statSync(path.join(root, folder, name)).mtimeMs)
      .reduce((newest, time) => Math.max(newest, time), 0);
  if (!fs.existsSync(path.join(root, "dist")) || newest("src") > newest("dist")) {
    throw new Error("dist/ is older than src/: npm run build");
  }
}
