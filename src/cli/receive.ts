/** `receive STORE`: the snapshots of a stream on standard input, all of them or none. */
import fs from "node:fs";
import type { Command } from "commander";
import { MultisnapError } from "../errors.ts";
import { takeRequest } from "../replicate/request.ts";
import { dropReceived, halfReceived } from "../stream/half-way.ts";
import { peekStream } from "../stream/peek.ts";
import { type Received, receiveStream } from "../stream/receive.ts";
import type { ProgressOptions, Volume } from "../volume/types.ts";
import { addStoreCommand, addWhenFullOptions } from "./command.ts";
import { createMissing } from "./create.ts";
import { interruptible } from "./interrupt.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { answer, notice } from "./output.ts";
import { startSteps } from "./progress.ts";
import { answerOnOutput } from "./receive-request.ts";
import { withShared } from "./shared.ts";
import { standardInput } from "./source.ts";
import { parsePath } from "./target.ts";

/** As typed, but `--create`, which for opening is something else. */
interface Options extends StoreOptions {
  as?: string;
  resume?: boolean;
  keep: boolean;
  token?: boolean;
  forget?: boolean;
  prune: boolean;
  /** The store, where it is missing. */
  isMade?: boolean;
}

export function addReceive(program: Command): void {
  addWhenFullOptions(
    addStoreCommand(program, "receive", "make the snapshots of a stream on standard input"),
  )
    .argument("<store>", "store file", parsePath)
    .option("--as <name>", "name of the last snapshot here")
    .option("--resume", "the stream goes on where another one broke off")
    .option("--no-keep", "keep nothing of a stream that breaks off")
    .option("--create", "make the store where it is missing, of the size of what comes")
    .option("--no-prune", "delete nothing, whatever rules `replicate` sends with it")
    .option("--token", "receive nothing: print the token of what is half received")
    .option("--forget", "receive nothing: drop what is half received")
    .addHelpText(
      "after",
      "\nA stream that is broken, or follows on something that is not here, changes nothing." +
        "\nAn origin that nobody has written to since becomes what the last snapshot is.",
    )
    .action(async (store: string, given: Options & { create?: boolean }, command: Command) => {
      const { create: isMade, ...options } = given;
      if (options.token && options.forget) command.error("error: --token and --forget: give one");
      if (options.token) return printToken(store, options);
      if (options.forget) return forget(store, options);
      const received = await receive(store, { ...options, isMade });
      if (!received) return;
      const names = received.snapshots.map(({ name }) => `@${name}`).join(", ");
      const origin = received.follows ? "; the origin is what the last one is" : "";
      await notice(options, received, `received ${names} into ${store}${origin}`);
    });
}

/** Null: it was asked by `replicate`, and has answered. */
function receive(store: string, options: Options): Promise<Received | null> {
  return interruptible(async (signal) => {
    if (!options.isMade && !fs.existsSync(store)) throw noStore(store);
    const source = standardInput();
    const steps = await startSteps(options, "receive");
    try {
      const { request, stream } = await takeRequest(source.pieces(signal));
      const how = { signal, progress: steps.at };
      if (!request) return await receiveInto(store, stream, options, how);
      const open = async <T>(body: (volume: Volume) => Promise<T>) => {
        if (options.isMade) await createMissing(store, request);
        return withShared(store, options, body);
      };
      const { prune } = options;
      await answerOnOutput(open, request, stream, { ...how, prune });
      return null;
    } finally {
      source.close();
      steps.end();
    }
  });
}

async function receiveInto(
  store: string,
  source: AsyncIterable<Uint8Array>,
  options: Options,
  work: ProgressOptions,
): Promise<Received> {
  const { as: name, resume, keep } = options;
  let stream = source;
  if (options.isMade) {
    const peeked = await peekStream(source);
    if (peeked.hasBase && !fs.existsSync(store)) throw noBase(store);
    await createMissing(store, peeked);
    stream = peeked.stream;
  }
  return withVolume(store, options, async (volume) => {
    try {
      return await receiveStream(volume, stream, { name, resume, drop: !keep, ...work });
    } catch (error) {
      throw await withToken(volume, error);
    }
  });
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

function noStore(store: string): MultisnapError {
  const what = "make it with `create`, or receive with --create";
  return new MultisnapError("NotFound", `${store}: no such file; ${what}`);
}

function noBase(store: string): MultisnapError {
  const what = "the stream follows on a snapshot, which would be in it: receive that first";
  return new MultisnapError("NotFound", `${store}: no such file; ${what}`);
}

async function printToken(store: string, options: Options): Promise<void> {
  const half = await withVolume(store, { ...options, readOnly: true }, halfReceived);
  await answer(options, { half }, half?.token ?? "nothing");
}

async function forget(store: string, options: Options): Promise<void> {
  await withVolume(store, options, dropReceived);
  await notice(options, { forgotten: store }, `nothing is half received in ${store} any more`);
}
