/** A test file in a process of its own. */
import { spawn } from "node:child_process";
import { root } from "./programs.ts";
import type { Run } from "./runtime.ts";

/** Standard output and error in one, as they came. Does not reject. */
export function runProcess(
  command: string,
  args: readonly string[],
  env: Readonly<Record<string, string>>,
  seconds: number,
): Promise<Run> {
  const child = spawn(command, args, {
    cwd: root,
    env: { ...process.env, ...env, FORCE_COLOR: "0", NO_COLOR: "1" },
    stdio: ["ignore", "pipe", "pipe"],
    timeout: seconds * 1000,
  });
  let output = "";
  child.stdout.setEncoding("utf8").on("data", (text) => (output += text));
  child.stderr.setEncoding("utf8").on("data", (text) => (output += text));
  return new Promise((resolve) => {
    child.on("error", (error) => resolve({ output: output + error.message, code: "error" }));
    child.on("close", (code, signal) => resolve({ output, code: code ?? signal ?? "error" }));
  });
}
