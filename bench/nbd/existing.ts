/**
 * Random 4 KiB reads and writes of blocks that have their place, through our server and through
 * servers in C: QEMU's over a raw file, nbdkit's over its memory.
 */
import { type Contestant, medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import type { Disk } from "../peers/disk.ts";
import { nbdkitMemory } from "../peers/nbdkit.ts";
import { qemuNbd } from "../peers/qemu.ts";
import { missingOf } from "../peers/server-process.ts";
import { type Context, comparedRow, type Row, type Section, skippedRow } from "../row.ts";
import { fill, play, replay } from "./fio.ts";
import { ServedStore } from "./served-store.ts";

const SIZE = 2 ** 30;
const PAGE = 4096;
const LOAD = { size: SIZE, depth: 16, seconds: 1.5 };
const OUR_STATE = "ours: 4 KiB chunks, every one written since the snapshot, in random order";
const [QEMU_TARGET, NBDKIT_TARGET] = [{ least: 1.5 }, { least: 0.5 }];

type Figures = "read" | "write";

function player({ scratch }: Context, { uri }: Disk): Contestant<Figures> {
  return async () => ({
    read: await play(scratch, uri, "read", LOAD),
    write: await play(scratch, uri, "write", LOAD),
  });
}

/** A disk of which nothing is shared any more, and nothing lies in order. */
async function rewrittenStore({ scratch }: Context): Promise<ServedStore> {
  const store = await ServedStore.start(scratch, "existing", {
    size: SIZE,
    chunk: PAGE,
    snapshots: 1,
  });
  await store.shareAll();
  const everything = { size: SIZE, unit: PAGE, bytes: PAGE, count: SIZE / PAGE } as const;
  await replay(scratch, store.uri, { ...everything, depth: 16, order: "random" }, 1);
  return store;
}

async function run(context: Context): Promise<Row[]> {
  const missing = missingOf("fio");
  if (missing !== null) return [skippedRow("random 4 KiB reads and writes", null, missing)];
  const { scratch } = context;
  context.say(`random 4 KiB reads and writes over NBD: ${TURNS} turns`);
  const ours = await rewrittenStore(context);
  const memory = await nbdkitMemory(scratch, SIZE);
  if (typeof memory !== "string") await fill(scratch, memory.uri, SIZE);
  const raw = await qemuNbd(scratch, SIZE);
  const rivals = [
    { name: "qemu-nbd, raw file", target: QEMU_TARGET, disk: raw },
    { name: "nbdkit memory", target: NBDKIT_TARGET, disk: memory },
  ];
  const contestants: Record<string, Contestant<Figures>> = { ours: player(context, ours) };
  for (const { name, disk } of rivals) {
    if (typeof disk !== "string") contestants[name] = player(context, disk);
  }
  const turns = await takeTurns<Record<string, Figures>>(contestants);
  for (const disk of [ours, memory, raw]) if (typeof disk !== "string") await disk.stop();
  const rowOf = (figure: Figures, { name, target, disk }: (typeof rivals)[number]) => {
    const what = `random 4 KiB ${figure}s, depth 16`;
    const own = { value: medianOf(turns.ours, figure), unit: "op/s" };
    if (typeof disk === "string") return skippedRow(`${what} / ${name}`, target, disk, own);
    const peer = { name, value: medianOf(turns[name], figure), unit: "op/s" };
    const ratio = ratioOf(turns.ours, figure, turns[name], figure);
    return comparedRow(what, own, peer, ratio, target, OUR_STATE);
  };
  return (["read", "write"] as const).flatMap((figure) =>
    rivals.map((rival) => rowOf(figure, rival)),
  );
}

export const existing: Section = {
  name: "nbd/existing",
  about: "random 4 KiB reads and writes of existing chunks",
  run,
};
