/** Our server as a process of its own, as its clients meet it. */
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { failed, finished, fresh, json, type Result, start, succeed } from "../cli/program.ts";
import { atEnd } from "./ending.ts";

export class Served {
  readonly store: string;
  readonly socket: string;
  /** The first line that it printed. */
  readonly ready: string;
  /** The process's exit code and all that it printed, once it has ended. */
  readonly end: Promise<Result>;
  readonly #child: ChildProcess;

  constructor(
    store: string,
    socket: string,
    ready: string,
    child: ChildProcess,
    end: Promise<Result>,
  ) {
    this.store = store;
    this.socket = socket;
    this.ready = ready;
    this.#child = child;
    this.end = end;
  }

  /** Where clients find the export of that name. */
  uri(name = ""): string {
    return `nbd+unix:///${encodeURIComponent(name)}?socket=${this.socket}`;
  }

  snapshot(name: string, ...options: string[]): Promise<unknown> {
    return succeed("snapshot", this.store, name, ...options);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  /** Answers when the process has ended, with its exit code and all that it printed. */
  signal(signal: NodeJS.Signals): Promise<Result> {
    this.#child.kill(signal);
    return this.end;
  }

  /** Asks it to end, and demands that it does so well. */
  async stop(): Promise<void> {
    const { code, stdout, stderr } = await this.signal("SIGTERM");
    assert.is(stderr, "");
    assert.is(stdout.toString(), `${this.ready}\n`);
    assert.is(code, 0);
    assert.not.ok(fs.existsSync(this.socket), "the socket is gone");
  }

  /** Where a test has failed, the next one finds the store free all the same. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.signal("SIGKILL");
  }
}

/** Makes a store and serves it. `options` are those of `create`. */
export async function serveNew(size: string, ...options: string[]): Promise<Served> {
  const store = fresh("disk.msnap");
  await succeed("create", store, "--size", size, ...options);
  return serve(store);
}

/** Serves on a Unix socket of its own. */
export function serve(store: string, ...options: string[]): Promise<Served> {
  const socket = fresh("socket");
  return serveOn(store, socket, "--socket", socket, ...options);
}

/** Ends when clients can connect. `options` say where; `socket`: where that is, if it is a path. */
export async function serveOn(
  store: string,
  socket: string,
  ...options: string[]
): Promise<Served> {
  const { child, end, ready } = await launch(store, options);
  if (ready !== null) return new Served(store, socket, ready, child, end);
  const { code, stderr } = await end;
  throw new Error(`the server ended with ${code} before it was ready: ${stderr}`);
}

/** Demands that a server with these options refuses to start, for this reason. */
export async function refusedToServe(
  code: string,
  store: string,
  ...options: string[]
): Promise<void> {
  const { child, end, ready } = await launch(store, options);
  child.kill("SIGKILL");
  const what = options.join(" ");
  assert.is(ready, null, `it serves: ${what}`);
  failed(await end, 1, [code], what);
}

/** `ready`: the first line that it prints; null where it ends without one. */
async function launch(
  store: string,
  options: string[],
): Promise<{ child: ChildProcess; end: Promise<Result>; ready: string | null }> {
  const child = start("serve", store, ...options);
  child.once(
    "close",
    atEnd(() => child.kill("SIGKILL")),
  );
  const end = finished(child);
  const line = new Promise<string>((resolve) => {
    let text = "";
    child.stdout?.on("data", (part: Buffer) => {
      text += part;
      if (text.includes("\n")) resolve(text.slice(0, text.indexOf("\n")));
    });
  });
  return { child, end, ready: await Promise.race([line, end.then(() => null)]) };
}

/** Defines the last test of a file: the server leaves, and has harmed nothing. */
export function endsWell(served: Served): void {
  test("in the end the server leaves with 0, and the store is clean", async () => {
    await served.stop();
    const report = await json("check", served.store);
    assert.equal(report.problems, []);
    assert.is(report.clean, true);
  });
}

/** Whether this machine has that address. */
export function listensOn(host: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = net.createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host, port: 0 }, () => probe.close(() => resolve(true)));
  });
}
