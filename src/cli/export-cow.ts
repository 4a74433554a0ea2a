/** `export-cow STORE@NAME COW`: a snapshot as a dm-snapshot COW device for its origin. */
import fs from "node:fs";
import type { Command } from "commander";
import { exportCow } from "../convert/export-cow.ts";
import { MultisnapError } from "../errors.ts";
import { addStoreCommand } from "./command.ts";
import { replaceDevice } from "./image-file.ts";
import { interruptible } from "./interrupt.ts";
import { refuseOwnFiles, type StoreOptions, withFiles } from "./open.ts";
import { notice } from "./output.ts";
import { startSteps } from "./progress.ts";
import { formatBytes, parseBytes } from "./sizes.ts";
import { parsePath, parseTarget, type Target, viewOf } from "./target.ts";

interface Options extends StoreOptions {
  chunk?: number;
  force?: boolean;
}

export function addExportCow(program: Command): void {
  addStoreCommand(program, "export-cow", "write a snapshot to a dm-snapshot COW device")
    .argument("<store@name>", "store with an attached origin, and a snapshot in it", parseTarget)
    .argument("<cow>", "COW device to make", parsePath)
    .option("--chunk <bytes>", "of the COW device: 4K (the default), 512 to 1M", parseBytes)
    .option("--force", "replace an existing file, or write onto a block device")
    .addHelpText(
      "after",
      "\nLinux shows the snapshot with the table: 0 SECTORS snapshot ORIGIN COW P CHUNK-SECTORS." +
        "\nA write to the origin without that table, afterwards, spoils it; so a store that is" +
        "\nserved is not exported.",
    )
    .action(async (target: Target, cow: string, options: Options, command: Command) => {
      if (target.name === null) command.error("error: name a snapshot, STORE@NAME");
      if (!options.force && fs.existsSync(cow)) {
        throw new MultisnapError("Exists", `${cow}: is there already; --force replaces it`);
      }
      const { exceptions, chunk } = await exportTo(target, cow, options);
      const text = `exported ${exceptions} chunks of ${formatBytes(chunk)} to ${cow}`;
      await notice(options, { cow, exceptions, chunk }, text);
    });
}

async function exportTo(target: Target, cow: string, options: Options) {
  const { chunk, force = false, ...storeOptions } = options;
  const steps = await startSteps(options, "export");
  try {
    return await interruptible((signal) =>
      withFiles(target.store, { ...storeOptions, readOnly: true }, (volume, files) => {
        const view = viewOf(volume, target);
        refuseOwnFiles(cow, files);
        return replaceDevice(cow, force, (device) =>
          exportCow(volume, view, device, { chunk, signal, progress: steps.at }),
        );
      }),
    );
  } finally {
    steps.end();
  }
}
