/** `watch STORE`: the commits of a store that is served, as they come. */
import type { Command } from "commander";
import { connectControl } from "../control/later.ts";
import { MultisnapError } from "../errors.ts";
import type { VolumeEvent } from "../volume/reports/watchers.ts";
import { addCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type OutputOptions, oneLine, writeOut } from "./output.ts";
import { parsePath } from "./target.ts";

export function addWatch(program: Command): void {
  addCommand(program, "watch", "commits of a served store, a line each, until Ctrl-C")
    .argument("<store>", "store file that another process serves", parsePath)
    .addHelpText("after", "\nWith --json, each line is one JSON document.")
    .action(async (store: string, options: OutputOptions) => {
      const volume = await connectControl(store);
      if (!volume) {
        const why = "nobody serves it, so nobody but this command could change it";
        throw new MultisnapError("NotFound", `${store}: ${why}; serve it first`);
      }
      try {
        await interruptible(async (signal) => {
          for await (const event of volume.watch({ signal })) {
            await writeOut(`${options.json ? JSON.stringify(event) : textOf(event)}\n`);
          }
        });
      } finally {
        await volume.close();
      }
    });
}

function textOf(event: VolumeEvent): string {
  if (event.type === "gap") return "gap: something was missed";
  const { changed, made, deleted, renamed, described } = event;
  const parts = [
    ...made.map(({ name }) => `made @${name}`),
    ...deleted.map(({ name }) => `deleted @${name}`),
    ...renamed.map(({ from, name }) => `renamed @${from} to @${name}`),
    ...described.map(({ name }) => `described ${name === null ? "the origin" : `@${name}`}`),
    ...changed.map(({ id, ranges }) => {
      const bytes = ranges?.reduce((sum, { length }) => sum + length, 0);
      return `view ${id}: ${bytes ?? "unknown"} bytes in ${ranges?.length ?? "many"} ranges`;
    }),
  ];
  return oneLine(parts.join("; "));
}
