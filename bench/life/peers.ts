/**
 * The life of snapshots against qcow2, as internal snapshots and as overlays, and btrfs: created,
 * deleted, rolled back, compared, sent, moved, with 1, 100 and 10,000 of them. What a program does,
 * our library, against what it would call instead; then our command against the same, beside what
 * Node alone takes to start.
 */
import { median } from "../measure.ts";
import {
  type Context,
  comparedRow,
  type Figure,
  plainRow,
  type Row,
  type Section,
  skippedRow,
} from "../row.ts";
import type { Scratch } from "../scratch.ts";
import { btrfs } from "./btrfs.ts";
import { type Contestant, DEEDS, type Deed, type Family, TURNS, TURNS_LIVE } from "./contestant.ts";
import { bareMs, library, program } from "./ours.ts";
import { overlays } from "./overlays.ts";
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
  differ: "see that two differ, 1,000 changed chunks",
  equal: "see that two are equal, 1,000 chunks written again",
  send: "incremental send, 1,000 changed chunks",
  move: "move 1,000 changed chunks to another base",
};

const FAMILIES: Record<string, (scratch: Scratch, count: number) => Family> = {
  qcow2,
  overlays,
  btrfs,
};

const NO_BITMAPS =
  "it copies the whole image with its bitmaps; what one marks is copied by a live QEMU";

type Times = Partial<Record<Deed, number[]>>;

/** All deeds in turns; a snapshot is created and deleted in each. */
async function timesOf(one: Contestant): Promise<Times> {
  const { warm, counted } = one.isLive ? TURNS_LIVE : TURNS;
  const times: Times = {};
  for (let turn = 0; turn < warm + counted; turn++) {
    for (const deed of DEEDS) {
      const ms = await one.time(deed);
      if (ms !== null && turn >= warm) (times[deed] ??= []).push(ms);
    }
  }
  return times;
}

interface Measured {
  one: Contestant;
  times: Times;
}

async function measured(one: Contestant): Promise<Measured> {
  try {
    return { one, times: await timesOf(one) };
  } finally {
    await one.close();
  }
}

const counted = (count: number) => `${count.toLocaleString("en")} snapshot${count > 1 ? "s" : ""}`;

function figure(ms: number): Figure {
  return ms < 1 ? { value: ms * 1000, unit: "us" } : { value: ms, unit: "ms" };
}

/** Against ourselves with one snapshot. */
function flatRow(deed: Deed, count: number, ours: Times, first: Times | null): Row {
  const measure = `${WHAT[deed]}, ${counted(count)}, library`;
  const ms = median(ours[deed]!);
  if (first === null) return plainRow(measure, figure(ms), null);
  const alone = median(first[deed]!);
  const peer = { name: "the same with 1", ...figure(alone) };
  const note = `at most ${FLAT.most} times as long: flat`;
  const target = { least: 1 / FLAT.most };
  return comparedRow(measure, figure(ms), peer, alone / ms, target, note);
}

/** Of every deed that the peer has. `more`: for the note. */
function rowsAgainst(peer: Measured, ours: Measured, count: number, more: string[]): Row[] {
  const { name, reached, how } = peer.one;
  const fewer = reached < count ? [`${name} with ${reached}: more took too long to make`] : [];
  return DEEDS.flatMap((deed) => {
    const theirs = peer.times[deed];
    if (theirs === undefined) return [];
    const [ms, own] = [median(theirs), median(ours.times[deed]!)];
    const notes = [...(how?.[deed] ? [`${name}: ${how[deed]}`] : []), ...fewer, ...more];
    return comparedRow(
      `${WHAT[deed]}, ${counted(count)}, ${ours.one.name}`,
      figure(own),
      { name, ...figure(ms) },
      ms / own,
      AHEAD,
      notes.join("; ") || null,
    );
  });
}

async function rowsOf({ scratch, say }: Context, count: number, first: Times | null) {
  say(`the life of ${counted(count)}: ours`);
  const own = await measured(await library(scratch, count));
  const command = await measured(await program(scratch, count));
  const startup = `node -e 0 alone takes ${(await bareMs()).toFixed(0)} ms`;
  const rows = DEEDS.map((deed) => flatRow(deed, count, own.times, first));
  const commands: Row[] = [];
  for (const [family, makes] of Object.entries(FAMILIES)) {
    say(`the life of ${counted(count)}: ${family}`);
    for await (const made of makes(scratch, count)) {
      if (typeof made === "string") {
        rows.push(skippedRow(`the life of ${counted(count)} / ${family}`, AHEAD, made));
        continue;
      }
      const peer = await measured(made);
      rows.push(...rowsAgainst(peer, own, count, []));
      // A process for each call has nothing to look for beside one that lives on.
      if (!made.isLive) commands.push(...rowsAgainst(peer, command, count, [startup]));
    }
  }
  return { rows: [...rows, ...commands], times: own.times };
}

async function run(context: Context): Promise<Row[]> {
  const rows: Row[] = [];
  let first: Times | null = null;
  for (const count of COUNTS) {
    const found = await rowsOf(context, count, first);
    first ??= found.times;
    rows.push(...found.rows);
  }
  return [...rows, skippedRow(`${WHAT.send} / qemu-img convert --bitmaps`, AHEAD, NO_BITMAPS)];
}

export const peers: Section = {
  name: "life/peers",
  about: "snapshots of qcow2 and btrfs: created, deleted, rolled back, compared, sent, moved",
  run,
};
