/**
 * A dump back onto the store that it is of, or onto a copy of its data. The text is read twice: it
 * is examined as a whole before anything is written, so a dump that is wrong changes nothing.
 */
import type { Device } from "../../../devices/device.ts";
import { MultisnapError } from "../../../errors.ts";
import { endIfAborted, settle, type Task } from "../../../task.ts";
import type { Loaded, ProgressOptions } from "../../store.ts";
import { Blocks } from "../check/blocks.ts";
import { Findings } from "../check/findings.ts";
import { JournalReader } from "../check/journal.ts";
import { bestImage } from "../check/lost-super.ts";
import { readSupers, type SuperImage } from "../check/supers.ts";
import { limitOf } from "../limit.ts";
import type { Setup, TreeKind } from "../open.ts";
import { Restorer } from "../restore/restorer.ts";
import { Room } from "../restore/room.ts";
import { Examination } from "./examine.ts";
import { superblockOf } from "./header.ts";
import { type DumpKind, type Header, type Line, parseLine } from "./lines.ts";
import { LineReader } from "./reader.ts";
import { Sum } from "./sum.ts";

/** The text from its beginning, at each call. */
export type DumpSource = () => AsyncIterable<Uint8Array>;

export interface LoadOptions extends ProgressOptions {
  /** Also onto a store that says it is another one, or further on. */
  force: boolean;
}

/**
 * Errors: `Invalid` (no dump; a wrong one; of another store), `Exists` (the store has gone on since
 * the dump was made), `NoSpace`, `Io`.
 */
export function* loadTree(
  device: Device,
  source: DumpSource,
  kinds: Record<DumpKind, TreeKind>,
  setup: Setup,
  options: LoadOptions,
): Task<Loaded> {
  const { module } = setup;
  const dump = yield* examine(source, module, options);
  const header = dump.header!;
  const present = yield* presentState(device, module);
  demandData(device, header, dump.top);
  if (!options.force) demandState(device, header, present);
  const area = present?.image.u32("SUPER_AREA") ?? 0;
  const generation = Math.max(present?.image.generation ?? 0, header.generation) + 2;
  // Above everything: of the store as it is, and as it was.
  const ends = device.growable ? Math.ceil(device.size() / header.chunk) : 0;
  const floor = Math.max(dump.top, present?.image.top ?? 0, ends);
  const restorer = new Restorer({
    device,
    kind: kinds[header.kind],
    setup,
    superblock: superblockOf(module, header, area),
    generation: generation % 2 === present?.slot ? generation + 1 : generation,
    room: new Room({
      floor,
      limit: limitOf(device, header.limit, header.chunk),
      slab: Math.max(1, (64 * 4096) / header.chunk),
      used: present ? null : dump.used,
      below: false,
    }),
    entries: dump.entries,
  });
  yield* restorer.views(dump.views);
  const again = yield* eachLine(source, module, options, function* (line) {
    if (line.kind === "column") yield* restorer.entries(line.entries);
  });
  if (again !== dump.end!.crc)
    throw new MultisnapError("Invalid", "the dump has changed meanwhile");
  yield* restorer.end();
  yield* settle(device.flush());
  return { uuid: header.uuid, views: dump.views.length, entries: dump.entries };
}

function* examine(
  source: DumpSource,
  module: WebAssembly.Module,
  options: LoadOptions,
): Task<Examination> {
  const dump = new Examination();
  // biome-ignore lint/correctness/useYield: the other pass waits
  const crc = yield* eachLine(source, module, options, function* (line, number) {
    dump.take(line, number);
  });
  if (!dump.end) throw new MultisnapError("Invalid", "the dump has no end: it is cut off");
  if (dump.end.crc !== crc) {
    throw new MultisnapError("Invalid", `the dump's crc is ${crc}, it says ${dump.end.crc}`);
  }
  return dump;
}

/** Answers the crc of all lines before the last. */
function* eachLine(
  source: DumpSource,
  module: WebAssembly.Module,
  options: LoadOptions,
  visit: (line: Line, number: number) => Task<void>,
): Task<string> {
  const reader = new LineReader(source());
  const sum = new Sum(module);
  let crc = sum.text;
  let kind: DumpKind = "range";
  try {
    for (;;) {
      const found = yield* reader.next();
      if (!found) return crc;
      endIfAborted(options.signal);
      const line = parseLine(found.text, found.number, kind);
      if (line.kind === "header") kind = line.header.kind;
      yield* visit(line, found.number);
      crc = sum.text;
      sum.add(found.bytes);
    }
  } finally {
    yield* reader.end();
  }
}

/** What the store says of itself before. */
interface Present {
  image: SuperImage;
  /** Where the superblock lies that is not overwritten first. */
  slot: number;
  /** Of the next record. */
  sequence: number;
  /** The other slot cannot be read. */
  isHalf: boolean;
}

/** Null where no superblock can be read. */
function* presentState(device: Device, module: WebAssembly.Module): Task<Present | null> {
  const blocks = new Blocks(device, module);
  try {
    const supers = yield* readSupers(blocks);
    const image = yield* bestImage(blocks, supers);
    const journal = new JournalReader(blocks, image, new Findings({}));
    const { sequence } = yield* journal.run(true, () => {});
    const slot = supers.slots.find((one) => one.image === supers.newest)!.slot;
    return { image, slot, sequence, isHalf: supers.slots.some((one) => one.image === null) };
  } catch (error) {
    const { code } = error as MultisnapError;
    if (code === "Corrupt" || code === "Invalid") return null;
    throw error;
  }
}

/** The metadata comes from the dump, the data must be there. */
function demandData(device: Device, { chunk }: Header, top: number): void {
  if (device.size() >= top * chunk) return;
  const has = `${device.name} has ${device.size()} bytes, the dump's data ${top * chunk}`;
  throw new MultisnapError("Invalid", `${has}: it is neither its store nor a copy of that`);
}

/** The data of the places is what it was when the dump was made. */
function demandState(device: Device, header: Header, present: Present | null): void {
  const force = "--force restores it all the same";
  if (!present) {
    const why = `${device.name} has no superblock that says whose data it holds`;
    throw new MultisnapError("Exists", `${why}: ${force}`);
  }
  const { image, sequence, isHalf } = present;
  const uuid = uuidOf(image);
  if (uuid !== header.uuid) {
    const which = `${device.name} is the store ${uuid}, the dump is of ${header.uuid}`;
    throw new MultisnapError("Exists", `${which}: ${force}`);
  }
  const { generation } = image;
  if (generation === header.generation && sequence === header.sequence) return;
  // The checkpoint of the dump has lost its superblock, and nothing came after it.
  if (generation === header.generation - 1 && isHalf) return;
  const why = `${device.name} is at checkpoint ${generation} and record ${sequence}`;
  const than = `the dump at ${header.generation} and ${header.sequence}`;
  const reuse = "places of then may have other data now";
  throw new MultisnapError("Exists", `${why}, ${than}: ${reuse}; ${force}`);
}

function uuidOf({ bytes }: SuperImage): string {
  const hex = Array.from(bytes.subarray(32, 48), (byte) => byte.toString(16).padStart(2, "0"));
  return hex.join("").replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
}
