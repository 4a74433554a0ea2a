/** `receive STORE`: the snapshots of a stream on standard input, all of them or none. */
import type { Command } from "commander";
import { MultisnapError } from "../errors.ts";
import { dropReceived, type HalfWay, halfReceived } from "../stream/half-way.ts";
import { type Received, receiveStream } from "../stream/receive.ts";
import type { Volume } from "../volume/types.ts";
import { addStoreCommand, addWhenFullOptions } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { answer, notice } from "./output.ts";
import { startSteps } from "./progress.ts";
import { formatBytes } from "./sizes.ts";
import { standardInput } from "./source.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  as?: string;
  resume?: boolean;
  keep: boolean;
  token?: boolean;
  forget?: boolean;
}

export function addReceive(program: Command): void {
  addWhenFullOptions(
    addStoreCommand(program, "receive", "make the snapshots of a stream on standard input"),
  )
    .argument("<store>", "store file", parsePath)
    .option("--as <name>", "name of the last snapshot here")
    .option("--resume", "the stream goes on where another one broke off")
    .option("--no-keep", "keep nothing of a stream that breaks off")
    .option("--token", "receive nothing: print the token of what is half received")
    .option("--forget", "receive nothing: drop what is half received")
    .addHelpText(
      "after",
      "\nA stream that is broken, or follows on something that is not here, changes nothing." +
        "\nAn origin that nobody has written to since becomes what the last snapshot is.",
    )
    .action(async (store: string, options: Options, command: Command) => {
      if (options.token && options.forget) command.error("error: --token and --forget: give one");
      if (options.token) return printToken(store, options);
      if (options.forget) return forget(store, options);
      const received = await receive(store, options);
      const names = received.snapshots.map(({ name }) => `@${name}`).join(", ");
      const origin = received.follows ? "; the origin is what the last one is" : "";
      await notice(options, received, `received ${names} into ${store}${origin}`);
    });
}

function receive(store: string, options: Options): Promise<Received> {
  const { as: name, resume, keep } = options;
  return interruptible((signal) =>
    withVolume(store, options, async (volume) => {
      const steps = await startSteps(options, "receive");
      const progress = (done: number, total: number) => steps.at(done, total);
      const how = { name, resume, drop: !keep, signal, progress };
      const source = standardInput();
      try {
        return await receiveStream(volume, source.pieces(signal), how);
      } catch (error) {
        throw await withToken(volume, error);
      } finally {
        source.close();
        steps.end();
      }
    }),
  );
}

/** Says how it can be gone on with, where that is possible. */
async function withToken(volume: Volume, error: unknown): Promise<unknown> {
  if (!(error instanceof MultisnapError)) return error;
  const half = await halfReceived(volume).catch(() => null);
  if (!half || (half.done === 0 && half.snapshots === 0)) return error;
  const how = "what has come is kept: receive --resume takes what send --resume TOKEN sends";
  const message = `${error.message}; ${how}, with the token ${half.token}`;
  return new MultisnapError(error.code, message, { cause: error });
}

async function printToken(store: string, options: Options): Promise<void> {
  const half = await withVolume(store, { ...options, readOnly: true }, halfReceived);
  await answer(options, { half }, half ? `${half.token} ${textOf(half)}` : "nothing");
}

function textOf({ snapshots, done, size }: HalfWay): string {
  return `${snapshots} snapshots, and ${formatBytes(done)} of ${formatBytes(size)} of the next`;
}

async function forget(store: string, options: Options): Promise<void> {
  await withVolume(store, options, dropReceived);
  await notice(options, { forgotten: store }, `nothing is half received in ${store} any more`);
}
