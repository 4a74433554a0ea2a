/**
 * The one table that was published of the 2009 store, measured anew: 1 MiB requests in order, one
 * at a time, through an attached origin that is full of old data. It was made by Daire Byrne on
 * 2010-04-15 with `dd` on a hardware RAID and Linux 2.6.33; what can be held against it is each
 * cell's part of what the disk does without a store. So the file under the origin is written and
 * read directly in the same turns, through the same device and the same loop.
 *
 * Fresh data over an old disk: each write is the first one to its chunks and copies old data out,
 * to a store that is new in each run. All is on a disk, none of it cached before a run; the flush
 * at the end is counted on both sides.
 */
import { rmSync } from "node:fs";
import { fileDevice, type Later, openVolume } from "../../src/index.ts";
import { type Contestant, median, medianOf, ratioOf, TURNS, takeTurns } from "../measure.ts";
import { type Context, comparedRow, type Row, type Section, skippedRow } from "../row.ts";
import { openDiskScratch, type Scratch } from "../scratch.ts";
import { makeCold } from "./cold.ts";

const BYTES = 2 ** 28;
const REQUEST_BYTES = 2 ** 20;
const COUNT = BYTES / REQUEST_BYTES;
/**
 * Passes of a run, the middle one counts: a virtual machine may have given the memory back that a
 * pass needs for what it reads, and has to ask for it again.
 */
const READ_PASSES = 3;

/** Megabytes a second, of writing and of reading. */
interface Speeds {
  write: number;
  read: number;
}

interface Cell extends Speeds {
  snapshots: number;
  /** The old snapshot target in its place. */
  old?: Speeds;
}

const PUBLISHED_RAW: Speeds = { write: 308, read: 214 };
const PUBLISHED: readonly { chunk: number; cells: readonly Cell[] }[] = [
  {
    chunk: 4096,
    cells: [
      { snapshots: 0, write: 225, read: 127 },
      { snapshots: 1, write: 18, read: 128 },
      { snapshots: 2, write: 11, read: 128 },
      { snapshots: 3, write: 11, read: 127 },
      { snapshots: 4, write: 10, read: 127 },
      { snapshots: 10, write: 9, read: 127 },
    ],
  },
  {
    chunk: 2 ** 18,
    cells: [
      { snapshots: 0, write: 242, read: 129 },
      { snapshots: 1, write: 38, read: 130, old: { write: 45, read: 127 } },
      { snapshots: 2, write: 37, read: 131 },
      { snapshots: 3, write: 36, read: 132 },
      { snapshots: 4, write: 33, read: 129 },
      { snapshots: 10, write: 31, read: 128 },
    ],
  },
];

/** The bare file, or the origin on it. */
interface Disk {
  read: (offset: number, target: Uint8Array) => Later;
  write: (offset: number, source: Uint8Array) => Later;
  flush: () => Later;
}

/** The file under the origin, full of old data. */
class OldDisk {
  readonly #scratch: Scratch;
  readonly #file: string;
  readonly #data = new Uint8Array(REQUEST_BYTES);
  /** Never zeros, whose copies take no space. */
  #byte = 1;
  /** Whether the system could be made to forget the file before each run. */
  cold = true;

  constructor(scratch: Scratch) {
    this.#scratch = scratch;
    this.#file = scratch.file("origin.img");
  }

  /** Without a store. The first run fills the file. */
  async bare(): Promise<Speeds> {
    const device = await fileDevice(this.#file);
    try {
      return await this.#speeds({
        read: (offset, target) => device.read(target, 0, target.length, offset),
        write: (offset, source) => device.write(source, 0, source.length, offset),
        flush: () => device.flush(),
      });
    } finally {
      await device.close();
    }
  }

  async stored(chunk: number, snapshots: number): Promise<Speeds> {
    const file = this.#scratch.file("store.msnap");
    const [store, origin] = [await fileDevice(file), await fileDevice(this.#file)];
    const volume = await openVolume({ store, origin, create: { chunk } });
    try {
      for (let i = 1; i <= snapshots; i++) await volume.snapshot(`s${i}`);
      return await this.#speeds({
        read: (offset, target) => volume.origin.readSync(offset, target),
        write: (offset, source) => volume.origin.writeSync(offset, source),
        flush: () => volume.flush(),
      });
    } finally {
      await volume.close();
      rmSync(file);
    }
  }

  /** MiB a second: all of the disk written with something else, and read again. */
  async #speeds(disk: Disk): Promise<Speeds> {
    this.#byte = (this.#byte % 255) + 1;
    const data = this.#data.fill(this.#byte);
    const write = await this.#perSecond(async () => {
      for (let i = 0; i < COUNT; i++) disk.write(i * REQUEST_BYTES, data);
      await disk.flush();
    });
    const reads: number[] = [];
    for (let pass = 0; pass < READ_PASSES; pass++) {
      const read = async () => {
        for (let i = 0; i < COUNT; i++) disk.read(i * REQUEST_BYTES, data);
      };
      reads.push(await this.#perSecond(read));
    }
    return { write, read: median(reads) };
  }

  async #perSecond(work: () => Promise<void>): Promise<number> {
    this.cold = makeCold(this.#file) && this.cold;
    const start = performance.now();
    await work();
    return COUNT / ((performance.now() - start) / 1000);
  }
}

function whatOf(figure: keyof Speeds, chunk: number, { snapshots }: Cell): string {
  const counted = snapshots === 1 ? "1 snapshot" : `${snapshots} snapshots`;
  return `sequential ${figure}s of 1 MiB, attached origin, ${chunk >> 10} KiB chunks, ${counted}`;
}

/** The published part, rounded up to what the table shows of it. */
function targetOf(figure: keyof Speeds, cell: Cell) {
  return { least: Math.ceil((cell[figure] / PUBLISHED_RAW[figure]) * 1000) / 1000 };
}

function noteOf(figure: keyof Speeds, cell: Cell, cold: boolean): string {
  const old = cell.old === undefined ? "" : `, ${cell.old[figure]} with the old target`;
  const how = cold ? "on a disk, not cached" : "on a disk, cached: no dd that forgets a file";
  return `published: ${cell[figure]} of ${PUBLISHED_RAW[figure]} MB/s${old}; ${how}`;
}

async function rowsOf(disk: OldDisk, { chunk, cells }: (typeof PUBLISHED)[number]): Promise<Row[]> {
  const nameOf = (cell: Cell) => `with ${cell.snapshots}`;
  const contestants: Record<string, Contestant<keyof Speeds>> = { bare: () => disk.bare() };
  for (const cell of cells) contestants[nameOf(cell)] = () => disk.stored(chunk, cell.snapshots);
  const turns = await takeTurns<Record<string, keyof Speeds>>(contestants);
  return (["write", "read"] as const).flatMap((figure) =>
    cells.map((cell) =>
      comparedRow(
        whatOf(figure, chunk, cell),
        { value: medianOf(turns[nameOf(cell)], figure), unit: "MiB/s" },
        { name: "the bare file", value: medianOf(turns.bare, figure), unit: "MiB/s" },
        ratioOf(turns[nameOf(cell)], figure, turns.bare, figure),
        targetOf(figure, cell),
        noteOf(figure, cell, disk.cold),
      ),
    ),
  );
}

function skippedRows(why: string): Row[] {
  return PUBLISHED.flatMap(({ chunk, cells }) =>
    (["write", "read"] as const).flatMap((figure) =>
      cells.map((cell) => skippedRow(whatOf(figure, chunk, cell), targetOf(figure, cell), why)),
    ),
  );
}

async function run(context: Context): Promise<Row[]> {
  const scratch = openDiskScratch();
  if (scratch === null) return skippedRows("no folder on a disk");
  const disk = new OldDisk(scratch);
  await disk.bare();
  const rows: Row[] = [];
  for (const table of PUBLISHED) {
    const { chunk } = table;
    context.say(
      `the table of 2010, ${chunk >> 10} KiB chunks, in ${scratch.folder}: ${TURNS} turns`,
    );
    rows.push(...(await rowsOf(disk, table)));
  }
  scratch.remove();
  return rows;
}

export const published: Section = {
  name: "stores/published",
  about: "sequential reads and writes beside the table of 2010",
  run,
};
