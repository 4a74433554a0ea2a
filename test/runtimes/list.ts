/** All runtimes: the rows of the table. */
import { browserRuntimes } from "../browser/runtimes.ts";
import { edgeRuntimes } from "../edge/runtimes.ts";
import { programRuntimes } from "./program-runtimes.ts";
import type { Runtime } from "./runtime.ts";
import { commonSuites } from "./suites.ts";

export const runtimes: readonly Runtime[] = [
  ...programRuntimes,
  ...browserRuntimes(commonSuites),
  ...edgeRuntimes(commonSuites),
];
