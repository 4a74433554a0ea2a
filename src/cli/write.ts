/** `write STORE[@NAME]`: bytes from standard input into a view. */
import type { Command } from "commander";
import { MultisnapError } from "../errors.ts";
import type { View } from "../volume/types.ts";
import { addStoreCommand, addWhenFullOptions } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { checkRange } from "./range.ts";
import { formatBytes, parseBytes } from "./sizes.ts";
import { standardInput } from "./source.ts";
import { parseTarget, type Target, viewOf } from "./target.ts";

interface Options extends StoreOptions {
  offset: number;
}

export function addWrite(program: Command): void {
  const what = "bytes from standard input, durable when the command ends";
  addWhenFullOptions(addStoreCommand(program, "write", what))
    .argument("<store[@name]>", "store file, and a snapshot in it", parseTarget)
    .requiredOption("--offset <bytes>", "where to begin", parseBytes)
    .action(async (target: Target, options: Options) => {
      const length = await interruptible((signal) =>
        withVolume(target.store, options, async (volume) => {
          const view = viewOf(volume, target);
          const length = await writeBytes(view, options.offset, signal);
          await volume.flush();
          return length;
        }),
      );
      const text = `wrote ${formatBytes(length)} at ${options.offset}`;
      await notice(options, { offset: options.offset, length }, text);
    });
}

async function writeBytes(view: View, start: number, signal: AbortSignal): Promise<number> {
  checkRange(view, start, 0);
  if (view.readOnly) {
    throw new MultisnapError("ReadOnly", `${view.name ?? "the origin"}: does not take writes`);
  }
  const source = standardInput();
  let offset = start;
  try {
    for await (const piece of source.pieces(signal)) {
      checkRange(view, offset, piece.length);
      await view.write(offset, piece);
      offset += piece.length;
    }
  } finally {
    source.close();
  }
  return offset - start;
}
