/** Our own side, as a program calls the library and as a person calls the command. */
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { fileDevice, openVolume, sendStream, type Volume } from "../../src/index.ts";
import type { Scratch } from "../scratch.ts";
import {
  AFTER,
  BEFORE,
  CHANGED_BYTE,
  type Contestant,
  changedPages,
  commandMs,
  crowdPages,
  DATA_BYTE,
  type Deed,
  DISK_BYTES,
  MIB,
  PAGE,
  WRITTEN_BYTES,
} from "./contestant.ts";

const PROGRAM = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../bin/multisnap.js");

/** A store with the history, open. */
async function build(file: string, count: number): Promise<Volume> {
  rmSync(file, { force: true });
  const create = { size: DISK_BYTES };
  const volume = await openVolume({ store: await fileDevice(file), create });
  const piece = new Uint8Array(MIB).fill(DATA_BYTE);
  for (let at = 0; at < WRITTEN_BYTES; at += MIB) volume.origin.writeSync(at, piece);
  const page = new Uint8Array(PAGE).fill(CHANGED_BYTE);
  const pages = crowdPages(count);
  for (let i = 0; i < count; i++) {
    volume.origin.writeSync(pages[i]! * PAGE, page);
    await volume.snapshot(`s${i}`);
  }
  await volume.snapshot(BEFORE, { readOnly: true });
  const changed = new Uint8Array(PAGE).fill(CHANGED_BYTE + 1);
  for (const index of changedPages()) volume.origin.writeSync(index * PAGE, changed);
  await volume.snapshot(AFTER, { readOnly: true });
  await volume.flush();
  return volume;
}

export async function library(scratch: Scratch, count: number): Promise<Contestant> {
  const file = scratch.file("life-library.msnap");
  const volume = await build(file, count);
  let turn = 0;
  const deeds: Record<Deed, () => Promise<unknown>> = {
    create: () => volume.snapshot(`new${turn}`),
    delete: () => volume.delete(`new${turn++}`),
    rollback: () => volume.rollback(BEFORE),
    diff: async () => {
      for await (const _ of volume.diff(volume.get(BEFORE), volume.get(AFTER)));
    },
    send: async () => {
      for await (const _ of sendStream(volume, AFTER, { from: BEFORE }));
    },
  };
  return {
    name: "library",
    reached: count,
    time: async (deed) => {
      const start = performance.now();
      await deeds[deed]();
      return performance.now() - start;
    },
    close: async () => {
      await volume.close();
      rmSync(file);
    },
  };
}

export async function program(scratch: Scratch, count: number): Promise<Contestant> {
  const file = scratch.file("life-command.msnap");
  await (await build(file, count)).close();
  const call = (...args: string[]) => commandMs(process.execPath, [PROGRAM, ...args]);
  let turn = 0;
  const deeds: Record<Deed, () => number> = {
    create: () => call("snapshot", file, `new${turn}`, "--quiet"),
    delete: () => call("delete", file, `new${turn++}`, "--quiet"),
    rollback: () => call("rollback", file, BEFORE, "--quiet"),
    diff: () => call("diff", file, `@${BEFORE}`, `@${AFTER}`),
    send: () => call("send", `${file}@${AFTER}`, "--from", BEFORE),
  };
  return {
    name: "command",
    reached: count,
    time: async (deed) => deeds[deed](),
    close: async () => rmSync(file),
  };
}
