/** `resize STORE`: another size of the origin, another limit of the store. */
import { type Command, InvalidArgumentError } from "commander";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { startSteps } from "./progress.ts";
import { formatBytes, parseBytes } from "./sizes.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  size?: number;
  shrink?: boolean;
  maxSize?: number | "none";
}

export function addResize(program: Command): void {
  addStoreCommand(program, "resize", "grow or shrink the origin, or the store's limit")
    .argument("<store>", "store file", parsePath)
    .option("--size <bytes>", "of the origin, from now on; snapshots keep theirs", parseBytes)
    .option("--shrink", "the origin may lose what it has past its new end")
    .option("--max-size <bytes>", "that the store may grow to; none: no limit", parseLimit)
    .addHelpText(
      "after",
      "\nAn attached origin's image grows and is cut off with it. NBD clients see the new size" +
        "\nwhen they connect the next time: the protocol tells it only then.",
    )
    .action(async (store: string, options: Options, command: Command) => {
      const { size, shrink, maxSize } = options;
      if (size === undefined && maxSize === undefined) {
        command.error("error: give --size or --max-size", { exitCode: 2 });
      }
      // Of a store that remembers none, --max-size would be an option of opening it.
      const { maxSize: _, ...storeOptions } = options;
      const steps = await startSteps(options, "resize");
      const now = await interruptible((signal) =>
        withVolume(store, storeOptions, async (volume) => {
          if (maxSize !== undefined) await volume.setMaxSize(maxSize === "none" ? null : maxSize);
          if (size !== undefined) await volume.resize(size, { shrink, signal, progress: steps.at });
          return { size: volume.origin.size, maxSize: volume.usage().maxBytes };
        }),
      ).finally(() => steps.end());
      const limit = now.maxSize === null ? "no limit" : `a limit of ${formatBytes(now.maxSize)}`;
      const text = `${store}: the origin has ${formatBytes(now.size)}, the store ${limit}`;
      await notice(options, now, text);
    });
}

function parseLimit(text: string): number | "none" {
  if (text === "none") return text;
  const bytes = parseBytes(text);
  if (bytes === 0) throw new InvalidArgumentError("Give a number of bytes, or none.");
  return bytes;
}
