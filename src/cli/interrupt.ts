/**
 * Ctrl-C and SIGTERM as an `AbortSignal`, for commands that leave something half done when killed.
 */
import { MultisnapError } from "../errors.ts";
import { turn } from "../task.ts";

const SIGNALS = ["SIGINT", "SIGTERM"] as const;

/** The first signal aborts; a second one kills as if nobody listened. */
export async function interruptible<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const abort = () => {
    for (const name of SIGNALS) process.off(name, abort);
    controller.abort(interrupted("working"));
  };
  for (const name of SIGNALS) process.on(name, abort);
  try {
    return await body(controller.signal);
  } finally {
    for (const name of SIGNALS) process.off(name, abort);
  }
}

/** Lets signals and timers in (synchronous devices never would), and stops an aborted command. */
export async function breathe(signal: AbortSignal, doing: string): Promise<void> {
  await turn();
  if (signal.aborted) throw interrupted(doing);
}

export function interrupted(doing: string): MultisnapError {
  return new MultisnapError("Closed", `interrupted while ${doing}`);
}
