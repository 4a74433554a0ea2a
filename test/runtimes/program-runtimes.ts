/** Node, Deno and Bun as runtimes of the table. */
import { runProcess } from "./process.ts";
import { fileArguments, findProgram, type ProgramName, programNames } from "./programs.ts";
import type { Runtime, Suite } from "./runtime.ts";
import { programSuites, startPrograms } from "./suites.ts";

/** What makes each say which tests it skips. */
const SHOW_SKIPS: Record<ProgramName, string[]> = {
  node: ["--import", "./test/show-skips.ts"],
  deno: ["--preload=./test/show-skips.ts"],
  bun: ["--preload", "./test/show-skips.ts"],
};

/** Where the tests start programs, they run in Node: what is tried is the program. */
function suiteOf(name: ProgramName, suite: Suite): Suite {
  if (!startPrograms.has(suite.name)) return suite;
  return { ...suite, env: { ...suite.env, MULTISNAP_RUNTIME: name } };
}

function runtimeOf(name: ProgramName): Runtime {
  return {
    name,
    version: async () => findProgram(name)?.version ?? null,
    suites: programSuites.map((suite) => suiteOf(name, suite)),
    atATime: 2,
    run: async (file, env, seconds) => {
      const driver = env.MULTISNAP_RUNTIME ? "node" : name;
      const command = findProgram(driver)?.path ?? driver;
      const args = [...fileArguments(driver), ...SHOW_SKIPS[driver], file];
      return runProcess(command, args, env, seconds);
    },
  };
}

export const programRuntimes: readonly Runtime[] = programNames.map(runtimeOf);
