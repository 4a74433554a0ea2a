/** Stores to measure with: made on the scratch folder, written, and removed again. */
import { rmSync } from "node:fs";
import { fileDevice, openVolume, type Volume } from "../../src/index.ts";
import type { Context } from "../row.ts";

const PIECE_BYTES = 1 << 20;
/** Not zeros: copies of zeros take no space. */
export const DATA_BYTE = 0x5a;

export interface MadeStore {
  volume: Volume;
  remove: () => Promise<void>;
}

/** Writes all of the origin in order, durably. */
export async function writeAll(volume: Volume): Promise<void> {
  const piece = new Uint8Array(PIECE_BYTES).fill(DATA_BYTE);
  const { origin } = volume;
  for (let offset = 0; offset < origin.size; offset += PIECE_BYTES) origin.writeSync(offset, piece);
  await volume.flush();
}

/** A volume on a new file, its origin empty. */
export async function emptyStore(
  context: Context,
  create: { size: number; chunk: number },
  cacheBytes?: number,
): Promise<MadeStore> {
  const file = context.scratch.file("volume.msnap");
  rmSync(file, { force: true });
  const options = cacheBytes === undefined ? {} : { cacheBytes };
  const volume = await openVolume({ store: await fileDevice(file), create, ...options });
  const remove = async () => {
    await volume.close();
    rmSync(file, { force: true });
  };
  return { volume, remove };
}

/** A volume on a new file, its origin fully written. */
export async function writtenStore(
  context: Context,
  create: { size: number; chunk: number },
): Promise<MadeStore> {
  const made = await emptyStore(context, create);
  await writeAll(made.volume);
  return made;
}
