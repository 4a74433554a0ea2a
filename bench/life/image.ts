/** qcow2 images with the data of the history, made with qemu-img and qemu-io. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { commandMs } from "./commands.ts";
import {
  CHANGED_BYTE,
  changedPages,
  DATA_BYTE,
  DISK_BYTES,
  PAGE,
  WRITTEN_BYTES,
} from "./contestant.ts";

/** For qemu-io. */
export function writePage(page: number, byte: number): string {
  return `write -P ${byte} ${page * PAGE} ${PAGE}`;
}

/** `qemu-io` commands on an image, from its standard input. */
function qemuIo(image: string, lines: readonly string[]): void {
  const run = spawnSync("qemu-io", ["-f", "qcow2", image], {
    input: `${lines.join("\n")}\n`,
    stdio: ["pipe", "ignore", "pipe"],
    encoding: "utf8",
  });
  if (run.error) throw run.error;
  if (run.status !== 0) throw new Error(`qemu-io: ${run.stderr.trim()}`);
}

export async function makeImage(image: string): Promise<void> {
  rmSync(image, { force: true });
  await commandMs("qemu-img", ["create", "-q", "-f", "qcow2", image, String(DISK_BYTES)]);
  qemuIo(image, [`write -P ${DATA_BYTE} 0 ${WRITTEN_BYTES}`]);
}

/** An image over `base` with the pages that are changed. */
export async function makeOverlay(overlay: string, base: string): Promise<void> {
  rmSync(overlay, { force: true });
  await commandMs("qemu-img", ["create", "-q", "-f", "qcow2", "-F", "qcow2", "-b", base, overlay]);
  qemuIo(
    overlay,
    [...changedPages()].map((page) => writePage(page, CHANGED_BYTE)),
  );
}
