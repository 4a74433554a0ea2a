/**
 * The served process, and its end: by a signal from outside at a random moment, or (where strace
 * is there) right before the nth write or flush that it makes, in which case it may not come to
 * serve at all.
 */
import { spawn } from "node:child_process";
import { finished, fresh, program, type Result } from "../../../cli/program.ts";
import { isThere } from "../../../needs.ts";
import { atEnd } from "../../ending.ts";
import { attempt } from "../../programs.ts";
import type { World } from "./world.ts";

export interface Server {
  socket: string;
  /** Whether it came to serve. */
  ready: Promise<boolean>;
  /** Whether it is dead: at once, while `end` waits for all that it printed. */
  isGone(): boolean;
  /** It has ended: how, and what it printed. */
  end: Promise<Result>;
  kill(): void;
  stop(): void;
}

/** Whether processes may be traced here. */
export async function canTrace(): Promise<boolean> {
  if (!isThere("strace")) return false;
  const inject = "inject=getpid:signal=SIGKILL:when=1";
  const { code } = await attempt("strace", ["-D", "-o", "/dev/null", "-e", inject, "true"]);
  return code === 0;
}

/** `nth`: it dies before that call of `write` or `flush`. */
export interface Death {
  call: "write" | "flush";
  nth: number;
}

type Where = Pick<World, "store" | "options">;

export function startServer(where: Where, death: Death | null): Server {
  return start(where, death ? ["strace", ...tracing(death)] : []);
}

/** Its writes and flushes are in the file `trace`; `inject` says which of them fails. */
export function startTraced(where: Where, trace: string, inject: string): Server {
  const calls = "trace=pwrite64,fdatasync,fsync,ftruncate";
  return start(where, ["strace", "-D", "-qq", "-o", trace, "-e", calls, "-e", inject]);
}

function start({ store, options }: Where, tracer: string[]): Server {
  const socket = fresh("socket");
  const serve = [program, "serve", store, "--socket", socket, ...options];
  const [command, ...args] = [...tracer, process.execPath, ...serve];
  const child = spawn(command as string, args);
  child.once(
    "close",
    atEnd(() => child.kill("SIGKILL")),
  );
  const served = new Promise<boolean>((resolve) => {
    child.stdout.on("data", (part: Buffer) => resolve(part.toString().includes("ready")));
  });
  const end = finished(child);
  const ready = Promise.race([served, end.then(() => false)]);
  const signal = (name: NodeJS.Signals) => () => void child.kill(name);
  const isGone = () => child.exitCode !== null || child.signalCode !== null;
  return { socket, ready, end, isGone, kill: signal("SIGKILL"), stop: signal("SIGTERM") };
}

/** The tracer stands beside: the child is the server itself. */
function tracing({ call, nth }: Death): string[] {
  const name = call === "write" ? "pwrite64" : "fdatasync";
  const inject = `inject=${name}:signal=SIGKILL:when=${nth}`;
  return ["-D", "-qq", "-o", "/dev/null", "-e", `trace=${name}`, "-e", inject];
}
