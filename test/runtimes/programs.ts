/** The runtimes that are programs: where each is, and how it runs a file. */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { here } from "./script.ts";

export const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..", "..");

export type ProgramName = typeof here;
export const programNames: readonly ProgramName[] = ["node", "deno", "bun"];

export interface Program {
  name: ProgramName;
  path: string;
  version: string;
}

/** Deno and Bun are development dependencies; Node is what runs this, or what PATH finds. */
function pathOf(name: ProgramName): string {
  if (name === here) return process.execPath;
  return name === "node" ? "node" : path.join(root, "node_modules", ".bin", name);
}

/** Null where it is not here, or does not run. */
export function findProgram(name: ProgramName): Program | null {
  const found = spawnSync(pathOf(name), ["--version"], { encoding: "utf8" });
  const version = /\d+\.\d+\.\d+/.exec(found.stdout ?? "")?.[0];
  return found.status === 0 && version ? { name, path: pathOf(name), version } : null;
}

/** Arguments that run a TypeScript file, in Deno with these rights. */
export function fileArguments(name: ProgramName, rights: readonly string[] = ["-A"]): string[] {
  if (name === "node") return ["--import", "tsx"];
  return name === "deno" ? ["run", "--no-prompt", ...rights] : [];
}
