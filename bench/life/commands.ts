/**
 * Commands, measured from start to end by a process of their own: to start one takes the longer the
 * more memory the process has that does it, and this one has much.
 */
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

const STOPWATCH = fileURLToPath(new URL("stopwatch.js", import.meta.url));

interface Run {
  ms: number;
  status: number | null;
  stderr: string | null;
  error?: string;
}

let stopwatch: ChildProcess | null = null;

/**
 * Milliseconds of a command, which has to end with `status`; what it prints goes nowhere. One at a
 * time.
 */
export async function commandMs(
  command: string,
  args: readonly string[],
  status = 0,
): Promise<number> {
  stopwatch ??= start();
  stopwatch.channel?.ref();
  const answered = once(stopwatch, "message") as Promise<[Run]>;
  stopwatch.send({ command, args });
  const [run] = await answered;
  stopwatch.channel?.unref();
  if (run.status === status) return run.ms;
  const why = run.error ?? `ended with ${run.status}: ${run.stderr?.trim()}`;
  throw new Error(`${command} ${args.join(" ")}: ${why}`);
}

/** It ends with this process. */
function start(): ChildProcess {
  const child = fork(STOPWATCH, { execArgv: [] });
  child.unref();
  child.channel?.unref();
  return child;
}
