/** `import STORE FILE`: the whole origin from a raw image. */
import type { Command } from "commander";
import { MultisnapError } from "../errors.ts";
import type { View } from "../volume/types.ts";
import { addStoreCommand, addWhenFullOptions } from "./command.ts";
import { breathe, interruptible } from "./interrupt.ts";
import { refuseOwnFiles, type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { type Progress, startProgress } from "./progress.ts";
import { formatBytes } from "./sizes.ts";
import { openSource, type Source } from "./source.ts";
import { parsePath } from "./target.ts";
import { runs } from "./zeros.ts";

/** Zeros behind the image are made in steps of this size, so that Ctrl-C is heard. */
const TAIL_BYTES = 2 ** 30;

export function addImport(program: Command): void {
  const what = "fill the origin from a raw image; what is behind it is zeroed";
  addWhenFullOptions(addStoreCommand(program, "import", what))
    .argument("<store>", "store file", parsePath)
    .argument("<file>", "raw image, or - for standard input", parsePath)
    .action(async (store: string, file: string, options: StoreOptions) => {
      const bytes = await interruptible((signal) =>
        withVolume(store, options, async (volume, files) => {
          if (file !== "-") refuseOwnFiles(file, files);
          const source = await openSource(file);
          const progress = await startProgress(options, "import", source.size);
          try {
            const length = await importImage(volume.origin, source, signal, progress);
            await volume.flush();
            return length;
          } finally {
            progress.end();
            source.close();
          }
        }),
      );
      const text = `imported ${formatBytes(bytes)} into ${store}`;
      await notice(options, { store, bytes }, text);
    });
}

/** Bytes of the image. */
async function importImage(
  origin: View,
  source: Source,
  signal: AbortSignal,
  progress: Progress,
): Promise<number> {
  if (source.size !== null && source.size > origin.size) throw tooLarge(origin, source.size);
  let offset = 0;
  for await (const piece of source.pieces(signal)) {
    if (offset + piece.length > origin.size) throw tooLarge(origin, null);
    // Side by side: through a server, one after the other would be a way there and back for each.
    const requests = [...runs(piece)].map(({ start, end, zero }) =>
      zero
        ? origin.writeZeroes(offset + start, end - start)
        : origin.write(offset + start, piece.subarray(start, end)),
    );
    for (const end of await Promise.allSettled(requests)) {
      if (end.status === "rejected") throw end.reason;
    }
    offset += piece.length;
    progress.at(offset);
  }
  for (let at = offset; at < origin.size; at += TAIL_BYTES) {
    await breathe(signal, "zeroing what is behind the image");
    await origin.writeZeroes(at, Math.min(TAIL_BYTES, origin.size - at));
  }
  return offset;
}

function tooLarge(origin: View, bytes: number | null): MultisnapError {
  const image = bytes === null ? "the input is longer" : `the image has ${bytes} bytes, more`;
  const kept = bytes === null ? "; its beginning was imported" : "; nothing was changed";
  return new MultisnapError("Invalid", `${image} than the ${origin.size} of the volume${kept}`);
}
