/** The same through a volume on an OPFS device. */
import { openVolume, opfsDevice, removeOpfs, type Volume } from "../../src/browser.ts";
import type { Contestant, Opened } from "./contest.ts";
import { BATCH, type Courses, data, orderOf, SEQUENTIAL, UNIT, unit } from "./workload.ts";

type Wanted = "empty" | "filled" | "filled, with a snapshot";

async function open(
  size: number,
  wanted: Wanted,
  course: (volume: Volume) => Omit<Opened, "close">,
): Promise<Opened> {
  const path = `bench-${performance.now()}.msnap`;
  const volume = await openVolume({ store: await opfsDevice(path), create: { size } });
  if (wanted !== "empty") {
    for (let at = 0; at < size; at += UNIT) volume.origin.writeSync(at, unit);
    await volume.flush();
  }
  if (wanted === "filled, with a snapshot") await volume.snapshot("before");
  return {
    ...course(volume),
    async close() {
      await volume.close();
      await removeOpfs(path);
    },
  };
}

export function ourContestants(courses: Courses): Contestant[] {
  const size = courses.reads.count * UNIT;
  const order = orderOf(courses.reads.count);
  const flushed = courses.flushes.count * UNIT;
  return [
    {
      measure: "firstWrites",
      name: "writeSync",
      open: () =>
        open(size, "filled, with a snapshot", (volume) => ({
          work: (from, to) => writeUnits(volume, order, from, to),
          finish: () => volume.flush(),
        })),
    },
    {
      measure: "firstWrites",
      name: "write, awaited",
      open: () =>
        open(size, "filled, with a snapshot", (volume) => ({
          async work(from, to) {
            for (let i = from; i < to; i++) await volume.origin.write(order[i]! * UNIT, unit);
          },
          finish: () => volume.flush(),
        })),
    },
    {
      measure: "sequential",
      name: "writeSync",
      open: () =>
        open(size, "empty", ({ origin }) => ({
          work(from, to) {
            for (let i = from; i < to; i++) origin.writeSync(i * SEQUENTIAL, data);
          },
          finish: () => origin.flush(),
        })),
    },
    {
      measure: "reads",
      name: "readSync",
      open: () =>
        open(size, "filled", ({ origin }) => {
          const target = new Uint8Array(UNIT);
          return {
            work(from, to) {
              for (let i = from; i < to; i++) origin.readSync(order[i]! * UNIT, target);
            },
          };
        }),
    },
    {
      measure: "flushes",
      name: "overwrites",
      open: () => open(flushed, "filled", (volume) => durable(volume, 1)),
    },
    {
      measure: "flushes",
      name: "first writes",
      open: () => open(flushed, "filled, with a snapshot", (volume) => durable(volume, 1)),
    },
    {
      measure: "blobs",
      name: "writes, a flush for each 100",
      open: () => open(courses.blobs.count * UNIT, "empty", (volume) => durable(volume, BATCH)),
    },
  ];
}

function writeUnits({ origin }: Volume, order: Uint32Array, from: number, to: number): void {
  for (let i = from; i < to; i++) origin.writeSync(order[i]! * UNIT, unit);
}

/** In random order, with a flush after each `batch`. */
function durable(volume: Volume, batch: number): Omit<Opened, "close"> {
  const order = orderOf(volume.origin.size / UNIT);
  return {
    async work(from, to) {
      for (let i = from; i < to; i += batch) {
        writeUnits(volume, order, i, Math.min(to, i + batch));
        await volume.flush();
      }
    },
  };
}
