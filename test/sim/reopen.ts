/** Steps that close a volume and open it again. */
import type { DiskVolume } from "../../src/volume/volume.ts";
import { FIXED } from "../model/subjects.ts";
import type { Life } from "./life.ts";
import type { Action } from "./plan.ts";

type How = Extract<Action, { do: "reopen" }>["how"];

/**
 * After a failure the life is over: what a device held that its failed flush did not reach may go
 * with its cache.
 */
export async function reopen(life: Life, how: How, numbers: readonly number[]): Promise<void> {
  if (life.machine.faults.fatal > 0 || life.isLiar) {
    life.isOver = true;
    return;
  }
  const there = life.volume.snapshots.map(({ id }) => id);
  const { rollingBack } = life.volume.status();
  const free = life
    .snapshots(numbers)
    .filter(({ name, holds }) => name !== rollingBack && holds.length === 0);
  const doomed = how === "sync" ? free.map(({ id }) => id) : [];
  const kept = there.filter((id) => !doomed.includes(id));
  // Of a life before: a snapshot that came and went. The naive volume has no store.
  const { core } = life.volume as Partial<DiskVolume>;
  life.idsUsed = Math.max(life.idsUsed, core?.store.nextId() ?? 0);
  const key = life.mark({ do: "flush" });
  const isClosed = await life.owed(() => life.volume.close());
  life.mark({ do: "flushed", isDone: isClosed }, key);
  if (!isClosed || !(await life.attempt(() => openedAs(life, how, kept, doomed))))
    life.isOver = true;
}

async function openedAs(
  life: Life,
  how: How,
  kept: readonly number[],
  doomed: readonly number[],
): Promise<void> {
  if (how === "readOnly" && life.subject.capabilities.crash !== "lost") {
    await life.openAgain({ readOnly: true });
    for (const view of life.views()) await life.adopt(view, 0, view.size);
    const written = await life.volume.origin.write(0, new Uint8Array(1)).catch(({ code }) => code);
    if (written !== "ReadOnly") throw new Error(`a write to what is read-only: ${written}`);
    await life.volume.close();
  }
  if (how === "sync") return synchronized(life, kept, doomed);
  await life.openAgain();
  life.renewFixed();
}

/** Some snapshots go, and one comes, as a volume manager's list says. */
async function synchronized(
  life: Life,
  kept: readonly number[],
  doomed: readonly number[],
): Promise<void> {
  const added = Math.max(FIXED.id, life.idsUsed, ...kept, ...doomed) + 100;
  const list = [...kept, added];
  life.idsUsed = added;
  const gone = life.mark({ do: "delete", ids: doomed });
  const come = life.mark({ do: "snapshot", of: life.oracle.origin, name: String(added) });
  let isDone = false;
  try {
    await life.openAgain({ syncSnapshots: list });
    isDone = true;
  } finally {
    life.mark({ do: "deleted", isDone }, gone);
    life.mark({ do: "snapped", id: isDone ? added : null }, come);
  }
}
