/** workerd as a runtime of the suites: each file in a process and a Durable Object of its own. */
import http from "node:http";
import path from "node:path";
import type { Run, Runtime, Suite } from "../runtimes/runtime.ts";
import { type Built, buildWorker, Workerd, workerdVersion } from "./workerd.ts";

const root = path.join(import.meta.dirname, "..", "..");

/** In place of files (devices over the storage of an object) and of what only a worker can do. */
const OWN: readonly Suite[] = [{ name: "devices", files: ["test/edge/devices.ts"] }];

export function edgeRuntimes(common: readonly Suite[]): Runtime[] {
  const suites = [...common, ...OWN];
  return [{ name: "workerd", version: workerdVersion, suites, atATime: 1, run }];
}

/** Not `fetch`, which gives up where nothing is printed for five minutes. */
function ask(url: string, signal: AbortSignal): Promise<http.IncomingMessage> {
  return new Promise((resolve, reject) => {
    http.get(url, { signal }, resolve).on("error", reject);
  });
}

async function run(
  file: string,
  env: Readonly<Record<string, string>>,
  seconds: number,
): Promise<Run> {
  let built: Built | null = null;
  let process: Workerd | null = null;
  let output = "";
  try {
    built = await buildWorker("test/edge/suite-worker.ts", {
      define: { TEST_ENV: JSON.stringify({ FORCE_COLOR: "0", ...env }) },
      alias: { "test-file": path.join(root, file) },
      plugins: [
        {
          name: "files are rows",
          setup: (build) => {
            const instead = path.join(root, "test/edge/sql-medium.ts");
            build.onResolve({ filter: /\/file-medium\.ts$/ }, () => ({ path: instead }));
          },
        },
      ],
    });
    process = await Workerd.start(built);
    const response = await ask(process.url, AbortSignal.timeout(seconds * 1000));
    for await (const part of response.setEncoding("utf8")) output += part;
    const failed = response.statusCode !== 200 || /^ended with /m.test(output);
    return { output: output + (failed ? process.printed : ""), code: failed ? 1 : 0 };
  } catch (error) {
    const printed = process?.printed ?? "";
    return { output: `${output}\n${printed}\n${(error as Error).stack}`, code: "error" };
  } finally {
    await process?.kill();
    built?.remove();
  }
}
