/** `replicate STORE[@NAME]`: increments to a copy in another folder or on another machine. */
import fs from "node:fs";
import { type Command, Option } from "commander";
import { MultisnapError } from "../errors.ts";
import { type ReplicaEvent, replicate } from "../replicate/replicate.ts";
import type { Sent } from "../replicate/round.ts";
import type { ReplicaTarget } from "../replicate/target.ts";
import { formatKeep, type KeepRule, parseKeep } from "../schedule/keep.ts";
import { parsePeriod } from "../schedule/period.ts";
import type { Compression } from "../stream/compression.ts";
import type { Volume } from "../volume/types.ts";
import { addStoreCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import type { StoreOptions } from "./open.ts";
import { oneLine, writeOut } from "./output.ts";
import { startSteps } from "./progress.ts";
import { commandTarget } from "./replica-command.ts";
import { folderTarget } from "./replica-folder.ts";
import { withShared } from "./shared.ts";
import { formatBytes } from "./sizes.ts";
import { parsePath, parseTarget, type Target } from "./target.ts";
import { usage } from "./usage.ts";

interface Options extends StoreOptions {
  to?: string;
  every?: number;
  once?: boolean;
  keep?: KeepRule[];
  keepHere?: KeepRule[];
  series: string;
  compress: Compression;
  force?: boolean;
}

const EVERY_MS = 5 * 60_000;

export function addReplicate(program: Command): void {
  const compress = new Option("--compress <how>", "of what is sent")
    .choices(["none", "gzip", "zstd"])
    .default("none");
  const every = new Option("--every <period>", "a snapshot every 10s, 5m (the default), 1h")
    .argParser(usage(parsePeriod))
    .conflicts("once");
  addStoreCommand(program, "replicate", "keep a copy up to date, an increment every interval")
    .argument("<store[@name]>", "store file, and a snapshot in it", parseTarget)
    .argument("[command...]", "after --: a program that ends in `multisnap receive COPY`")
    .option("--to <folder>", "instead of a command: the copy is a store in this folder", parsePath)
    .addOption(every)
    .option("--once", "one snapshot, now")
    .option("--keep <rules>", "of the snapshots keep 12x5m,24x1h,30x1d, on both sides", rules)
    .option("--keep-here <rules>", "other rules for this side", rules)
    .option("--series <name>", "what the names of the snapshots begin with", "replica")
    .addOption(compress)
    .option("--force", "go on where the two sides have gone different ways; deletes nothing")
    .addHelpText(
      "after",
      "\n  multisnap replicate disk.msnap --every 5m --keep 24x1h,30x1d \\" +
        "\n    -- ssh backup multisnap receive copy.msnap --create" +
        "\nUntil Ctrl-C or SIGTERM. What both sides have is held, so that nobody deletes it." +
        "\nWith --json, each line is one JSON document.",
    )
    .action(async (of: Target, command: string[], options: Options, self: Command) => {
      const { to } = options;
      if ((to === undefined) === (command.length === 0)) {
        self.error("error: give --to FOLDER, or a command after --");
      }
      const target = to === undefined ? commandTarget(command) : folderTarget(to, of.store);
      await run(of, target, options);
    });
}

/** For commander. */
const rules = usage(parseKeep);

async function run(
  { store, name }: Target,
  target: ReplicaTarget,
  options: Options,
): Promise<void> {
  const { once = false, every = EVERY_MS, keep, keepHere, series, compress, force } = options;
  // Later it may be away for a while, with its disk.
  if (!fs.existsSync(store)) throw new MultisnapError("NotFound", `${store}: no such file`);
  await interruptible(async (signal) => {
    const steps = await startSteps(options, "replicate");
    const how = {
      of: name ?? undefined,
      every: once ? undefined : every,
      keep: keep && formatKeep(keep),
      keepHere: keepHere && formatKeep(keepHere),
      series,
      compress,
      force,
      signal,
      progress: steps.at,
    };
    const source = <T>(body: (volume: Volume) => Promise<T>) => withShared(store, options, body);
    try {
      for await (const event of replicate(source, target, how)) {
        steps.end();
        await tell(event, options);
      }
    } finally {
      steps.end();
    }
  });
}

async function tell(event: ReplicaEvent, { json, quiet }: Options): Promise<void> {
  if (json) return writeOut(`${JSON.stringify(event)}\n`);
  if (event.type === "failed") {
    const { code, message, retryMs } = event;
    const line = `${code}: ${oneLine(message)}; trying again in ${Math.ceil(retryMs / 1000)} s`;
    process.stderr.write(`multisnap: ${line}\n`);
    return;
  }
  if (event.problem) process.stderr.write(`multisnap: ${oneLine(event.problem)}\n`);
  if (!quiet) await writeOut(`${oneLine(textOf(event))}\n`);
}

function textOf({ snapshot, from, resumed, bytes, seconds, deleted }: Sent): string {
  const since = from === null ? "whole" : `since @${from}`;
  const rest = resumed ? ", the rest of it" : "";
  const { here, there } = deleted;
  const gone = here.length + there > 0 ? `; deleted ${here.length} here, ${there} there` : "";
  const cost = `${formatBytes(bytes)} in ${seconds.toFixed(1)} s`;
  return `sent @${snapshot} ${since}${rest}: ${cost}${gone}`;
}
