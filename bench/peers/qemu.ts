/** QEMU: qemu-nbd over a raw file, and a live machine that serves a qcow2 image with snapshots. */
import { execFileSync } from "node:child_process";
import { rmSync } from "node:fs";
import type { Scratch } from "../scratch.ts";
import type { Disk, SharedDisk } from "./disk.ts";
import { writtenImage } from "./image.ts";
import { Qmp } from "./qmp.ts";
import { missingOf, ServerProcess, uriOf } from "./server-process.ts";

const SNAPSHOT = "turn";
/** What a live machine knows its image by. */
export const NODE = "disk";

/** A machine that only has a disk: a qcow2 image, as `NODE`. */
export async function liveQemu(
  image: string,
  control: string,
): Promise<{ qmp: Qmp; stop: () => Promise<void> }> {
  const args = ["-machine", "none", "-nodefaults", "-nographic", "-S"];
  const drive = `driver=qcow2,node-name=${NODE},file.driver=file,file.filename=${image}`;
  args.push("-blockdev", drive, "-qmp", `unix:${control},server=on,wait=off`);
  const server = await ServerProcess.start("qemu-system-x86_64", args, control);
  const qmp = await Qmp.connect(control);
  const stop = async () => {
    qmp.close();
    await server.stop();
  };
  return { qmp, stop };
}

/** A written disk, cached by the kernel as ours is; or why there is none. */
export async function qemuNbd(scratch: Scratch, bytes: number): Promise<Disk | string> {
  const missing = missingOf("qemu-nbd");
  if (missing !== null) return missing;
  const image = writtenImage(scratch, "qemu-nbd.img", bytes);
  const socket = scratch.file("qemu-nbd.sock");
  const args = ["--persistent", "--format=raw", "--cache=writeback", "--socket", socket, image];
  const server = await ServerProcess.start("qemu-nbd", args, socket);
  const stop = async () => {
    await server.stop();
    rmSync(image);
  };
  return { uri: uriOf(socket), stop };
}

/** An empty qcow2 image with 64 KiB clusters and its internal snapshots, or why there is none. */
export async function qcow2(scratch: Scratch, bytes: number): Promise<SharedDisk | string> {
  const missing = missingOf("qemu-img", "qemu-system-x86_64");
  if (missing !== null) return missing;
  const [image, control, socket] = ["qcow2.img", "qmp.sock", "qcow2.sock"].map(scratch.file);
  execFileSync(
    "qemu-img",
    ["create", "-q", "-f", "qcow2", "-o", "cluster_size=64k", image, String(bytes)],
    { stdio: "inherit" },
  );
  const { qmp, stop } = await liveQemu(image, control);
  rmSync(socket, { force: true });
  await qmp.run("nbd-server-start", { addr: { type: "unix", data: { path: socket } } });
  const exported = { id: "export", type: "nbd", "node-name": NODE, name: NODE, writable: true };
  await qmp.run("block-export-add", exported);
  let taken = false;
  return {
    uri: uriOf(socket, NODE),
    shareAll: async () => {
      const which = { device: NODE, name: SNAPSHOT };
      if (taken) await qmp.run("blockdev-snapshot-delete-internal-sync", which);
      await qmp.run("blockdev-snapshot-internal-sync", which);
      taken = true;
    },
    stop: async () => {
      await stop();
      rmSync(image);
    },
  };
}
