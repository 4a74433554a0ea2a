/** qcow2 with internal snapshots: a live QEMU that has it open, then qemu-img on it. */
import { rmSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { liveQemu, NODE } from "../peers/qemu.ts";
import type { Qmp } from "../peers/qmp.ts";
import { missingOf } from "../peers/server-process.ts";
import type { Scratch } from "../scratch.ts";
import { commandMs } from "./commands.ts";
import {
  AFTER,
  BEFORE,
  BUILD_MS_MAX,
  CHANGED_BYTE,
  type Contestant,
  CROWD_BYTE,
  changedPages,
  crowdPages,
  type Deed,
  DISK_BYTES,
  type Family,
  timed,
} from "./contestant.ts";
import { makeImage, writePage } from "./image.ts";

const BITMAP = "changed";
const TARGET = "target";
const POLL_MS = 1;

/** Live, and then from outside, on one image. */
export async function* qcow2(scratch: Scratch, count: number): Family {
  const missing = missingOf("qemu-img", "qemu-io", "qemu-system-x86_64");
  if (missing !== null) {
    yield missing;
    return;
  }
  const [image, target] = ["life.qcow2", "life-target.qcow2"].map(scratch.file);
  try {
    const live = await startLive(scratch, image, target, count);
    yield live;
    yield outside(image, live.reached);
  } finally {
    rmSync(image, { force: true });
    rmSync(target, { force: true });
  }
}

/** In a process that has the image open, as a program has our volume. */
async function startLive(
  scratch: Scratch,
  image: string,
  target: string,
  count: number,
): Promise<Contestant> {
  await makeImage(image);
  await commandMs("qemu-img", ["create", "-q", "-f", "qcow2", target, String(DISK_BYTES)]);
  const { qmp, stop } = await liveQemu(image, scratch.file("life-qmp.sock"));
  const bitmap = { node: NODE, name: BITMAP };
  const take = (name: string) => qmp.run("blockdev-snapshot-internal-sync", { device: NODE, name });
  const drop = (name: string) =>
    qmp.run("blockdev-snapshot-delete-internal-sync", { device: NODE, name });
  const reached = await crowd(qmp, count, take);
  await take(BEFORE);
  const file = { driver: "file", filename: target };
  await qmp.run("blockdev-add", { driver: "qcow2", "node-name": TARGET, file });
  await qmp.run("block-dirty-bitmap-add", { ...bitmap, persistent: true });
  for (const page of changedPages()) await write(qmp, page, CHANGED_BYTE);
  await take(AFTER);
  let turn = 0;
  const deeds: Partial<Record<Deed, () => Promise<unknown>>> = {
    create: () => take(`live${turn}`),
    delete: () => drop(`live${turn++}`),
    send: () => backUp(qmp),
  };
  return {
    name: "QEMU, live",
    reached,
    isLive: true,
    how: { send: "blockdev-backup of what a persistent bitmap marks" },
    time: async (deed) => {
      const body = deeds[deed];
      return body ? timed(body) : null;
    },
    close: async () => {
      await qmp.run("block-dirty-bitmap-remove", bitmap);
      await stop();
    },
  };
}

async function write(qmp: Qmp, page: number, byte: number): Promise<void> {
  const line = `qemu-io ${NODE} "${writePage(page, byte)}"`;
  await qmp.run("human-monitor-command", { "command-line": line });
}

/** How many snapshots it made. */
async function crowd(
  qmp: Qmp,
  count: number,
  take: (name: string) => Promise<unknown>,
): Promise<number> {
  const pages = crowdPages(count);
  const end = performance.now() + BUILD_MS_MAX;
  let made = 0;
  while (made < count && performance.now() < end) {
    await write(qmp, pages[made]!, CROWD_BYTE);
    await take(`s${made++}`);
  }
  return made;
}

/** Copies what the bitmap marks, which stays as it is. */
async function backUp(qmp: Qmp): Promise<void> {
  const what = { device: NODE, target: TARGET, sync: "bitmap", bitmap: BITMAP };
  const how = { "bitmap-mode": "never", "auto-dismiss": false };
  await qmp.run("blockdev-backup", { "job-id": "backup", ...what, ...how });
  for (;;) {
    const [job] = (await qmp.run("query-jobs", {})) as { status: string; error?: string }[];
    if (job?.error !== undefined) throw new Error(`blockdev-backup: ${job.error}`);
    if (job?.status === "concluded") break;
    await delay(POLL_MS);
  }
  await qmp.run("job-dismiss", { id: "backup" });
}

/** A process for each call, as a person does it while no machine runs. */
function outside(image: string, reached: number): Contestant {
  const snapshot = (...args: string[]) => commandMs("qemu-img", ["snapshot", ...args, image]);
  let turn = 0;
  const deeds: Partial<Record<Deed, () => Promise<number>>> = {
    create: () => snapshot("-c", `new${turn}`),
    delete: () => snapshot("-d", `new${turn++}`),
    rollback: () => snapshot("-a", BEFORE),
  };
  return {
    name: "qemu-img",
    reached,
    time: async (deed) => deeds[deed]?.() ?? null,
    close: async () => {},
  };
}
