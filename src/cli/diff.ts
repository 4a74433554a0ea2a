/** `diff STORE A B`: the byte ranges in which two views differ. */
import { type Command, InvalidArgumentError } from "commander";
import type { DiffOptions, View, Volume } from "../volume/types.ts";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { writeOut } from "./output.ts";
import { startSteps } from "./progress.ts";
import { parsePath, viewOf } from "./target.ts";

interface Options extends StoreOptions {
  content?: boolean;
}

/** Of text that is written at once. */
const PART_LENGTH = 2 ** 16;

export function addDiff(program: Command): void {
  addStoreCommand(program, "diff", "byte ranges in which two views differ, `offset length` a line")
    .argument("<store>", "store file", parsePath)
    .argument("<a>", "a view: @NAME, or origin", parseView)
    .argument("<b>", "another one", parseView)
    .option("--content", "read both views and leave out chunks that are equal")
    .addHelpText(
      "after",
      "\nWithout --content nothing is read: chunks that were written since are changed, whatever" +
        "\nthey were written with. What only the longer view has is changed.",
    )
    .action(async (store: string, a: string | null, b: string | null, options: Options) => {
      const steps = await startSteps(options, "diff");
      try {
        await interruptible((signal) =>
          withVolume(store, { ...options, readOnly: true }, (volume) => {
            const how = { content: options.content ?? false, signal, progress: steps.at };
            return print(volume, [a, b], how, options.json ?? false);
          }),
        );
      } finally {
        steps.end();
      }
    });
}

/** For commander: the name of a snapshot; null: the origin. */
function parseView(text: string): string | null {
  if (text === "origin") return null;
  if (text.length > 1 && text.startsWith("@")) return text.slice(1);
  throw new InvalidArgumentError("Give @NAME for a snapshot, or origin.");
}

/** As they are found: there may be more than fit into memory. */
async function print(
  volume: Volume,
  [a, b]: [string | null, string | null],
  how: DiffOptions,
  isJson: boolean,
): Promise<void> {
  const view = (name: string | null): View => viewOf(volume, { store: "", name });
  const ranges = volume.diff(view(a), view(b), how);
  let text = isJson ? '{"ranges":[' : "";
  let separator = "";
  for await (const { offset, length } of ranges) {
    text += isJson ? separator + JSON.stringify({ offset, length }) : `${offset} ${length}\n`;
    separator = ",";
    if (text.length < PART_LENGTH) continue;
    await writeOut(text);
    text = "";
  }
  if (isJson) text += "]}\n";
  if (text !== "") await writeOut(text);
}
