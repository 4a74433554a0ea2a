/**
 * In a worker of a page: opens the volume, tells what is in it, and then changes it until somebody
 * kills the worker, its page or its process. Tells each step that answers for all before it.
 */
import { openVolume, opfsDevice, type View, type Volume } from "../../../src/browser.ts";
import { ORIGIN, SECTOR, SIZE, type Step, stampOf, stepsOf } from "./steps.ts";

const PATH = "crash/disk.msnap";
const parameters = new URL(import.meta.url).searchParams;

async function say<T>(message: object): Promise<T> {
  const body = JSON.stringify(message);
  const answer = await fetch(`../say/${parameters.get("channel")}`, { method: "POST", body });
  return (await answer.json()) as T;
}

async function open(): Promise<Volume> {
  // On a busy machine, who was killed keeps the file for longer than a user would see.
  const store = await opfsDevice(PATH, { waitMs: 5000 });
  const create = store.size() === 0 && { create: { size: SIZE } };
  return openVolume({ store, ...create, cacheBytes: 2 ** 20 });
}

/** The stamp of each sector of a view; -1 where a sector is not of one piece. */
async function stampsIn(view: View): Promise<number[]> {
  const words = new Uint32Array(SIZE / 4);
  await view.read(0, new Uint8Array(words.buffer));
  const perSector = SECTOR / 4;
  return Array.from({ length: SIZE / SECTOR }, (_, sector) => {
    const own = words.subarray(sector * perSector, (sector + 1) * perSector);
    return own.every((word) => word === own[0]) ? own[0]! : -1;
  });
}

async function report(volume: Volume) {
  const { clean, problems } = await volume.check({ data: true });
  const views: [string, number[]][] = [];
  for (const view of [volume.origin, ...volume.snapshots]) {
    views.push([view.name ?? ORIGIN, await stampsIn(view)]);
  }
  return { problems: clean ? [] : problems, views };
}

async function take(volume: Volume, step: Step, stamp: number): Promise<void> {
  switch (step.do) {
    case "write": {
      const view = step.view === ORIGIN ? volume.origin : volume.get(step.view);
      const words = new Uint32Array((step.count * SECTOR) / 4).fill(stamp);
      return view.write(step.sector * SECTOR, new Uint8Array(words.buffer));
    }
    case "flush":
      return volume.flush();
    case "snapshot":
      await volume.snapshot(step.name);
      return;
    case "delete":
      return volume.delete(step.name);
  }
}

async function live(): Promise<void> {
  const begun = performance.now();
  const volume = await open();
  const openMs = Math.round(performance.now() - begun);
  const { life } = await say<{ life: number }>({ ...(await report(volume)), openMs });
  const snapshots = volume.snapshots.map(({ name }) => name!);
  let index = 0;
  for (const step of stepsOf(life, snapshots)) {
    await take(volume, step, stampOf(life, index));
    if (step.do !== "write") await say({ life, done: index });
    index++;
  }
}

await live().catch((error) => say({ error: `${error}\n${error?.stack}` }));
