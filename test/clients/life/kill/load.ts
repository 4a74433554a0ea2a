/** Clients that write all over the views, several requests in flight each, and keep the books. */
import type { Random } from "../../../model/prng.ts";
import { Connection } from "./connection.ts";
import { putSectors, SECTOR } from "./sectors.ts";
import { type Entry, exportOf, type Shelf } from "./shelf.ts";
import { QEMU_IO_AT } from "./world.ts";

const SECTORS = QEMU_IO_AT / SECTOR;
const LANES = 3;
const FLUSHES = 0.08;
const FORCED = 0.1;
const ZEROS = 0.05;

/** Marks are never used again: over all kills of a process. */
let marks = 256;

/** Begins to write; ends when the server is gone. Answers how many writes were acknowledged. */
export async function loadViews(socket: string, shelf: Shelf, random: Random): Promise<number> {
  const counts = shelf.entries.map(async (entry) => {
    const connections = await connectTwice(socket, entry);
    const busy = new Set<{ first: number; end: number }>();
    const lanes = connections.flatMap((connection) =>
      Array.from({ length: LANES }, () => lane(connection, entry, shelf, random.fork(), busy)),
    );
    const counted = await Promise.all(lanes);
    for (const connection of connections) connection.close();
    return counted.reduce((sum, count) => sum + count, 0);
  });
  return (await Promise.all(counts)).reduce((sum, count) => sum + count, 0);
}

/** None where the server is gone already. */
async function connectTwice(socket: string, entry: Entry): Promise<Connection[]> {
  const name = exportOf(entry);
  const open = () => Connection.open(socket, name).catch(() => null);
  const found = await Promise.all([open(), open()]);
  return found.filter((connection) => connection !== null);
}

/** One request after the other. */
async function lane(
  connection: Connection,
  entry: Entry,
  shelf: Shelf,
  random: Random,
  busy: Set<{ first: number; end: number }>,
): Promise<number> {
  for (let acknowledged = 0; ; ) {
    if (entry.closed) return acknowledged;
    if (random.chance(FLUSHES)) {
      const settle = shelf.beginFlush();
      if (!(await connection.flush())) return acknowledged;
      settle();
      continue;
    }
    const range = freeRange(random, busy);
    if (!range) {
      await new Promise((resolve) => setImmediate(resolve));
      continue;
    }
    busy.add(range);
    const isWritten = await write(connection, entry, random, range);
    busy.delete(range);
    if (!isWritten) return acknowledged;
    acknowledged++;
  }
}

async function write(
  connection: Connection,
  { book }: Entry,
  random: Random,
  { first, end }: { first: number; end: number },
): Promise<boolean> {
  const isZero = random.chance(ZEROS);
  const forced = random.chance(FORCED);
  const issued = book.issue({ first, count: end - first, mark: isZero ? 0 : marks++ });
  const [offset, length] = [first * SECTOR, (end - first) * SECTOR];
  let answer: Promise<boolean>;
  if (isZero) answer = connection.zero(offset, length, forced);
  else {
    const data = Buffer.alloc(length);
    putSectors(data, first, issued.mark);
    answer = connection.write(offset, data, forced);
  }
  const isWritten = await answer;
  if (isWritten) book.acknowledge(issued, forced);
  return isWritten;
}

/** Sectors that no request in flight touches: which of two came first would not be known. */
function freeRange(random: Random, busy: Set<{ first: number; end: number }>) {
  const count = random.pick([1, 3, 8, 8, 8, 16, 40, 128]);
  const start = random.below(SECTORS - count);
  const first = random.chance(0.6) ? start - (start % 8) : start;
  const range = { first, end: first + count };
  for (const other of busy) if (other.first < range.end && first < other.end) return null;
  return range;
}
