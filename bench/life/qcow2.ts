/** qcow2 with internal snapshots, and qemu-img on it. */
import { spawnSync } from "node:child_process";
import { rmSync } from "node:fs";
import { Qmp } from "../peers/qmp.ts";
import { missingOf, ServerProcess } from "../peers/server-process.ts";
import type { Scratch } from "../scratch.ts";
import {
  AFTER,
  BEFORE,
  BUILD_MS_MAX,
  CHANGED_BYTE,
  type Contestant,
  changedPages,
  commandMs,
  crowdPages,
  DATA_BYTE,
  type Deed,
  DISK_BYTES,
  PAGE,
  WRITTEN_BYTES,
} from "./contestant.ts";

const NODE = "disk";

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

function writePage(page: number, byte: number): string {
  return `write -P ${byte} ${page * PAGE} ${PAGE}`;
}

export function makeImage(image: string): void {
  rmSync(image, { force: true });
  commandMs("qemu-img", ["create", "-q", "-f", "qcow2", image, String(DISK_BYTES)]);
  qemuIo(image, [`write -P ${DATA_BYTE} 0 ${WRITTEN_BYTES}`]);
}

/** Writes what changes between the two snapshots that are compared. */
export function change(image: string): void {
  qemuIo(
    image,
    [...changedPages()].map((page) => writePage(page, CHANGED_BYTE + 1)),
  );
}

/** Snapshots made by a live machine, which is faster than a process for each; how many it made. */
async function crowd(scratch: Scratch, image: string, count: number): Promise<number> {
  const control = scratch.file("life-qmp.sock");
  const drive = `driver=qcow2,node-name=${NODE},file.driver=file,file.filename=${image}`;
  const args = ["-machine", "none", "-nodefaults", "-nographic", "-S", "-blockdev", drive];
  args.push("-qmp", `unix:${control},server=on,wait=off`);
  const server = await ServerProcess.start("qemu-system-x86_64", args, control);
  const qmp = await Qmp.connect(control);
  const pages = crowdPages(count);
  const end = performance.now() + BUILD_MS_MAX;
  let made = 0;
  while (made < count && performance.now() < end) {
    const line = `qemu-io ${NODE} "${writePage(pages[made]!, CHANGED_BYTE)}"`;
    await qmp.run("human-monitor-command", { "command-line": line });
    const which = { device: NODE, name: `s${made++}` };
    await qmp.run("blockdev-snapshot-internal-sync", which);
  }
  qmp.close();
  await server.stop();
  return made;
}

/** Or why there is none. */
export async function qcow2(scratch: Scratch, count: number): Promise<Contestant | string> {
  const missing = missingOf("qemu-img", "qemu-io", "qemu-system-x86_64");
  if (missing !== null) return missing;
  const image = scratch.file("life.qcow2");
  makeImage(image);
  const reached = await crowd(scratch, image, count);
  const snapshot = (...args: string[]) => commandMs("qemu-img", ["snapshot", ...args, image]);
  snapshot("-c", BEFORE);
  change(image);
  snapshot("-c", AFTER);
  let turn = 0;
  const deeds: Record<Deed, (() => number) | null> = {
    create: () => snapshot("-c", `new${turn}`),
    delete: () => snapshot("-d", `new${turn++}`),
    rollback: () => snapshot("-a", BEFORE),
    diff: null,
    send: null,
  };
  return {
    name: "qemu-img",
    reached,
    time: async (deed) => deeds[deed]?.() ?? null,
    close: async () => rmSync(image),
  };
}
