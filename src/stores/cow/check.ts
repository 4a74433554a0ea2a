/**
 * Verifies the exceptions of a COW device: that its areas hold what is in memory, in that order,
 * and end where it ends; that no old chunk (I1) and no place (I2) is named twice, and none is out
 * of bounds. Memory: a bit for each place of the device.
 */
import type { Device } from "../../devices/device.ts";
import { MultisnapError } from "../../errors.ts";
import { endIfAborted, settle, type Task, turn } from "../../task.ts";
import { plainReport } from "../plain-report.ts";
import type { CheckProblem, CheckReport, ProgressOptions } from "../store.ts";
import type { Exceptions } from "./exceptions.ts";
import {
  areaPlace,
  entriesPerArea,
  HEADER_BYTES,
  isAreaPlace,
  readEntries,
  readHeader,
  restOfArea,
} from "./format.ts";

const PROBLEMS_MAX = 1000;
/** Areas, or thousands of exceptions, that are looked at before others may come. */
const TURN = 16;

export interface CowFacts {
  device: Device;
  /** Bytes. */
  chunk: number;
  table: Exceptions;
  /** Exceptions that are on the device. */
  committed: number;
  /** No place lies from here on. */
  limit: number;
  /** Whether the snapshot has not been given up. */
  valid: boolean;
}

export function* checkCow(facts: CowFacts, options: ProgressOptions): Task<CheckReport> {
  const perArea = entriesPerArea(facts.chunk);
  const problems: CheckProblem[] = [];
  const add = (where: string, message: string) => {
    if (problems.length < PROBLEMS_MAX) problems.push({ where, message });
  };
  if (!facts.valid) {
    add("snapshot", `the snapshot on ${facts.device.name} is invalid for good`);
    return plainReport(problems, { blocks: 0, exceptions: 0, chunks: 0 });
  }
  yield* checkHeader(facts, add);
  const areas = Math.floor(facts.committed / perArea) + 1;
  for (let index = 0; index < areas; index++) {
    if (index % TURN === 0) yield turn();
    endIfAborted(options.signal);
    options.progress?.(index * perArea, facts.committed);
    yield* checkArea(facts, index, add);
  }
  const rest = yield* checkTable(facts.table, facts.limit, options, perArea);
  for (const { where, message } of rest.problems) add(where, message);
  return plainReport(problems, { ...rest, blocks: 1 + areas });
}

type Add = (where: string, message: string) => void;

function* checkHeader({ device, chunk }: CowFacts, add: Add): Task<void> {
  const head = new Uint8Array(HEADER_BYTES);
  yield* settle(device.read(head, 0, head.length, 0));
  try {
    const found = readHeader(head, device.name, device.size());
    if (found !== chunk) add("header", `${device.name} has lost its header`);
  } catch (error) {
    if (!(error instanceof MultisnapError)) throw error;
    add("header", error.message);
  }
}

function* checkArea(facts: CowFacts, index: number, add: Add): Task<void> {
  const { device, chunk, table, committed } = facts;
  const perArea = entriesPerArea(chunk);
  const area = new Uint8Array(chunk);
  yield* settle(device.read(area, 0, chunk, areaPlace(index, perArea) * chunk));
  const entries = readEntries(area);
  const count = entries.length / 2;
  const expected = Math.min(perArea, committed - index * perArea);
  if (count !== expected) {
    add("area", `area ${index} has ${count} entries, not ${expected}`);
  } else if (restOfArea(area, count) === "damaged") {
    add("area", `something lies behind the last entry of area ${index}`);
  }
  for (let i = 0; i < Math.min(count, expected); i++) {
    const number = index * perArea + i;
    if (entries[2 * i] === table.old(number) && entries[2 * i + 1] === table.place(number))
      continue;
    const found = `chunk ${entries[2 * i]} at ${entries[2 * i + 1]}`;
    add(
      "area",
      `exception ${number} is ${found}, not ${table.old(number)} at ${table.place(number)}`,
    );
  }
}

/** The table in memory. `perArea`: of a device with metadata areas, where no data may lie. */
export function* checkTable(
  table: Exceptions,
  limit: number,
  options: ProgressOptions,
  perArea: number | null = null,
): Task<CheckReport> {
  const problems: CheckProblem[] = [];
  const used = new Uint8Array(Math.ceil(limit / 8));
  for (let i = 0; i < table.length && problems.length < PROBLEMS_MAX; i++) {
    if (i % (TURN * 1024) === 0) yield turn();
    endIfAborted(options.signal);
    const old = table.old(i);
    const place = table.place(i);
    const at = Math.floor(place / 8);
    const bit = 1 << (place % 8);
    if (table.find(old) !== i) {
      problems.push({ where: "I1", message: `chunk ${old} has two exceptions` });
    }
    if (place >= limit || (perArea !== null && (place === 0 || isAreaPlace(place, perArea)))) {
      problems.push({ where: "I2", message: `chunk ${old} lies at ${place}, where no data is` });
    } else if (used[at]! & bit) {
      problems.push({
        where: "I2",
        message: `place ${place} is named for chunk ${old} and another`,
      });
    } else {
      used[at]! |= bit;
    }
  }
  const { length } = table;
  options.progress?.(length, length);
  return plainReport(problems, { blocks: 0, exceptions: length, chunks: length });
}
