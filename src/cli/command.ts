/** What all commands have in common. */
import type { Command } from "commander";
import { parsePath } from "./target.ts";
import { parseIds, parseVictimsText } from "./usage.ts";

/** A new command with the options that every command takes. */
export function addCommand(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option("--json", "one JSON document on standard output")
    .option("--quiet", "no notices and no progress");
}

/** The same for a command that opens a store. */
export function addStoreCommand(program: Command, name: string, description: string): Command {
  return addCommand(program, name, description)
    .option("--origin <file>", "attached origin, instead of the remembered path", parsePath)
    .option("--base <file>", "base image or its URL, instead of the remembered one", parsePath)
    .option("--with <cow>", "another persistent store on the same origin; repeatable", collect);
}

/** For a command that only reads. */
export function addDamagedOption(command: Command): Command {
  return command.option("--damaged", "what can be read of a damaged store, which stays as it is");
}

/** For a command that writes: what a full store does, instead of what it remembers. */
export function addWhenFullOptions(command: Command): Command {
  return command
    .option(
      "--victims <patterns>",
      "snapshots to delete when the store is full, lowest priority first: tmp-*=0,auto-*=1",
      parseVictimsText,
    )
    .option("--preserve-on-error", "keep all others, whatever it costs the origin")
    .option(
      "--no-preserve-on-error",
      "when the store is full, or that of an attached origin broken, give all snapshots up",
    );
}

/** For a command that opens the store for somebody who keeps a list of its snapshots. */
export function addSyncOption(command: Command): Command {
  return command.option(
    "--sync-snapshots <ids>",
    "first delete all snapshots but these (2,5,7, or none) and make those that are missing",
    parseIds,
  );
}

/** For commander: all that are given. */
function collect(file: string, files: string[] = []): string[] {
  return [...files, parsePath(file)];
}
