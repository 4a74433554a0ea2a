/**
 * The suites that say the same of every runtime: the columns of the table. Where a runtime has a
 * file of its own for a column (a page's devices), it takes the name and gives the file.
 */
import type { Suite } from "./runtime.ts";

/** Suites without files, processes or sockets: also for pages and edge platforms. */
export const commonSuites: readonly Suite[] = [
  { name: "conformance", files: ["test/conformance/view.test.ts"] },
  // A part of what `npm test` runs: a runtime differs in how it runs code, not in which seeds.
  {
    name: "model",
    files: ["test/model/random.test.ts", "test/model/small.test.ts"],
    env: { SHARE: "0.15", STEPS: "200", LENGTH: "3" },
  },
];

/** Suites of runtimes that are programs with a file system. */
export const programSuites: readonly Suite[] = [
  ...commonSuites,
  { name: "devices", files: ["test/devices/device.test.ts", "test/devices/http.test.ts"] },
  {
    name: "seed",
    files: ["test/seed/bitmap.test.ts", "test/seed/races.test.ts", "test/seed/ranges.test.ts"],
  },
  {
    name: "command line",
    files: ["test/cli/process.test.ts", "test/cli/scenario.test.ts", "test/cli/serve.test.ts"],
  },
  {
    name: "NBD clients",
    files: [
      "test/clients/fio.test.ts",
      "test/clients/nbdinfo.test.ts",
      "test/clients/qemu-io.test.ts",
      "test/clients/tls.test.ts",
    ],
  },
];

/** Suites whose tests run in Node and start the program in the runtime under test. */
export const startPrograms: ReadonlySet<string> = new Set(["command line", "NBD clients"]);
