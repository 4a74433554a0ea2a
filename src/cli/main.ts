/**
 * The command line: one file a command, loaded when it is asked for.
 *
 * Exit codes: 0 done, 1 failed, 2 wrong usage.
 */
import fs from "node:fs";
import { Command, CommanderError } from "commander";
import { type AddCommand, COMMANDS } from "./commands.ts";
import { oneLine, stdout, writeError } from "./output.ts";

const FAILED = 1;
const ALIVE_MS = 2 ** 30;
const WRONG_USAGE = 2;

/** Runs one command; `process.exitCode` says how it ended. */
export async function main(args: string[]): Promise<void> {
  // Nobody awaits this, and Deno ends where it sees nothing under way, with half a command done.
  const alive = setInterval(() => {}, ALIVE_MS);
  try {
    const program = build();
    for (const add of await askedFor(args)) add(program);
    await program.parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
    } else {
      writeError(error);
      process.exitCode = FAILED;
    }
  } finally {
    clearInterval(alive);
  }
}

function build(): Command {
  return new Command("multisnap")
    .description("A copy-on-write block store with unlimited, writable, crash-consistent snapshots")
    .version(version())
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      writeOut: (text) => stdout().write(text),
      outputError: (text, write) => write(`multisnap: Invalid: ${usageLine(text)}\n`),
    })
    .addHelpText(
      "after",
      "\nSTORE is a store file, STORE@NAME a snapshot in it, STORE alone the origin." +
        "\nSizes and offsets take K, M, G, T (powers of 1024)." +
        "\nExit code: 0 done, 1 failed, 2 wrong usage",
    );
}

/** The command that comes first; all of them where that is no command: help, or wrong usage. */
function askedFor([first = ""]: string[]): Promise<AddCommand[]> {
  const asked = Object.hasOwn(COMMANDS, first) ? [COMMANDS[first]!] : Object.values(COMMANDS);
  return Promise.all(asked.map((load) => load()));
}

/** Commander's `error: ...`, with suggestions on further lines, as one line. */
function usageLine(text: string): string {
  return oneLine(
    text
      .trim()
      .replace(/^error: /, "")
      .replaceAll("\n", " "),
  );
}

function version(): string {
  const file = new URL("../../package.json", import.meta.url);
  return (JSON.parse(fs.readFileSync(file, "utf8")) as { version: string }).version;
}

// Deno and Bun can start this file itself; the package's program is bin/multisnap.js.
if ((import.meta as { main?: boolean }).main) void main(process.argv.slice(2));
