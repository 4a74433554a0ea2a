/** `serve STORE`: an NBD server until SIGINT or SIGTERM, and what runs beside it. */
import fs from "node:fs";
import type { Command } from "commander";
import { InvalidArgumentError, Option } from "commander";
import { serveControl } from "../control/server.ts";
import { openError } from "../devices/errno.ts";
import { MultisnapError } from "../errors.ts";
import type { NbdServerOptions } from "../nbd/server.ts";
import { serveNbd } from "../nbd/server.ts";
import { remarks } from "../schedule/keep.ts";
import { type Roller, startRoller } from "../schedule/roller.ts";
import { CAPABILITIES } from "../stores/kinds.ts";
import "../volume/preloaded.ts";
import type { Volume } from "../volume/types.ts";
import { addStoreCommand, addSyncOption, addWhenFullOptions } from "./command.ts";
import { type StoreOptions, withFiles, withVolume } from "./open.ts";
import { oneLine, writeOut } from "./output.ts";
import {
  addKeepOptions,
  answerKeepDryRun,
  checkKeepOptions,
  type KeepOptions,
} from "./serve-keep.ts";
import { parseBytes } from "./sizes.ts";
import { describeGivenUp, describePruned } from "./status.ts";
import { parsePath } from "./target.ts";

/** The port that the IANA gave to NBD. */
const NBD_PORT = 10809;
const DEFAULT_HOST = "127.0.0.1";

interface Options extends StoreOptions, KeepOptions {
  kind?: "transient";
  chunk?: number;
  maxSize?: number;
  victims?: string;
  preserveOnError?: boolean;
  syncSnapshots?: number[];
  socket?: string;
  listen?: { host: string; port: number };
  readOnly?: boolean;
  tlsCert?: string;
  tlsKey?: string;
  tlsCa?: string;
}

export function addServe(program: Command): void {
  const command = addStoreCommand(program, "serve", "an NBD server, until SIGINT or SIGTERM")
    .argument("<store>", "store file", parsePath)
    .addOption(
      new Option("--kind <kind>", "on an empty file: a snapshot that ends with the server")
        .choices(["transient"])
        .conflicts(["readOnly", "syncSnapshots", "with", "every"]),
    )
    .option("--chunk <bytes>", "of such a snapshot", parseBytes)
    .option("--max-size <bytes>", "of such a snapshot: over it, it is lost", parseBytes)
    .option("--socket <path>", "serve on a Unix socket (mode 0600)", parsePath)
    .option("--listen <host:port>", `serve on TCP; the host is ${DEFAULT_HOST} unless given`, where)
    .option("--read-only", "no export takes writes")
    .option("--tls-cert <file>", "PEM: serve TLS only, with this certificate", parsePath)
    .option("--tls-key <file>", "PEM: its private key", parsePath)
    .option("--tls-ca <file>", "PEM: clients need a certificate signed by this one", parsePath);
  addKeepOptions(addWhenFullOptions(addSyncOption(command)))
    .addHelpText(
      "after",
      '\nExports: the origin as "" and "origin", every snapshot as @NAME.' +
        `\nWithout --socket and --listen: ${DEFAULT_HOST}:${NBD_PORT}.` +
        "\nWhile it runs, the other commands on the same STORE work through it.",
    )
    .action(async (store: string, options: Options, command: Command) => {
      checkUsage(options, command);
      if (options.keepDryRun) {
        await withVolume(store, { ...options, readOnly: true }, (volume) =>
          answerKeepDryRun(volume.snapshots, options),
        );
      } else {
        const { kind, chunk, maxSize } = options;
        const how = { ...options, create: kind && { kind, chunk, maxSize } };
        await withFiles(store, how, (volume, files) => serve(volume, store, files, options));
      }
    });
}

function checkUsage(options: Options, command: Command): void {
  const { socket, listen, tlsCert, tlsKey, tlsCa } = options;
  const { kind, origin, chunk, maxSize } = options;
  if (kind !== undefined && origin === undefined) {
    command.error("error: with --kind transient give the raw image, --origin FILE");
  }
  if (kind === undefined && (chunk !== undefined || maxSize !== undefined)) {
    command.error("error: --chunk and --max-size go with --kind transient");
  }
  if (socket !== undefined && listen) command.error("error: give --socket or --listen, not both");
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    command.error("error: --tls-cert and --tls-key go together");
  }
  if (tlsCa !== undefined && tlsCert === undefined) {
    command.error("error: --tls-ca goes with --tls-cert and --tls-key");
  }
  checkKeepOptions(command, options);
  if (options.every && options.readOnly) {
    command.error("error: --every takes snapshots, which --read-only forbids");
  }
}

async function serve(
  volume: Volume,
  store: string,
  files: string[],
  options: Options,
): Promise<void> {
  const { kind } = volume.status();
  if (options.every !== undefined && CAPABILITIES[kind].fixed) {
    throw new MultisnapError(
      "Unsupported",
      `${store}: a store of kind ${kind} takes no snapshots: leave --every out`,
    );
  }
  const asked = stopAsked();
  const say = (line: string) => {
    if (!options.quiet) process.stderr.write(`multisnap: ${oneLine(line)}\n`);
  };
  const nbd = await serveNbd(volume, serverOptions(options));
  let rolling: Roller | null = null;
  const live = () => ({ ...nbd.live(), ...(rolling && { rolling: rolling.status() }) });
  try {
    const control = await serveControl(volume, store, { live, files });
    try {
      rolling = roll(volume, options, (name) => nbd.inUse(name), say);
      const ready = options.json ? JSON.stringify({ ready: nbd.uri }) : `ready ${nbd.uri}`;
      await writeOut(`${ready}\n`);
      await asked;
      await rolling?.stop();
      const { givenUp, pruned } = volume.status();
      if (pruned) say(describePruned(pruned));
      if (givenUp) say(describeGivenUp(givenUp));
    } finally {
      await control.close();
    }
  } finally {
    await nbd.close();
  }
}

function roll(
  volume: Volume,
  { every, keep }: Options,
  inUse: (name: string) => boolean,
  say: (line: string) => void,
): Roller | null {
  if (every === undefined) return null;
  for (const remark of keep ? remarks(every, keep) : []) say(remark);
  return startRoller(volume, { every, keep, inUse, say });
}

/** Ends at the first SIGINT or SIGTERM; a second one kills as if nobody listened. */
function stopAsked(): Promise<void> {
  return new Promise((resolve) => {
    const stop = () => {
      process.off("SIGINT", stop).off("SIGTERM", stop);
      resolve();
    };
    process.on("SIGINT", stop).on("SIGTERM", stop);
  });
}

function serverOptions(options: Options): NbdServerOptions {
  const { socket, readOnly, tlsCert, tlsKey, tlsCa } = options;
  const tls =
    tlsCert === undefined || tlsKey === undefined
      ? undefined
      : {
          cert: textOf(tlsCert),
          key: textOf(tlsKey),
          ca: tlsCa === undefined ? undefined : textOf(tlsCa),
        };
  if (socket !== undefined) return { socket, readOnly, tls };
  return { listen: options.listen ?? { host: DEFAULT_HOST, port: NBD_PORT }, readOnly, tls };
}

function textOf(file: string): string {
  try {
    return fs.readFileSync(file, "utf8");
  } catch (cause) {
    throw openError(file, "reading", cause);
  }
}

/** For commander: `HOST:PORT`, `[IPv6]:PORT`, `:PORT` or `PORT`. */
function where(text: string): { host: string; port: number } {
  const match = /^(?:(?:\[([^\]]+)\]|([^:]*)):)?(\d+)$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw new InvalidArgumentError("Give HOST:PORT, or a port.");
  return { host: match[1] || match[2] || DEFAULT_HOST, port };
}
