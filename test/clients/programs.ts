/** Programs of the system, run as their users run them. */
import { spawn } from "node:child_process";
import path from "node:path";
import * as assert from "uvu/assert";
import { finished, folder, type Result } from "../cli/program.ts";
import { programFolders } from "../needs.ts";
import { atEnd } from "./ending.ts";

const env = { ...process.env, PATH: programFolders.join(path.delimiter), LC_ALL: "C.UTF-8" };
/** Against hangs only: nothing here takes a tenth of it. */
const PROGRAM_MS_MAX = 180_000;

export interface RunOptions {
  input?: Uint8Array | string;
  env?: Record<string, string>;
  /** Told of each line on standard output as it comes. */
  onLine?: (line: string) => void;
}

/** Ends when the program has, whatever its exit code. */
export function attempt(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<Result> {
  const child = spawn(program, args, {
    cwd: folder,
    env: { ...env, ...options.env },
    timeout: PROGRAM_MS_MAX,
    killSignal: "SIGKILL",
  });
  child.once(
    "close",
    atEnd(() => child.kill("SIGKILL")),
  );
  // It may end before it has read everything.
  child.stdin.on("error", () => {});
  child.stdin.end(options.input ?? "");
  if (options.onLine) readLines(child.stdout, options.onLine);
  return finished(child);
}

/** Runs, demands success, and gives what it printed. */
export async function ask(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await attempt(program, args, options);
  assert.is(code, 0, `${program} ${args.join(" ")} ended with ${code}: ${stdout}${stderr}`);
  return stdout.toString();
}

/** Runs, demands that it fails, and gives what it complained. */
export async function complaint(
  program: string,
  args: readonly string[],
  options: RunOptions = {},
): Promise<string> {
  const { code, stdout, stderr } = await attempt(program, args, options);
  assert.ok(code !== null && code !== 0, `${program} ${args.join(" ")} ended with ${code}`);
  return `${stdout}${stderr}`;
}

function readLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): void {
  let rest = "";
  stream.on("data", (part: Buffer) => {
    const lines = (rest + part.toString()).split("\n");
    rest = lines.pop() ?? "";
    for (const line of lines) onLine(line);
  });
}
