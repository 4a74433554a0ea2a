/**
 * A view as a qcow2 image, through `qemu-img`: it reads the view over a socket of ours that nobody
 * else can reach, and writes what is not zero. No raw copy in between.
 */
import { spawn } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { openError } from "../devices/errno.ts";
import { MultisnapError } from "../errors.ts";
import { serveNbd } from "../nbd/server.ts";
import type { View, Volume } from "../volume/types.ts";
import { replaceFileBy } from "./image-file.ts";
import { interrupted } from "./interrupt.ts";
import { oneLine } from "./output.ts";

const PROGRAM = "qemu-img";
const COMPLAINT_MAX = 4096;

/** Bytes of the view. Errors: `Unsupported` (no qemu-img here), `Io` (what it says). */
export async function exportQcow2(
  volume: Volume,
  view: View,
  file: string,
  force: boolean,
  signal: AbortSignal,
): Promise<number> {
  // Its owner alone may enter.
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-export-"));
  try {
    const socket = path.join(folder, "nbd");
    const server = await serveNbd(volume, { socket, readOnly: true });
    try {
      const name = view.name === null ? "" : encodeURIComponent(`@${view.name}`);
      const uri = `nbd+unix:///${name}?socket=${encodeURIComponent(socket)}`;
      await replaceFileBy(file, force, (partial) =>
        run(["convert", "-f", "raw", "-O", "qcow2", uri, partial], signal),
      );
    } finally {
      await server.close();
    }
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
  return view.size;
}

function run(args: readonly string[], signal: AbortSignal): Promise<void> {
  const child = spawn(PROGRAM, args, { stdio: ["ignore", "ignore", "pipe"] });
  const stop = () => child.kill("SIGTERM");
  signal.addEventListener("abort", stop);
  let complaint = "";
  child.stderr.on("data", (part: Buffer) => {
    complaint = (complaint + part).slice(-COMPLAINT_MAX);
  });
  return new Promise<void>((resolve, reject) => {
    child.on("error", (cause: NodeJS.ErrnoException) => {
      if (cause.code !== "ENOENT") return reject(openError(PROGRAM, "running", cause));
      const why = "--format qcow2 needs the program qemu-img, which is not here";
      reject(new MultisnapError("Unsupported", `${why}: install it (Debian: qemu-utils)`));
    });
    child.on("close", (code, by) => {
      if (signal.aborted) reject(interrupted("exporting"));
      else if (code === 0) resolve();
      else {
        const said = oneLine(complaint.trim()) || `it ended with ${by ?? `exit code ${code}`}`;
        reject(new MultisnapError("Io", `${PROGRAM}: ${said}`));
      }
    });
  }).finally(() => signal.removeEventListener("abort", stop));
}
