/**
 * Snapshots of several volumes at one instant, for what is spread over several disks: writes to all
 * of them wait between two writes while the snapshots are made.
 */
import { MultisnapError } from "../../errors.ts";
import { Lock, run, type Task } from "../../task.ts";
import { checkName } from "../timeline.ts";
import type { View, Volume } from "../types.ts";
import { DiskVolume } from "../volume.ts";

export interface GroupMember {
  volume: Volume;
  /** Of the new snapshot. */
  name: string;
  /** The view to take it of; by default the origin. */
  of?: View;
  readOnly?: boolean;
}

interface Made {
  volume: DiskVolume;
  id: number;
}

/** Two groups that have volumes in common would else wait for each other. */
const groups = new Lock();

/** See `snapshotAll` of later.ts. */
export async function snapshotAll(members: readonly GroupMember[]): Promise<View[]> {
  const wanted = members.map(({ volume, name, of = volume.origin, readOnly = false }) => {
    if (!(volume instanceof DiskVolume)) {
      const why = "a volume that is open elsewhere cannot be stopped together with others";
      throw new MultisnapError("Unsupported", `${why}: take the group where all are open`);
    }
    checkName(name);
    volume.core.assertWritable();
    return { volume, name, of: volume.own(of), readOnly };
  });
  const volumes = [...new Set(wanted.map(({ volume }) => volume))];
  function* take(): Task<Made[]> {
    const made: Made[] = [];
    try {
      for (const { volume, name, of, readOnly } of wanted) {
        const create = volume.timeline.create(of.id, name, readOnly);
        made.push({ volume, id: yield* volume.guard(create) });
      }
      return made;
    } catch (error) {
      for (const { volume, id } of made.reverse()) {
        yield* volume.guard(volume.timeline.deleteNow([id]));
      }
      throw error;
    }
  }
  const made = await run(alone(stopped(volumes, take)));
  for (const volume of volumes) await volume.flush();
  return made.map(({ volume, id }) => volume.snapshots.find((view) => view.id === id)!);
}

function* alone<T>(work: Task<T>): Task<T> {
  yield* groups.acquire();
  try {
    return yield* work;
  } finally {
    groups.release();
  }
}

/** Runs `work` between two writes of all volumes. */
function* stopped<T>(volumes: readonly DiskVolume[], work: () => Task<T>): Task<T> {
  const [first, ...others] = volumes;
  if (!first) return yield* work();
  return yield* first.core.between(() => stopped(others, work));
}
