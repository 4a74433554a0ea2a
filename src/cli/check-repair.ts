/** `check STORE --repair`: makes a damaged store sound, and says what that cost. */
import { fileDevice } from "../devices/file.ts";
import { MultisnapError } from "../errors.ts";
import { repairStore } from "../volume/open/repair-store.ts";
import type { ProgressOptions, RepairReport } from "../volume/types.ts";
import { refuseServed } from "./dump.ts";
import { answer, notice, type OutputOptions, oneLine, writeError } from "./output.ts";

const DAMAGED = 1;

/** Errors: `Busy` where somebody has the store open. */
export async function repair(path: string, how: ProgressOptions): Promise<RepairReport> {
  await refuseServed(path);
  const store = await fileDevice(path, { create: false });
  try {
    return await repairStore({ store, ...how });
  } finally {
    await store.close();
  }
}

/** Exit code 0 where nothing is lost, 1 where something is. `lost`: a line for each range. */
export async function printRepair(
  path: string,
  report: RepairReport,
  lost: readonly string[],
  options: OutputOptions,
): Promise<void> {
  const { repaired, problems, lossCount } = report;
  if (repaired.length === 0) {
    await notice(options, report, "clean: there was nothing to repair");
    return;
  }
  const found = problems.map(({ where, message }) => oneLine(`${where}: ${message}`));
  const done = repaired.map((text) => `repaired: ${text}`);
  await answer(options, report, [...found, ...done, ...lost].join("\n"));
  if (lossCount === 0) return;
  process.exitCode = DAMAGED;
  const cost = `${lossCount} ${lossCount === 1 ? "range is" : "ranges are"} lost`;
  writeError(new MultisnapError("Corrupt", `${path}: it is sound again; ${cost}`));
}
