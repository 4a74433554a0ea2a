/** A file in a btrfs subvolume, and `btrfs` on that. */
import { closeSync, mkdirSync, openSync, renameSync, writeSync } from "node:fs";
import path from "node:path";
import { mountBtrfs } from "../peers/btrfs.ts";
import type { Scratch } from "../scratch.ts";
import { commandMs } from "./commands.ts";
import {
  AFTER,
  BEFORE,
  BUILD_MS_MAX,
  CHANGED_BYTE,
  CROWD_BYTE,
  changedPages,
  crowdPages,
  DATA_BYTE,
  type Deed,
  type Family,
  MIB,
  PAGE,
  WRITTEN_BYTES,
} from "./contestant.ts";

function btrfsMs(...args: string[]): Promise<number> {
  return commandMs("btrfs", args);
}

export async function* btrfs(scratch: Scratch, count: number): Family {
  const mounted = mountBtrfs(scratch);
  if (typeof mounted === "string") {
    yield `not on this machine (${mounted})`;
    return;
  }
  const folder = path.dirname(mounted.file);
  const [origin, snapshots] = ["subvolume", "snapshots"].map((name) => path.join(folder, name));
  const of = (name: string) => path.join(snapshots, name);
  await btrfsMs("subvolume", "create", origin);
  mkdirSync(snapshots);
  const file = openSync(path.join(origin, "disk"), "w+");
  const piece = new Uint8Array(MIB).fill(DATA_BYTE);
  for (let at = 0; at < WRITTEN_BYTES; at += MIB) writeSync(file, piece, 0, MIB, at);
  const write = (page: number, byte: number) =>
    writeSync(file, new Uint8Array(PAGE).fill(byte), 0, PAGE, page * PAGE);
  const take = (name: string) => btrfsMs("subvolume", "snapshot", "-r", origin, of(name));
  const pages = crowdPages(count);
  const end = performance.now() + BUILD_MS_MAX;
  let reached = 0;
  while (reached < count && performance.now() < end) {
    write(pages[reached]!, CROWD_BYTE);
    await take(`s${reached++}`);
  }
  await take(BEFORE);
  for (const page of changedPages()) write(page, CHANGED_BYTE);
  await take(AFTER);
  closeSync(file);
  await btrfsMs("filesystem", "sync", folder);
  let turn = 0;
  const deeds: Partial<Record<Deed, () => Promise<number>>> = {
    create: async () => (await take(`new${turn}`)) + (await btrfsMs("filesystem", "sync", folder)),
    delete: () => btrfsMs("subvolume", "delete", "--commit-after", of(`new${turn++}`)),
    rollback: async () => {
      const left = `${origin}.${turn++}`;
      renameSync(origin, left);
      const taken = await btrfsMs("subvolume", "snapshot", of(BEFORE), origin);
      return taken + (await btrfsMs("subvolume", "delete", "--commit-after", left));
    },
    diff: () => btrfsMs("send", "-q", "--no-data", "-p", of(BEFORE), "-f", "/dev/null", of(AFTER)),
    send: () => btrfsMs("send", "-q", "-p", of(BEFORE), "-f", "/dev/null", of(AFTER)),
  };
  yield {
    name: "btrfs",
    reached,
    how: {
      diff: "send --no-data",
      send: "send -p, to /dev/null",
    },
    time: async (deed) => deeds[deed]?.() ?? null,
    close: async () => mounted.unmount(),
  };
}
