/**
 * Builds the C peers with gcc and runs them; where there is no gcc the rows that need them say so.
 */
import { execFileSync, spawn } from "node:child_process";
import path from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { Context } from "../row.ts";

const SOURCES = path.dirname(fileURLToPath(import.meta.url));
const FLAGS = ["-O2", "-Wall", "-Wextra"];

/** Path of the program, or null without gcc. */
export function buildPeer(context: Context, name: "file" | "tree"): string | null {
  if (context.machine.gcc === null) return null;
  const program = context.scratch.file(`peer-${name}`);
  const source = path.join(SOURCES, `${name}.c`);
  execFileSync("gcc", [...FLAGS, "-o", program, source], { stdio: "inherit" });
  return program;
}

export interface FileRun {
  what: "read" | "write" | "first" | "append";
  bytes: number;
  unit: number;
  count: number;
  seed: number;
}

/**
 * The C program that does only the system calls (file.c), on one file. Without gcc its figures are
 * NaN.
 */
export class FilePeer {
  readonly #program: string | null;
  readonly #file: string;

  constructor(program: string | null, file: string) {
    this.#program = program;
    this.#file = file;
  }

  fill(bytes: number): void {
    if (this.#program !== null) execFileSync(this.#program, ["fill", this.#file, String(bytes)]);
  }

  /** Operations a second, of the loop and with the final fdatasync. */
  run({ what, bytes, unit, count, seed }: FileRun): { looped: number; flushed: number } {
    if (this.#program === null) return { looped: Number.NaN, flushed: Number.NaN };
    const args = [what, this.#file, ...[bytes, unit, count, seed].map(String)];
    const printed = execFileSync(this.#program, args, { encoding: "utf8" });
    const [loopedNs, flushedNs] = printed.trim().split(" ").map(Number);
    return { looped: count / (loopedNs / 1e9), flushed: count / (flushedNs / 1e9) };
  }
}

/** The C twin of the exception tree (tree.c): built once, then asked. */
export class TreePeer {
  readonly #lines: AsyncIterator<string>;
  readonly #child;

  private constructor(program: string, count: number, seed: number) {
    this.#child = spawn(program, [String(count), String(seed)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]();
  }

  static async build(program: string, count: number, seed: number): Promise<TreePeer> {
    const peer = new TreePeer(program, count, seed);
    await peer.#line();
    return peer;
  }

  async #line(): Promise<string> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error("the C twin ended before it answered");
    return value;
  }

  /** Nanoseconds a lookup, and the sum of the places found. */
  async lookup(queries: number, seed: number): Promise<{ ns: number; checksum: number }> {
    this.#child.stdin.write(`${queries} ${seed}\n`);
    const [spentNs, checksum] = (await this.#line()).split(" ").map(Number);
    return { ns: spentNs / queries, checksum };
  }

  close(): void {
    this.#child.stdin.end();
  }
}
