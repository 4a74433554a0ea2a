/** The calls of a synchronous access handle that a workload needs, and nothing else. */
import type { Contestant, Opened } from "./contest.ts";
import { type Courses, data, orderOf, SEQUENTIAL, UNIT, unit } from "./workload.ts";

/** A file with `filled` bytes in it. */
async function openFile(
  filled: number,
  course: (file: FileSystemSyncAccessHandle) => Omit<Opened, "close">,
): Promise<Opened> {
  const name = `raw-${filled}-${performance.now()}`;
  const root = await navigator.storage.getDirectory();
  const file = await (await root.getFileHandle(name, { create: true })).createSyncAccessHandle();
  for (let at = 0; at < filled; at += data.length) file.write(data, { at });
  file.flush();
  return {
    ...course(file),
    close() {
      file.close();
      return root.removeEntry(name);
    },
  };
}

/** One for all calls, as in the device. */
const place = { at: 0 };

export function rawContestants(courses: Courses): Contestant[] {
  const bytes = courses.reads.count * UNIT;
  const order = orderOf(courses.reads.count);
  return [
    {
      measure: "firstWrites",
      name: "raw",
      // A redirected chunk is a write to a new place.
      open: () => openFile(bytes, (file) => appending(file, bytes, unit)),
    },
    {
      measure: "sequential",
      name: "raw",
      open: () => openFile(0, (file) => appending(file, 0, data)),
    },
    {
      measure: "reads",
      name: "raw",
      open: () =>
        openFile(bytes, (file) => {
          const target = new Uint8Array(UNIT);
          return {
            work(from, to) {
              for (let i = from; i < to; i++) {
                place.at = order[i]! * UNIT;
                file.read(target, place);
              }
            },
          };
        }),
    },
    {
      measure: "flushes",
      name: "raw",
      open: () => openFile(courses.flushes.count * UNIT, (file) => durable(file, courses, false)),
    },
    {
      measure: "flushes",
      name: "raw, with a record",
      open: () => openFile(courses.flushes.count * UNIT, (file) => durable(file, courses, true)),
    },
  ];
}

function appending(file: FileSystemSyncAccessHandle, start: number, piece: Uint8Array) {
  const bytes = piece.length === SEQUENTIAL ? data : unit;
  return {
    work(from: number, to: number) {
      for (let i = from; i < to; i++) {
        place.at = start + i * bytes.length;
        file.write(bytes, place);
      }
    },
    finish: () => file.flush(),
  };
}

/**
 * Overwrites, each durable; or writes to new places, each durable before the record that names it
 * is.
 */
function durable(file: FileSystemSyncAccessHandle, { flushes }: Courses, recorded: boolean) {
  const order = orderOf(flushes.count);
  const end = flushes.count * UNIT;
  return {
    work(from: number, to: number) {
      for (let i = from; i < to; i++) {
        file.write(unit, { at: recorded ? 2 * end + i * UNIT : order[i]! * UNIT });
        file.flush();
        if (!recorded) continue;
        file.write(unit, { at: end + i * UNIT });
        file.flush();
      }
    },
  };
}
