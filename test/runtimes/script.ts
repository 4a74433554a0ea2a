/** How the runtime that runs a test is started once more. */

/** Which runtime this is. */
export const here: "node" | "deno" | "bun" =
  "Deno" in globalThis ? "deno" : "Bun" in globalThis ? "bun" : "node";

/**
 * Arguments of `process.execPath` that run `script`: TypeScript whose relative imports start at the
 * working directory.
 */
export function scriptArguments(script: string): string[] {
  if (here === "deno") return ["eval", "--ext=ts", script];
  if (here === "bun") return ["-e", script];
  return ["--import", "tsx", "--input-type=module", "-e", script];
}

/** What comes before a program and its arguments. */
export function programArguments(runtime: typeof here): string[] {
  return runtime === "deno" ? ["run", "-A"] : [];
}
