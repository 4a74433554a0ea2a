/** `merge STORE`: the origin becomes what the snapshot of a persistent store is. */
import type { Command } from "commander";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { startSteps } from "./progress.ts";
import { parsePath } from "./target.ts";

export function addMerge(program: Command): void {
  addStoreCommand(program, "merge", "give the origin the contents of the snapshot, which ends")
    .argument("<store>", "COW device (a store of kind persistent)", parsePath)
    .addHelpText(
      "after",
      "\nInterrupted, by Ctrl-C or a power cut, it leaves the snapshot as it is: call it again.",
    )
    .action(async (store: string, options: StoreOptions) => {
      const steps = await startSteps(options, "merge");
      try {
        await interruptible((signal) =>
          withVolume(store, options, (volume) => volume.merge({ signal, progress: steps.at })),
        );
      } finally {
        steps.end();
      }
      await notice(options, { merged: store }, `merged ${store} into its origin`);
    });
}
