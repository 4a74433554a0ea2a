/** `snapshot STORE NAME`: a new snapshot of the origin or of a snapshot. */
import type { Command } from "commander";
import { addStoreCommand, addWhenFullOptions } from "./command.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  of?: string;
  readOnly?: boolean;
}

export function addSnapshot(program: Command): void {
  const what = "take a snapshot of the origin, or of a snapshot";
  addWhenFullOptions(addStoreCommand(program, "snapshot", what))
    .argument("<store>", "store file", parsePath)
    .argument("<name>", "of the new snapshot")
    .option("--of <snapshot>", "of this snapshot instead of the origin")
    .option("--read-only", "the snapshot takes no writes")
    .action(async (store: string, name: string, options: Options) => {
      const { readOnly, ...storeOptions } = options;
      const view = await withVolume(store, storeOptions, (volume) => {
        const of = options.of === undefined ? undefined : volume.get(options.of);
        return volume.snapshot(name, { of, readOnly });
      });
      const { id, created, size } = view;
      const json = {
        name,
        id,
        parent: options.of ?? null,
        created: new Date(created).toISOString(),
        size,
        readOnly: view.readOnly,
      };
      await notice(options, json, `${store}@${name}: taken of ${options.of ?? "the origin"}`);
    });
}
