/**
 * `range` against `bitmap`: the first write of 4 KiB to each chunk of an origin, in random order,
 * and the metadata that it leaves. Plain, and after writes to every snapshot: the snapshots that
 * still need an old chunk then stand apart in the timeline, which is nothing to a mask.
 */
import type { StoreKind } from "../../src/index.ts";
import { medianOf, ratioOf, takeTurns } from "../measure.ts";
import { type Context, comparedRow, type Row, type Section } from "../row.ts";
import { CHUNKS, fillOrigin, KindStore, type Layout } from "./kind-store.ts";

const OURS: StoreKind = "range";
const PEER: StoreKind = "bitmap";
/** Differences are small here: more turns than elsewhere. */
const TURNS = 9;
/** Of snapshots; 64 are all that a bitmap has room for. */
const COUNTS = [1, 8, 64];
/** Of the chunks, written by each snapshot for itself before the origin is. */
const OWN_PARTS = [0, 1 / 64, 1 / 8];
/** Not worse by more than 10 %: 1 / 1.1, rounded up. */
const TARGET = { least: 0.91 };

const LAYOUTS: readonly Layout[] = (["attached", "inline"] as const).flatMap((origin) =>
  OWN_PARTS.flatMap((ownPart) => COUNTS.map((snapshots) => ({ origin, snapshots, ownPart }))),
);

function noteOf({ ownPart }: Layout): string | null {
  if (ownPart === 0) return null;
  return `before, each snapshot has written 1/${1 / ownPart} of the chunks, at random`;
}

function textOf({ origin, snapshots, ownPart }: Layout): string {
  const counted = snapshots === 1 ? "1 snapshot" : `${snapshots} snapshots`;
  const own = ownPart === 0 ? "" : `, 1/${1 / ownPart} written in each`;
  return `${origin} origin, ${counted}${own}`;
}

async function measured(context: Context, kind: StoreKind, layout: Layout) {
  const store = await KindStore.make(context, kind, layout);
  try {
    const before = await store.settledMetadata();
    await store.writeSnapshots();
    const first = await store.writeOrigin();
    const metadata = (await store.settledMetadata()) - before;
    return { first, metadata: metadata / CHUNKS, exceptions: store.exceptions / CHUNKS };
  } finally {
    await store.remove();
  }
}

async function rowsOf(context: Context, layout: Layout): Promise<Row[]> {
  const turns = await takeTurns(
    {
      ours: () => measured(context, OURS, layout),
      peer: () => measured(context, PEER, layout),
    },
    TURNS,
  );
  const text = textOf(layout);
  const each = (of: keyof typeof turns) => medianOf(turns[of], "exceptions").toFixed(2);
  return [
    comparedRow(
      `first write of 4 KiB, ${text}`,
      { value: medianOf(turns.ours, "first"), unit: "op/s" },
      { name: PEER, value: medianOf(turns.peer, "first"), unit: "op/s" },
      ratioOf(turns.ours, "first", turns.peer, "first"),
      TARGET,
      noteOf(layout),
    ),
    comparedRow(
      `metadata of a chunk, ${text}`,
      { value: medianOf(turns.ours, "metadata"), unit: "bytes" },
      { name: PEER, value: medianOf(turns.peer, "metadata"), unit: "bytes" },
      ratioOf(turns.peer, "metadata", turns.ours, "metadata"),
      TARGET,
      `exceptions a chunk: ${each("ours")} and ${each("peer")}`,
    ),
  ];
}

async function run(context: Context): Promise<Row[]> {
  await fillOrigin(context);
  const rows: Row[] = [];
  for (const layout of LAYOUTS) {
    context.say(`${OURS} against ${PEER}, ${textOf(layout)}: ${TURNS} turns`);
    rows.push(...(await rowsOf(context, layout)));
  }
  return rows;
}

export const kinds: Section = {
  name: "stores/range-bitmap",
  about: "first writes and metadata of range against bitmap",
  run,
};
