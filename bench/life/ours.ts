/** Our own side, as a program calls the library and as a person calls the command. */
import { rmSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import {
  fileDevice,
  openVolume,
  receiveStream,
  sendStream,
  type View,
  type Volume,
} from "../../src/index.ts";
import { median } from "../measure.ts";
import type { Scratch } from "../scratch.ts";
import { commandMs } from "./commands.ts";
import {
  AFTER,
  BEFORE,
  CHANGED_BYTE,
  type Contestant,
  CROWD_BYTE,
  changedPages,
  crowdPages,
  DATA_BYTE,
  type Deed,
  DISK_BYTES,
  MIB,
  PAGE,
  SAME,
  TURNS,
  timed,
  WRITTEN_BYTES,
} from "./contestant.ts";

const PROGRAM = path.join(path.dirname(fileURLToPath(import.meta.url)), "../../bin/multisnap.js");

async function make(file: string): Promise<Volume> {
  rmSync(file, { force: true });
  return openVolume({ store: await fileDevice(file), create: { size: DISK_BYTES } });
}

/** A store with the history, open. */
async function build(file: string, count: number): Promise<Volume> {
  const volume = await make(file);
  const piece = new Uint8Array(MIB).fill(DATA_BYTE);
  for (let at = 0; at < WRITTEN_BYTES; at += MIB) volume.origin.writeSync(at, piece);
  const page = new Uint8Array(PAGE).fill(CROWD_BYTE);
  const pages = crowdPages(count);
  for (let i = 0; i < count; i++) {
    volume.origin.writeSync(pages[i]! * PAGE, page);
    await volume.snapshot(`s${i}`);
  }
  await volume.snapshot(BEFORE, { readOnly: true });
  const changed = new Uint8Array(PAGE).fill(CHANGED_BYTE);
  for (const name of [AFTER, SAME]) {
    for (const index of changedPages()) volume.origin.writeSync(index * PAGE, changed);
    await volume.snapshot(name, { readOnly: true });
  }
  await volume.flush();
  return volume;
}

/** Another store, with what an increment follows on. */
async function buildOther(file: string, volume: Volume): Promise<Volume> {
  const other = await make(file);
  await receiveStream(other, sendStream(volume, BEFORE));
  return other;
}

async function drain(parts: AsyncIterable<unknown>): Promise<void> {
  for await (const _ of parts);
}

/** Whether two views have other bytes anywhere. */
async function differ(volume: Volume, a: View, b: View): Promise<boolean> {
  for await (const _ of volume.diff(a, b, { content: true })) return true;
  return false;
}

export async function library(scratch: Scratch, count: number): Promise<Contestant> {
  const [file, otherFile] = ["life-library.msnap", "life-other.msnap"].map(scratch.file);
  const volume = await build(file, count);
  const other = await buildOther(otherFile, volume);
  const [before, after, same] = [BEFORE, AFTER, SAME].map((name) => volume.get(name));
  let turn = 0;
  const deeds: Record<Deed, () => Promise<unknown>> = {
    create: async () => {
      await volume.snapshot(`new${turn}`);
      await volume.flush();
    },
    delete: async () => {
      await volume.delete(`new${turn++}`);
      await volume.flush();
    },
    rollback: async () => {
      await volume.rollback(BEFORE);
      await volume.flush();
    },
    diff: () => drain(volume.diff(before, after)),
    differ: () => differ(volume, before, after),
    equal: () => differ(volume, after, same),
    send: () => drain(sendStream(volume, AFTER, { from: BEFORE })),
    move: async () => {
      await receiveStream(other, sendStream(volume, AFTER, { from: BEFORE }));
      await other.flush();
    },
  };
  return {
    name: "library",
    reached: count,
    isLive: true,
    time: async (deed) => {
      const ms = await timed(deeds[deed]);
      if (deed === "move") await other.delete(AFTER);
      return ms;
    },
    close: async () => {
      await volume.close();
      await other.close();
      rmSync(file);
      rmSync(otherFile);
    },
  };
}

/** Median of `node -e 0`: what nobody who writes a program for Node can be faster than. */
export async function bareMs(): Promise<number> {
  const times: number[] = [];
  for (let turn = 0; turn < TURNS.counted; turn++) {
    times.push(await commandMs(process.execPath, ["-e", "0"]));
  }
  return median(times);
}

export async function program(scratch: Scratch, count: number): Promise<Contestant> {
  const [file, other] = ["life-command.msnap", "life-other.msnap"].map(scratch.file);
  const volume = await build(file, count);
  await (await buildOther(other, volume)).close();
  await volume.close();
  const call = (...args: string[]) => commandMs(process.execPath, [PROGRAM, ...args]);
  const pipe = '"$0" "$1" send "$2" --from "$3" | "$0" "$1" receive "$4" --quiet';
  const sent = `${file}@${AFTER}`;
  let turn = 0;
  const deeds: Record<Deed, () => Promise<number>> = {
    create: () => call("snapshot", file, `new${turn}`, "--quiet"),
    delete: () => call("delete", file, `new${turn++}`, "--quiet"),
    rollback: () => call("rollback", file, BEFORE, "--quiet"),
    diff: () => call("diff", file, `@${BEFORE}`, `@${AFTER}`),
    differ: () => call("diff", file, `@${BEFORE}`, `@${AFTER}`, "--content"),
    equal: () => call("diff", file, `@${AFTER}`, `@${SAME}`, "--content"),
    send: () => call("send", sent, "--from", BEFORE),
    move: () => commandMs("sh", ["-c", pipe, process.execPath, PROGRAM, sent, BEFORE, other]),
  };
  return {
    name: "command",
    reached: count,
    time: async (deed) => {
      const ms = await deeds[deed]();
      if (deed === "move") await call("delete", other, AFTER, "--quiet");
      return ms;
    },
    close: async () => {
      rmSync(file);
      rmSync(other);
    },
  };
}
