/**
 * The life of snapshots against qcow2's internal snapshots and btrfs: created, deleted, rolled
 * back, compared, sent, with 1, 100 and 10,000 of them. Their commands against our command, and
 * our library beside it.
 */
import { median } from "../measure.ts";
import { type Context, comparedRow, plainRow, type Row, type Section, skippedRow } from "../row.ts";
import { btrfs } from "./btrfs.ts";
import { type Contestant, DEEDS, type Deed, TURNS } from "./contestant.ts";
import { library, program } from "./ours.ts";
import { qcow2 } from "./qcow2.ts";

const COUNTS = [1, 100, 10_000];
const AHEAD = { least: 1 };
/** With ten thousand snapshots our library takes no longer than with one, noise aside. */
const FLAT = { most: 2 };

const WHAT: Record<Deed, string> = {
  create: "create a snapshot",
  delete: "delete a snapshot",
  rollback: "roll the origin back",
  diff: "compare two, 1,000 changed chunks",
  send: "incremental send, 1,000 changed chunks",
};

type Times = Record<Deed, number[] | null>;

/** All deeds in turns; a snapshot is created and deleted in each. The first turn only warms up. */
async function timesOf(one: Contestant): Promise<Times> {
  const times: Times = { create: [], delete: [], rollback: [], diff: [], send: [] };
  for (let turn = 0; turn <= TURNS; turn++) {
    for (const deed of DEEDS) {
      const ms = await one.time(deed);
      if (ms === null) times[deed] = null;
      else if (turn > 0) times[deed]?.push(ms);
    }
  }
  return times;
}

async function measured(one: Contestant): Promise<{ one: Contestant; times: Times }> {
  try {
    return { one, times: await timesOf(one) };
  } finally {
    await one.close();
  }
}

const counted = (count: number) => `${count.toLocaleString("en")} snapshot${count > 1 ? "s" : ""}`;

async function rowsOf(context: Context, count: number, first: Times | null) {
  const { scratch } = context;
  context.say(`the life of ${counted(count)}: ours`);
  const own = await measured(await library(scratch, count));
  const command = await measured(await program(scratch, count));
  const rows: Row[] = [];
  for (const deed of DEEDS) {
    const value = median(own.times[deed]!);
    const measure = `${WHAT[deed]}, ${counted(count)}, library`;
    const alone = first === null ? null : median(first[deed]!);
    if (alone === null) rows.push(plainRow(measure, { value, unit: "ms" }, null));
    else {
      const peer = { name: "the same with 1", value: alone, unit: "ms" };
      const note = `at most ${FLAT.most} times as long: flat`;
      const row = comparedRow(measure, { value, unit: "ms" }, peer, alone / value, null, note);
      const target = { least: 1 / FLAT.most };
      rows.push({ ...row, target, met: alone / value >= target.least });
    }
  }
  for (const [name, make] of Object.entries({ "qemu-img": qcow2, btrfs })) {
    context.say(`the life of ${counted(count)}: ${name}`);
    const made = await make(scratch, count);
    if (typeof made === "string") {
      rows.push(skippedRow(`the life of ${counted(count)} / ${name}`, AHEAD, made));
      continue;
    }
    const peer = await measured(made);
    for (const deed of DEEDS) {
      const theirs = peer.times[deed];
      if (theirs === null) continue;
      const [ours, value] = [median(command.times[deed]!), median(theirs)];
      const less = `${name} with ${made.reached}: more took too long to make`;
      rows.push(
        comparedRow(
          `${WHAT[deed]}, ${counted(count)}, command`,
          { value: ours, unit: "ms" },
          { name, value, unit: "ms" },
          value / ours,
          AHEAD,
          made.reached < count ? less : `library: ${median(own.times[deed]!).toFixed(2)} ms`,
        ),
      );
    }
  }
  return { rows, times: own.times };
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  let first: Times | null = null;
  for (const count of COUNTS) {
    const found = await rowsOf(context, count, first);
    first ??= found.times;
    rows.push(...found.rows);
  }
  return rows;
}

export const peers: Section = {
  name: "life/peers",
  about: "snapshots of qcow2 and btrfs: created, deleted, rolled back, compared, sent",
  run,
};
