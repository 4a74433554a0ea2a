/** `rollback STORE NAME`: the origin, or a snapshot, becomes what a snapshot is. */
import type { Command } from "commander";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { startSteps } from "./progress.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  of?: string;
  keepAs?: string;
}

export function addRollback(program: Command): void {
  addStoreCommand(
    program,
    "rollback",
    "give the origin the contents of a snapshot; all others stay",
  )
    .argument("<store>", "store file", parsePath)
    .argument("<name>", "snapshot to go back to")
    .option("--of <snapshot>", "roll this snapshot back instead of the origin")
    .option("--keep-as <name>", "first take a snapshot of what is rolled back")
    .addHelpText(
      "after",
      "\nWho has it open over NBD reads the other contents from then on: what a client has in a" +
        "\ncache of its own it must drop (unmount before, mount after).",
    )
    .action(async (store: string, name: string, options: Options) => {
      const { of, keepAs } = options;
      const steps = await startSteps(options, "rollback");
      try {
        await interruptible((signal) =>
          withVolume(store, options, (volume) => {
            const view = of === undefined ? volume.origin : volume.get(of);
            return volume.rollback(name, { of: view, keepAs, signal, progress: steps.at });
          }),
        );
      } finally {
        steps.end();
      }
      const what = of === undefined ? "the origin" : `${store}@${of}`;
      const kept = keepAs === undefined ? "" : `; what it was is ${store}@${keepAs}`;
      const json = { of: of ?? null, to: name, keptAs: keepAs ?? null };
      await notice(options, json, `${what}: is what ${store}@${name} is${kept}`);
    });
}
