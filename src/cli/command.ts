/** What all commands have in common. */
import type { Command } from "commander";
import { parsePath } from "./target.ts";

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
    .option("--base <file>", "base image, instead of the remembered path", parsePath);
}
