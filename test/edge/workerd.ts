/** Real workerd processes: a worker of this repository's code, with a Durable Object on disk. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import { createRequire } from "node:module";
import os from "node:os";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type BuildOptions, build } from "esbuild";
import { type Define, testsUnless } from "../needs.ts";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");
const folders = new Set<string>();
process.on("exit", () => {
  for (const folder of folders) fs.rmSync(folder, { recursive: true, force: true });
});

/** The program, past the script that npm puts before it: it is the process that is killed. */
function program(): string | null {
  try {
    const require = createRequire(createRequire(import.meta.url).resolve("workerd"));
    return require("workerd").default as string;
  } catch {
    return null;
  }
}

export async function workerdVersion(): Promise<string | null> {
  const found = program();
  if (found === null) return null;
  const { status, stdout } = spawnSync(found, ["--version"], { encoding: "utf8" });
  return status === 0 ? stdout.trim() : null;
}

/** Defines tests that need workerd: skipped where it does not run, and saying so. */
export async function testsInWorkerd(): Promise<Define> {
  return testsUnless((await workerdVersion()) === null ? "workerd does not run here" : null);
}

export interface Built {
  /** Where the worker's modules, its configuration and the objects' storage are. */
  folder: string;
  remove(): void;
}

/** Bundles `entry`, a worker whose class `Box` is a Durable Object, bound as BOX. */
export async function buildWorker(entry: string, more: BuildOptions = {}): Promise<Built> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-workerd-"));
  folders.add(folder);
  await build({
    absWorkingDir: root,
    bundle: true,
    format: "esm",
    conditions: ["workerd"],
    external: ["node:*"],
    loader: { ".wasm": "copy" },
    assetNames: "[name]",
    outfile: path.join(folder, "worker.js"),
    logLevel: "error",
    target: "es2022",
    ...(more.stdin ? {} : { entryPoints: [entry] }),
    ...more,
  });
  fs.mkdirSync(path.join(folder, "disk"));
  fs.writeFileSync(path.join(folder, "config.capnp"), CONFIG);
  const remove = () => {
    folders.delete(folder);
    fs.rmSync(folder, { recursive: true, force: true });
  };
  return { folder, remove };
}

const CONFIG = `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [
    (name = "main", worker = .main),
    (name = "disk", disk = (path = "disk", writable = true)),
    (name = "internet", network = (allow = ["local"])),
  ],
  sockets = [(name = "http", address = "127.0.0.1:0", http = (), service = "main")]
);
const main :Workerd.Worker = (
  modules = [
    (name = "worker.js", esModule = embed "worker.js"),
    (name = "engine.wasm", wasm = embed "engine.wasm"),
  ],
  compatibilityDate = "2026-10-01",
  durableObjectNamespaces = [(className = "Box", uniqueKey = "box", enableSql = true)],
  durableObjectStorage = (localDisk = "disk"),
  bindings = [(name = "BOX", durableObjectNamespace = "Box")]
);
`;

export class Workerd {
  readonly url: string;
  readonly #child: ChildProcess;
  readonly #printed: string[];

  private constructor(url: string, child: ChildProcess, printed: string[]) {
    this.url = url;
    this.#child = child;
    this.#printed = printed;
  }

  /** On the storage that the folder has by now. */
  static async start({ folder }: Built): Promise<Workerd> {
    const found = program();
    if (found === null) throw new Error("workerd is not installed");
    const child = spawn(found, ["serve", "--experimental", "config.capnp", "--control-fd=3"], {
      cwd: folder,
      stdio: ["ignore", "pipe", "pipe", "pipe"],
    });
    const printed: string[] = [];
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => printed.push(text));
    }
    const control = createInterface({ input: child.stdio[3] as NodeJS.ReadableStream });
    for await (const line of control) {
      const { event, port } = JSON.parse(line) as { event: string; port: number };
      if (event === "listen") return new Workerd(`http://127.0.0.1:${port}`, child, printed);
    }
    throw new Error(`workerd did not begin: ${printed.join("")}`);
  }

  get pid(): number {
    return this.#child.pid as number;
  }

  get printed(): string {
    return this.#printed.join("");
  }

  async kill(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, "exit");
    this.#child.kill(signal);
    await gone;
  }
}
