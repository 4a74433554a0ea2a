/** `hold STORE NAME` and `release STORE NAME`: a snapshot that nobody may delete. */
import type { Command } from "commander";
import type { Volume } from "../volume/types.ts";
import { addStoreCommand } from "./command.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  reason: string;
}

type Change = (volume: Volume, name: string, reason: string) => Promise<void>;

export function addHold(program: Command): void {
  add(program, "hold", "keep a snapshot from being deleted or pruned", (volume, name, reason) =>
    volume.addHold(name, reason),
  );
}

export function addRelease(program: Command): void {
  add(program, "release", "let a snapshot that is held be deleted again", (volume, name, reason) =>
    volume.removeHold(name, reason),
  );
}

function add(program: Command, verb: string, about: string, change: Change): void {
  addStoreCommand(program, verb, about)
    .argument("<store>", "store file", parsePath)
    .argument("<name>", "of a snapshot")
    .option("--reason <text>", "who holds it: it goes when every reason is released", "hold")
    .action(async (store: string, name: string, options: Options) => {
      const holds = await withVolume(store, options, async (volume) => {
        await change(volume, name, options.reason);
        return volume.get(name).holds;
      });
      const state = holds.length === 0 ? "is not held" : `is held: ${holds.join(", ")}`;
      await notice(options, { name, holds }, `${store}@${name}: ${state}`);
    });
}
