/** `restore STORE`: a dump from standard input back onto the store whose data is still there. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { pipeline } from "node:stream/promises";
import type { Command } from "commander";
import { fileDevice } from "../devices/file.ts";
import { MultisnapError } from "../errors.ts";
import { restoreStore } from "../volume/open/dump-store.ts";
import { addCommand } from "./command.ts";
import { refuseServed } from "./dump.ts";
import { interruptible } from "./interrupt.ts";
import { notice, type OutputOptions } from "./output.ts";
import { letGo } from "./source.ts";
import { parsePath } from "./target.ts";

interface Options extends OutputOptions {
  force?: boolean;
}

export function addRestore(program: Command): void {
  addCommand(
    program,
    "restore",
    "metadata from a dump on standard input; a wrong dump does nothing",
  )
    .argument("<store>", "store file, or a copy of its data", parsePath)
    .option("--force", "also where the store says that it is another one, or has gone on since")
    .action((store: string, options: Options) =>
      interruptible((signal) => restore(store, options, signal)),
    );
}

async function restore(file: string, options: Options, signal: AbortSignal): Promise<void> {
  await refuseServed(file);
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-dump-"));
  try {
    // It is read twice: first as a whole, then to restore it.
    const copy = path.join(folder, "dump");
    await keep(copy, signal);
    const store = await fileDevice(file, { create: false });
    try {
      const dump = () => fs.createReadStream(copy);
      const done = await restoreStore({ store, dump, force: options.force ?? false, signal });
      const what = `${done.views} views and ${done.entries} exceptions`;
      await notice(options, done, `restored: ${what}`);
    } finally {
      await store.close();
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Standard input in a file of its own. */
async function keep(file: string, signal: AbortSignal): Promise<void> {
  try {
    await pipeline(process.stdin, fs.createWriteStream(file, { mode: 0o600 }), { signal });
  } catch (cause) {
    if (signal.aborted) throw signal.reason;
    throw new MultisnapError("Io", `keeping the dump: ${(cause as Error).message}`, { cause });
  } finally {
    letGo(process.stdin);
  }
}
