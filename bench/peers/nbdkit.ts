/** nbdkit: a C server over its memory, over a file, or over a file with its cow filter. */
import { rmSync } from "node:fs";
import type { Scratch } from "../scratch.ts";
import type { Disk, SharedDisk } from "./disk.ts";
import { writtenImage } from "./image.ts";
import { missingOf, ServerProcess, uriOf } from "./server-process.ts";

/** The disk, or why there is none. `imageBytes`: of the written file that it serves, if it does. */
async function nbdkit(
  scratch: Scratch,
  name: string,
  plugin: readonly string[],
  imageBytes: number | null,
): Promise<SharedDisk | string> {
  const missing = missingOf("nbdkit");
  if (missing !== null) return missing;
  const image = imageBytes === null ? null : writtenImage(scratch, `${name}.img`, imageBytes);
  const args = image === null ? plugin : [...plugin, `file=${image}`];
  const socket = scratch.file(`${name}.sock`);
  // The filter keeps what is written in a file of its own.
  const env = { TMPDIR: scratch.folder };
  const start = () => ServerProcess.start("nbdkit", ["-f", "-U", socket, ...args], socket, env);
  let server = await start();
  return {
    uri: uriOf(socket),
    shareAll: async () => {
      await server.stop();
      server = await start();
    },
    stop: async () => {
      await server.stop();
      if (image !== null) rmSync(image);
    },
  };
}

export function nbdkitMemory(scratch: Scratch, bytes: number): Promise<Disk | string> {
  return nbdkit(scratch, "nbdkit-memory", ["memory", String(bytes)], null);
}

export function nbdkitFile(scratch: Scratch, bytes: number): Promise<Disk | string> {
  return nbdkit(scratch, "nbdkit-file", ["file"], bytes);
}

/** A fresh start of the filter forgets all that was written. */
export function nbdkitCow(scratch: Scratch, bytes: number): Promise<SharedDisk | string> {
  return nbdkit(scratch, "nbdkit-cow", ["--filter=cow", "file", "cow-block-size=64k"], bytes);
}
