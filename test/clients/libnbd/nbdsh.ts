/** Scripts for nbdsh: Python over libnbd, each with `session.py` before it. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { testsWith } from "../../needs.ts";
import { ask, type RunOptions } from "../programs.ts";

const here = path.dirname(fileURLToPath(import.meta.url));
const program = path.join(here, "..", "..", "..", "bin", "multisnap.js");
const session = fs.readFileSync(path.join(here, "session.py"), "utf8");
/** Of the scripts' randomness. */
export const seed = process.env.SEED ?? "7";

export interface Place {
  socket: string;
  store: string;
}

/** Runs a script; an exception in it fails. What it printed. `chunk`: the store's, in bytes. */
export function runScript(
  { socket, store }: Place,
  chunk: number,
  script: string,
  options: RunOptions = {},
): Promise<string> {
  const env = {
    SEED: seed,
    SOCKET: socket,
    STORE: store,
    CHUNK: String(chunk),
    NODE: process.execPath,
    MULTISNAP: program,
    ...options.env,
  };
  return ask("nbdsh", ["-n", "-c", "-"], { ...options, input: `${session}\n${script}`, env });
}

/** Defines a test that is a script; the environment's SEED replays a failure. */
export type ScriptTest = (name: string, script: string) => void;

/** `programs`: what the scripts need beside nbdsh. */
export function scriptsFor(place: Place, chunk: number, ...programs: string[]): ScriptTest {
  const define = testsWith("nbdsh", ...programs);
  return (name, script) => {
    define(`${name} (SEED=${seed})`, async () => {
      await runScript(place, chunk, script);
    });
  };
}
