/** `rename STORE OLD NEW`. */
import type { Command } from "commander";
import { addStoreCommand } from "./command.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { parsePath } from "./target.ts";

export function addRename(program: Command): void {
  addStoreCommand(program, "rename", "give a snapshot another name")
    .argument("<store>", "store file", parsePath)
    .argument("<old>", "name of a snapshot")
    .argument("<new>", "name that no snapshot has")
    .action(async (store: string, from: string, to: string, options: StoreOptions) => {
      const id = await withVolume(store, options, async (volume) => {
        const view = volume.get(from);
        await volume.rename(view, to);
        return view.id;
      });
      await notice(options, { id, old: from, new: to }, `${store}@${from}: is now ${store}@${to}`);
    });
}
