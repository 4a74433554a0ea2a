/** `check STORE`: 0 clean, 1 damage found, 2 could not run. */
import type { Command } from "commander";
import { fileDevice } from "../devices/file.ts";
import { MultisnapError } from "../errors.ts";
import { checkStore } from "../volume/open/check-store.ts";
import type { CheckReport, Loss, ProgressOptions, RepairReport } from "../volume/types.ts";
import { printRepair, repair } from "./check-repair.ts";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { answer, notice, oneLine, writeError } from "./output.ts";
import { startSteps } from "./progress.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  data?: boolean;
  repair?: boolean;
}

const DAMAGED = 1;
const COULD_NOT_RUN = 2;

export function addCheck(program: Command): void {
  addStoreCommand(program, "check", "verify every structure and checksum; changes nothing")
    .argument("<store>", "store file", parsePath)
    .option("--data", "read and verify all data that has checksums, too")
    .option("--repair", "make a damaged store sound; what cannot be read is lost")
    .addHelpText("after", "\nExit code: 0 clean, 1 damage found, 2 could not run")
    .addHelpText("after", "With --repair: 0 clean now and nothing is lost, 1 something is lost")
    .action(async (store: string, options: Options) => {
      const work: Promise<CheckReport | RepairReport> = options.repair
        ? watched(options, "repair", (how) => repair(store, how))
        : watched(options, "check", (how) => checkEither(store, options, how));
      const report = await work.catch((error) => {
        writeError(error);
        process.exitCode = COULD_NOT_RUN;
      });
      if (!report) return;
      if ("repaired" in report) await printRepair(store, report, lossLines(report), options);
      else await print(store, report, options);
    });
}

async function watched<T>(
  options: Options,
  label: string,
  work: (how: ProgressOptions) => Promise<T>,
): Promise<T> {
  const steps = await startSteps(options, label);
  try {
    return await interruptible((signal) => work({ signal, progress: steps.at }));
  } finally {
    steps.end();
  }
}

/** The volume, through who serves it if somebody does; the store alone, if it does not open. */
async function checkEither(
  store: string,
  options: Options,
  how: ProgressOptions,
): Promise<CheckReport> {
  try {
    return await withVolume(store, { ...options, readOnly: true }, (volume) =>
      volume.check({ ...how, data: options.data }),
    );
  } catch (error) {
    if (!mayBeDamage(error)) throw error;
    return await checkAlone(store, error, how);
  }
}

/** What opening a store answers that damage can be the reason of. */
function mayBeDamage(error: unknown): error is MultisnapError {
  const codes = ["Corrupt", "Invalid", "Unsupported"];
  return error instanceof MultisnapError && codes.includes(error.code);
}

/** That it does not open is a finding, too. */
async function checkAlone(
  path: string,
  why: MultisnapError,
  how: ProgressOptions,
): Promise<CheckReport> {
  const store = await fileDevice(path, { create: false, readOnly: true });
  let report: CheckReport;
  try {
    report = await checkStore({ store, ...how });
  } catch (error) {
    if (!(error instanceof MultisnapError) || error.code !== "Corrupt") {
      throw mayBeDamage(error) ? why : error;
    }
    const problems = [{ where: "superblock", message: error.message }];
    const looked = { blocks: 2, exceptions: 0, chunks: 0 };
    return { clean: false, problems, notes: [], losses: [], lossCount: 0, ...looked };
  } finally {
    await store.close();
  }
  if (why.code !== "Corrupt") {
    if (report.clean) throw why;
    return report;
  }
  const problems = [...report.problems, { where: "open", message: why.message }];
  return { ...report, clean: false, problems };
}

async function print(store: string, report: CheckReport, options: StoreOptions): Promise<void> {
  const { clean, problems, notes, lossCount } = report;
  const remarks = notes.map((note) => oneLine(`note: ${note}`));
  if (clean) {
    const { blocks, exceptions, chunks } = report;
    const text = `clean: ${blocks} blocks, ${exceptions} exceptions, ${chunks} chunks`;
    await notice(options, report, [text, ...remarks].join("\n"));
    return;
  }
  process.exitCode = DAMAGED;
  const lines = problems.map(({ where, message }) => oneLine(`${where}: ${message}`));
  await answer(options, report, [...lines, ...remarks, ...lossLines(report)].join("\n"));
  const count = `${lines.length} problem${lines.length === 1 ? "" : "s"} found`;
  const ranges = lossCount === 1 ? "1 range is lost" : `${lossCount} ranges are lost`;
  const cost = lossCount === 0 ? "nothing is lost" : ranges;
  writeError(new MultisnapError("Corrupt", `${store}: ${count}; ${cost}`));
}

function lossLines({ losses, lossCount }: CheckReport): string[] {
  const lost = losses.map(lossLine);
  if (lossCount > losses.length) lost.push(`lost: ${lossCount - losses.length} more ranges`);
  return lost;
}

function lossLine({ views, viewCount, chunk, count, offset, length }: Loss): string {
  const whose = typeof views === "string" ? WHOSE[views] : namesOf(views, viewCount);
  const bytes = `bytes ${offset}..${offset + length - 1}`;
  return oneLine(`lost: chunks ${chunk}..${chunk + count - 1} (${bytes}) of ${whose}`);
}

const WHOSE = { all: "all views", snapshots: "all snapshots" };

function namesOf(views: { id: number; name: string | null }[], count: number): string {
  const names = views.map(({ id, name }) => (id === 1 ? "origin" : `@${name ?? id}`));
  if (count > names.length) names.push(`${count - names.length} more`);
  return names.join(", ");
}
