/**
 * `replicate -- COMMAND`: a program that takes what is sent on its standard input and gives what
 * `multisnap receive` prints. One run for each exchange.
 *
 * Memory: one part of the stream, and the ends of what the program prints.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import type { Readable } from "node:stream";
import { MultisnapError } from "../errors.ts";
import { checkAnswer, failedAnswer, type ReplicaTarget } from "../replicate/target.ts";
import { endIfAborted } from "../task.ts";
import { oneLine } from "./output.ts";

/** An answer is of a few kilobytes; what comes before it does not matter. */
const PRINTED_MAX = 2 ** 16;
const NAME_MAX = 200;
/** A program that takes nothing and prints nothing for so long is ended, and run again. */
const SILENCE_MS = 10 * 60_000;
/** After it was told to end, until it is killed. */
const ENDING_MS = 5000;

export function commandTarget(
  command: readonly string[],
  silenceMs: number = SILENCE_MS,
): ReplicaTarget {
  const name = oneLine(command.join(" ")).slice(0, NAME_MAX);
  return {
    name,
    exchange: (bytes, signal) => new Exchange(name, command, signal, silenceMs).run(bytes),
  };
}

class Exchange {
  readonly #name: string;
  readonly #child: ChildProcessWithoutNullStreams;
  readonly #signal: AbortSignal;
  readonly #printed: () => string;
  readonly #complaints: () => string;
  readonly #ended: Promise<string>;
  readonly #silenceMs: number;
  #isOver = false;
  #isSilent = false;
  #silence: NodeJS.Timeout | null = null;

  constructor(
    name: string,
    [program = "", ...given]: readonly string[],
    signal: AbortSignal,
    silenceMs: number,
  ) {
    this.#name = name;
    this.#silenceMs = silenceMs;
    this.#signal = signal;
    this.#child = spawn(program, given, { stdio: "pipe" });
    this.#printed = endOf(this.#child.stdout, () => this.#stir());
    this.#complaints = endOf(this.#child.stderr, () => this.#stir());
    this.#ended = new Promise((resolve) => {
      this.#child.on("error", (cause) => resolve(`could not be run: ${cause.message}`));
      this.#child.on("close", (code, by) => resolve(`ended with ${by ?? `exit code ${code}`}`));
    });
    // Whoever reads no more says why in its answer, or in how it ends.
    this.#child.stdin.on("error", () => {});
  }

  async run(bytes: AsyncIterable<Uint8Array>): Promise<unknown> {
    const stop = () => this.#stop();
    this.#signal.addEventListener("abort", stop);
    const over = this.#ended.then(() => {
      this.#isOver = true;
    });
    try {
      this.#stir();
      const failure = await this.#send(bytes, over);
      const ending = await this.#ended;
      endIfAborted(this.#signal);
      // What comes from here counts, not what the other side says of a stream that broke off.
      if (failure) throw failure.error;
      return this.#answer() ?? this.#refuse(ending);
    } finally {
      this.#signal.removeEventListener("abort", stop);
      if (this.#silence) clearTimeout(this.#silence);
    }
  }

  /** Answers what failed on this side. */
  async #send(bytes: AsyncIterable<Uint8Array>, over: Promise<void>) {
    const { stdin } = this.#child;
    try {
      for await (const part of bytes) {
        if (this.#isOver || stdin.destroyed) break;
        const taken = new Promise<void>((resolve) => stdin.write(part, () => resolve()));
        await Promise.race([taken, over]);
        this.#stir();
      }
      return null;
    } catch (error) {
      return { error };
    } finally {
      stdin.end();
    }
  }

  #answer(): unknown {
    const lines = this.#printed().trim().split("\n");
    try {
      return JSON.parse(lines.at(-1) ?? "");
    } catch {
      return null;
    }
  }

  #refuse(ending: string): never {
    const how = this.#isSilent ? "took and said nothing for too long, and was ended" : ending;
    const complaint = this.#complaints().trim().split("\n").at(-1);
    const own = /^multisnap: ([A-Za-z]+): (.*)$/.exec(complaint ?? "");
    // A program of ours that could not even take the request.
    if (own) checkAnswer({ name: this.#name }, failedAnswer(own[1]!, own[2]!));
    const said = complaint ? `: ${oneLine(complaint)}` : " without an answer";
    throw new MultisnapError("Io", `${this.#name}: ${how}${said}`);
  }

  /** Something moves. */
  #stir(): void {
    if (this.#silence) clearTimeout(this.#silence);
    if (this.#isOver) return;
    this.#silence = setTimeout(() => {
      this.#isSilent = true;
      this.#stop();
    }, this.#silenceMs);
  }

  #stop(): void {
    const child = this.#child;
    child.stdin.destroy();
    child.kill("SIGTERM");
    const kill = setTimeout(() => {
      child.kill("SIGKILL");
      // What it started may live on, and have our pipes.
      child.stdout.destroy();
      child.stderr.destroy();
    }, ENDING_MS);
    void this.#ended.then(() => clearTimeout(kill));
  }
}

/** The last of what comes, as text. */
function endOf(stream: Readable, onPart: () => void): () => string {
  let kept = Buffer.alloc(0);
  stream.on("data", (part: Buffer) => {
    onPart();
    kept = Buffer.concat([kept, part]);
    if (kept.length > PRINTED_MAX) kept = Buffer.from(kept.subarray(-PRINTED_MAX));
  });
  stream.on("error", () => {});
  return () => kept.toString();
}
