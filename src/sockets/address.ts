/** The address of a Unix socket, by any path, however long. */
import fs from "node:fs";
import path from "node:path";
import { openError } from "../devices/errno.ts";
import { MultisnapError } from "../errors.ts";

/** Of `sun_path`, less its closing zero. */
const ADDRESS_BYTES_MAX = process.platform === "linux" ? 107 : 103;
/** With `/proc/self/fd/1234567890/` before it, a name of this length fits. */
export const NAME_BYTES_MAX = 80;

/** What a socket is bound or connected to; good until it is released. */
export interface Address {
  text: string;
  release(): void;
}

/**
 * Where the path is longer than a socket's address may be, Linux reaches it through a descriptor of
 * its folder. Errors: `Unsupported` where that does not help, those of opening the folder.
 */
export function addressOf(file: string): Address {
  if (Buffer.byteLength(file) <= ADDRESS_BYTES_MAX) return { text: file, release: () => {} };
  const name = path.basename(file);
  if (process.platform !== "linux" || Buffer.byteLength(name) > NAME_BYTES_MAX) {
    const limit = `the path of a socket has at most ${ADDRESS_BYTES_MAX} bytes here`;
    throw new MultisnapError("Unsupported", `${file}: ${limit}; take a shorter one`);
  }
  let folder: number;
  try {
    const { O_RDONLY, O_DIRECTORY } = fs.constants;
    folder = fs.openSync(path.dirname(file), O_RDONLY | O_DIRECTORY);
  } catch (cause) {
    throw openError(file, "looking for its folder", cause);
  }
  let open = true;
  return {
    text: `/proc/self/fd/${folder}/${name}`,
    release: () => {
      if (open) fs.closeSync(folder);
      open = false;
    },
  };
}
