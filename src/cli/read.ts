/** `read STORE[@NAME]`: bytes of a view to standard output. */
import type { Command } from "commander";
import type { View } from "../volume/types.ts";
import { addDamagedOption, addStoreCommand } from "./command.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { writeOut } from "./output.ts";
import { checkRange } from "./range.ts";
import { parseBytes } from "./sizes.ts";
import { PIECE_BYTES } from "./source.ts";
import { parseTarget, type Target, viewOf } from "./target.ts";

/** A multiple of 3, so that pieces in base64 can be put together. */
const BASE64_PIECE_BYTES = PIECE_BYTES - (PIECE_BYTES % 3);

interface Options extends StoreOptions {
  offset: number;
  length: number;
}

export function addRead(program: Command): void {
  addDamagedOption(
    addStoreCommand(program, "read", "bytes to standard output; with --json, in base64"),
  )
    .argument("<store[@name]>", "store file, and a snapshot in it", parseTarget)
    .requiredOption("--offset <bytes>", "where to begin", parseBytes)
    .requiredOption("--length <bytes>", "how much to read", parseBytes)
    .action((target: Target, options: Options) =>
      withVolume(target.store, { ...options, readOnly: true }, async (volume) => {
        const view = viewOf(volume, target);
        checkRange(view, options.offset, options.length);
        await (options.json ? readJson(view, options) : readBytes(view, options));
      }),
    );
}

async function readBytes(view: View, { offset, length }: Options): Promise<void> {
  for await (const piece of pieces(view, offset, length, PIECE_BYTES)) await writeOut(piece);
}

/** The one document that does not fit in memory as a whole. */
async function readJson(view: View, { offset, length }: Options): Promise<void> {
  await writeOut(`{"offset":${offset},"length":${length},"data":"`);
  for await (const piece of pieces(view, offset, length, BASE64_PIECE_BYTES)) {
    await writeOut(Buffer.from(piece.buffer, 0, piece.length).toString("base64"));
  }
  await writeOut('"}\n');
}

async function* pieces(
  view: View,
  offset: number,
  length: number,
  pieceBytes: number,
): AsyncGenerator<Uint8Array> {
  const buffer = new Uint8Array(Math.min(pieceBytes, length));
  for (let done = 0; done < length; done += pieceBytes) {
    const piece = buffer.subarray(0, Math.min(pieceBytes, length - done));
    await view.read(offset + done, piece);
    yield piece;
  }
}
