/** `delete STORE NAME...`: all of them or none. */
import type { Command } from "commander";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { answer, notice } from "./output.ts";
import { formatBytes } from "./sizes.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  wait?: boolean;
  dryRun?: boolean;
}

export function addDelete(program: Command): void {
  addStoreCommand(program, "delete", "delete snapshots, all of them or none")
    .argument("<store>", "store file", parsePath)
    .argument("<name...>", "snapshots")
    .option("--wait", "until their space is free")
    .option("--dry-run", "delete nothing, print the bytes that it would free")
    .action((store: string, names: string[], options: Options) => {
      const unique = [...new Set(names)];
      return options.dryRun
        ? wouldFree(store, unique, options)
        : deleteSnapshots(store, unique, options);
    });
}

async function deleteSnapshots(store: string, names: string[], options: Options): Promise<void> {
  await withVolume(store, options, async (volume) => {
    await volume.delete(...names);
    if (options.wait) await interruptible((signal) => volume.reclaimed({ signal }));
  });
  await notice(options, { deleted: names }, `deleted ${names.join(", ")}`);
}

async function wouldFree(store: string, names: string[], options: Options): Promise<void> {
  const bytes = await withVolume(store, { ...options, readOnly: true }, async (volume) => {
    const accounting = (signal: AbortSignal) => volume.accounting({ without: names, signal });
    return (await interruptible(accounting)).wouldFree;
  });
  const text = `would free ${bytes} bytes (${formatBytes(bytes)})`;
  await answer(options, { wouldDelete: names, bytes, exact: true }, text);
}
