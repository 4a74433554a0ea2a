/** `check STORE`: 0 clean, 1 damage found, 2 could not run. */
import type { Command } from "commander";
import { MultisnapError } from "../errors.ts";
import type { CheckReport } from "../volume/types.ts";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { answer, notice, oneLine, writeError } from "./output.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  data?: boolean;
}

const DAMAGED = 1;
const COULD_NOT_RUN = 2;

export function addCheck(program: Command): void {
  addStoreCommand(program, "check", "verify every structure and checksum; changes nothing")
    .argument("<store>", "store file", parsePath)
    .option("--data", "read and verify all data that has checksums, too")
    .addHelpText("after", "\nExit code: 0 clean, 1 damage found, 2 could not run")
    .action(async (store: string, options: Options) => {
      const report = await check(store, options).catch((error) => {
        writeError(error);
        process.exitCode = COULD_NOT_RUN;
      });
      if (report === undefined) return;
      if (report.clean) {
        const { blocks, exceptions, chunks } = report;
        const text = `clean: ${blocks} blocks, ${exceptions} exceptions, ${chunks} chunks`;
        await notice(options, report, text);
        return;
      }
      process.exitCode = DAMAGED;
      const lines = report.problems.map(({ where, message }) => oneLine(`${where}: ${message}`));
      await answer(options, report, lines.join("\n"));
      const damage = `${store}: ${lines.length} problem${lines.length === 1 ? "" : "s"} found`;
      writeError(new MultisnapError("Corrupt", damage));
    });
}

/** A store too damaged to be opened is a finding, too. */
async function check(store: string, options: Options): Promise<CheckReport> {
  try {
    return await withVolume(store, { ...options, readOnly: true }, (volume) =>
      interruptible((signal) => volume.check({ data: options.data, signal })),
    );
  } catch (error) {
    if (!(error instanceof MultisnapError) || error.code !== "Corrupt") throw error;
    const problems = [{ where: "open", message: error.message }];
    return { clean: false, problems, blocks: 0, exceptions: 0, chunks: 0 };
  }
}
