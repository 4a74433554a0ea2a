/** What a runtime is to `npm run test:all`: where test files run, and which ones it runs. */

export interface Run {
  /** Standard output and error in one, with uvu's closing totals (see totals.ts). */
  output: string;
  /** 0: ended well. Else an exit code, the name of a signal, or a word. */
  code: number | string;
}

export interface Suite {
  /** A column of the table. */
  readonly name: string;
  /** Paths from the root of the repository. */
  readonly files: readonly string[];
  /** Environment variables (in a page: `process.env`) that make the suite fit here. */
  readonly env?: Readonly<Record<string, string>>;
}

export interface Runtime {
  /** A row of the table: "deno", "chromium", "chromium isolated". No comma: they are listed. */
  readonly name: string;
  /** Null: it is not on this machine, and its suites count as skipped. */
  version(): Promise<string | null>;
  readonly suites: readonly Suite[];
  /** Files that may run at the same time; 1 where they share a browser. */
  readonly atATime: number;
  /** Runs one test file to its end, at most `seconds` long. Does not reject. */
  run(file: string, env: Readonly<Record<string, string>>, seconds: number): Promise<Run>;
  /** Lets go of what it keeps between files: a browser, a server. */
  end?(): Promise<void>;
}
