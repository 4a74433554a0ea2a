/** `send STORE@NAME`: a snapshot, or what changed since another one, to standard output. */
import { isatty } from "node:tty";
import { type Command, Option } from "commander";
import type { Compression } from "../stream/compression.ts";
import { type SendOptions, sendStream } from "../stream/send.ts";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { writeOut } from "./output.ts";
import { startProgress } from "./progress.ts";
import { parseTarget, type Target } from "./target.ts";

interface Options extends StoreOptions {
  from?: string;
  all?: boolean;
  compress: Compression;
  resume?: string;
}

export function addSend(program: Command): void {
  const compress = new Option("--compress <how>", "of what is sent")
    .choices(["none", "gzip", "zstd"])
    .default("none");
  addStoreCommand(program, "send", "a snapshot as a stream on standard output, for receive")
    .argument("<store@name>", "store file, and a snapshot in it", parseTarget)
    .option("--from <snapshot>", "only what changed since this one, which the receiver has", bare)
    .option("--all", "every snapshot after that (without --from: from the oldest on)")
    .addOption(compress)
    .option("--resume <token>", "go on where a receive broke off that printed the token")
    .addHelpText(
      "after",
      "\nThe snapshot is sent as it is at one instant, from a store that is served as well." +
        "\nA token says what is sent: give STORE alone with it.",
    )
    .action((target: Target, options: Options, command: Command) => {
      if (options.json) command.error("error: standard output takes the stream, not --json");
      if ((target.name === null) !== (options.resume !== undefined)) {
        command.error("error: give STORE@NAME, or STORE with --resume TOKEN");
      }
      if (options.resume !== undefined && (options.from !== undefined || options.all)) {
        command.error("error: a token says all of it: leave --from and --all out");
      }
      if (isatty(1)) command.error("error: a stream is not for a terminal: give a file, or a pipe");
      return send(target, options);
    });
}

/** The name of a snapshot, with or without its "@". */
function bare(text: string): string {
  return text.startsWith("@") ? text.slice(1) : text;
}

async function send({ store, name }: Target, options: Options): Promise<void> {
  const { from, all, compress, resume } = options;
  await interruptible((signal) =>
    withVolume(store, options, async (volume) => {
      const size = name === null ? null : volume.get(name).size;
      const bar = await startProgress(options, "send", size);
      const progress = (done: number, total: number) => bar.at((done / total) * (size ?? 0));
      const how: SendOptions = { from, all, compress, resume, signal, progress };
      try {
        for await (const part of sendStream(volume, name, how)) await writeOut(part);
      } finally {
        bar.end();
      }
    }),
  );
}
