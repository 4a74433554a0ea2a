/** `dump STORE`: the store's metadata as lines of JSON (see DUMP.md). */
import type { Command } from "commander";
import { connectControl } from "../control/later.ts";
import { fileDevice } from "../devices/file.ts";
import { MultisnapError } from "../errors.ts";
import { dumpStore } from "../volume/open/dump-store.ts";
import { addCommand, addDamagedOption } from "./command.ts";
import { breathe, interruptible } from "./interrupt.ts";
import { isServed } from "./open.ts";
import { type OutputOptions, writeOut } from "./output.ts";
import { startSteps } from "./progress.ts";
import { parsePath } from "./target.ts";

interface Options extends OutputOptions {
  damaged?: boolean;
}

export function addDump(program: Command): void {
  const text = "metadata as lines of JSON, with --json as one list of them";
  addDamagedOption(addCommand(program, "dump", text))
    .argument("<store>", "store file", parsePath)
    .addHelpText("after", "\nExit code: 0 all of it, 1 with --damaged also: something is lost")
    .action((store: string, options: Options) =>
      interruptible((signal) => dump(store, options, signal)),
    );
}

/** Not through a server: its store moves on between two lines. */
export async function refuseServed(store: string): Promise<void> {
  const served = await connectControl(store);
  if (!served) return;
  await served.close();
  throw isServed(store);
}

async function dump(path: string, options: Options, signal: AbortSignal): Promise<void> {
  await refuseServed(path);
  const store = await fileDevice(path, { create: false, readOnly: true });
  const steps = await startSteps(options, "dump");
  let lost = 0;
  let before = options.json ? "[" : "";
  try {
    const { damaged = false } = options;
    for await (const text of dumpStore({ store, damaged, signal, progress: steps.at })) {
      await writeOut(options.json ? before + text.trimEnd().replaceAll("\n", ",\n") : text);
      if (options.json) before = ",\n";
      await breathe(signal, "dumping");
      lost += text.split('"lost":true').length - 1;
    }
    if (options.json) await writeOut("]\n");
  } finally {
    steps.end();
    await store.close();
  }
  if (lost === 0) return;
  const what = `${lost} runs of chunks are in the dump as lost`;
  throw new MultisnapError("Corrupt", `${path} is or was damaged: ${what}`);
}
