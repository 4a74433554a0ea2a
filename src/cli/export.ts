/** `export STORE[@NAME] FILE`: a whole view as a raw image, or as qcow2. */
import fs from "node:fs";
import { type Command, Option } from "commander";
import { MultisnapError } from "../errors.ts";
import type { View } from "../volume/types.ts";
import { addDamagedOption, addStoreCommand } from "./command.ts";
import { exportQcow2 } from "./export-qcow2.ts";
import { type ImageFile, replaceFile, standardOutput } from "./image-file.ts";
import { breathe, interruptible } from "./interrupt.ts";
import { refuseOwnFiles, type StoreOptions, withVolume } from "./open.ts";
import { notice } from "./output.ts";
import { type Progress, startProgress } from "./progress.ts";
import { formatBytes } from "./sizes.ts";
import { PIECE_BYTES } from "./source.ts";
import { parsePath, parseTarget, type Target, viewOf } from "./target.ts";

interface Options extends StoreOptions {
  format: "raw" | "qcow2";
  force?: boolean;
}

export function addExport(program: Command): void {
  addDamagedOption(
    addStoreCommand(program, "export", "write the origin or a snapshot to a raw image"),
  )
    .argument("<store[@name]>", "store file, and a snapshot in it", parseTarget)
    .argument("<file>", "image to make, or - for standard output", parsePath)
    .addOption(
      new Option("--format <format>", "of the image; qcow2 is made by the program qemu-img")
        .choices(["raw", "qcow2"])
        .default("raw"),
    )
    .option("--force", "replace an existing file, or write onto a block device")
    .action(async (target: Target, file: string, options: Options, command: Command) => {
      if (file === "-" && options.json) {
        command.error("error: with --json, standard output cannot take the image");
      }
      const isQcow2 = options.format === "qcow2";
      if (file === "-" && isQcow2) {
        command.error("error: a qcow2 image is not written in order: give a file, not -");
      }
      if (file !== "-" && !options.force && fs.existsSync(file)) {
        throw new MultisnapError("Exists", `${file}: is there already; --force replaces it`);
      }
      const bytes = await withVolume(
        target.store,
        { ...options, readOnly: true },
        async (volume, files) => {
          const view = viewOf(volume, target);
          if (file === "-") return exportTo(standardOutput(), view, options);
          refuseOwnFiles(file, files);
          if (isQcow2) {
            return interruptible((signal) =>
              exportQcow2(volume, view, file, options.force ?? false, signal),
            );
          }
          return interruptible((signal) =>
            replaceFile(file, view.size, options.force ?? false, (image) =>
              exportTo(image, view, options, signal),
            ),
          );
        },
      );
      if (file === "-") return;
      await notice(options, { file, bytes }, `exported ${formatBytes(bytes)} to ${file}`);
    });
}

async function exportTo(
  image: ImageFile,
  view: View,
  options: Options,
  signal?: AbortSignal,
): Promise<number> {
  const progress = await startProgress(options, "export", view.size);
  try {
    return await exportView(image, view, progress, signal);
  } finally {
    progress.end();
  }
}

async function exportView(
  image: ImageFile,
  view: View,
  progress: Progress,
  signal?: AbortSignal,
): Promise<number> {
  const buffer = new Uint8Array(PIECE_BYTES);
  for (let offset = 0; offset < view.size; offset += PIECE_BYTES) {
    if (signal !== undefined) await breathe(signal, "exporting");
    const piece = buffer.subarray(0, Math.min(PIECE_BYTES, view.size - offset));
    await view.read(offset, piece);
    await image.put(piece, offset);
    progress.at(offset + piece.length);
  }
  return view.size;
}
