/**
 * The command line: one file a command, joined here. Exit codes: 0 done, 1 failed, 2 wrong usage.
 */
import fs from "node:fs";
import { Command, CommanderError } from "commander";
import "../volume/preloaded.ts";
import { addCheck } from "./check.ts";
import { addCreate } from "./create.ts";
import { addDelete } from "./delete.ts";
import { addDiff } from "./diff.ts";
import { addDump } from "./dump.ts";
import { addExport } from "./export.ts";
import { addExportCow } from "./export-cow.ts";
import { addHold } from "./hold.ts";
import { addImport } from "./import.ts";
import { addImportCow } from "./import-cow.ts";
import { addList } from "./list.ts";
import { addMerge } from "./merge.ts";
import { addMessage } from "./message.ts";
import { oneLine, writeError } from "./output.ts";
import { addRead } from "./read.ts";
import { addReceive } from "./receive.ts";
import { addRename } from "./rename.ts";
import { addReplicate } from "./replicate.ts";
import { addResize } from "./resize.ts";
import { addRestore } from "./restore.ts";
import { addRollback } from "./rollback.ts";
import { addSend } from "./send.ts";
import { addServe } from "./serve.ts";
import { addSet } from "./set.ts";
import { addSnapshot } from "./snapshot.ts";
import { addStatus } from "./status.ts";
import { addWatch } from "./watch.ts";
import { addWrite } from "./write.ts";

const FAILED = 1;
const WRONG_USAGE = 2;

/** Runs one command; `process.exitCode` says how it ended. */
export async function main(args: string[]): Promise<void> {
  // Without a listener, a reader that goes away would end us in the middle of a write; the write
  // itself reports it.
  process.stdout.on("error", () => {});
  try {
    await build().parseAsync(args, { from: "user" });
  } catch (error) {
    if (error instanceof CommanderError) {
      process.exitCode = error.exitCode === 0 ? 0 : WRONG_USAGE;
    } else {
      writeError(error);
      process.exitCode = FAILED;
    }
  }
}

function build(): Command {
  const program = new Command("multisnap")
    .description("A copy-on-write block store with unlimited, writable, crash-consistent snapshots")
    .version(version())
    .showSuggestionAfterError()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => write(`multisnap: Invalid: ${usageLine(text)}\n`),
    })
    .addHelpText(
      "after",
      "\nSTORE is a store file, STORE@NAME a snapshot in it, STORE alone the origin." +
        "\nSizes and offsets take K, M, G, T (powers of 1024)." +
        "\nExit code: 0 done, 1 failed, 2 wrong usage",
    );
  addCreate(program);
  addImport(program);
  addExport(program);
  addRead(program);
  addWrite(program);
  addSnapshot(program);
  addList(program);
  addRename(program);
  addDelete(program);
  addRollback(program);
  addResize(program);
  addSet(program);
  addHold(program);
  addDiff(program);
  addSend(program);
  addReceive(program);
  addReplicate(program);
  addWatch(program);
  addStatus(program);
  addCheck(program);
  addDump(program);
  addRestore(program);
  addMessage(program);
  addMerge(program);
  addImportCow(program);
  addExportCow(program);
  addServe(program);
  return program;
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
if ((import.meta as { main?: boolean }).main) await main(process.argv.slice(2));
