/** `create STORE`: a new store. */
import fs from "node:fs";
import path from "node:path";
import { type Command, Option } from "commander";
import type { Device } from "../devices/device.ts";
import { fileDevice } from "../devices/file.ts";
import { MultisnapError } from "../errors.ts";
import { openVolume } from "../volume/open/open.ts";
import type { Status, StoreKind } from "../volume/types.ts";
import { openBase, remembered } from "./base.ts";
import { addCommand, addWhenFullOptions } from "./command.ts";
import { notice, type OutputOptions } from "./output.ts";
import { formatBytes, parseBytes } from "./sizes.ts";
import { parsePath } from "./target.ts";

interface StoreShape {
  size?: number;
  chunk?: number;
  kind?: StoreKind;
  origin?: string;
  base?: string;
  maxSize?: number;
  victims?: string;
  preserveOnError?: boolean;
  checksums?: boolean;
}

type Options = OutputOptions & StoreShape;

/** Of a store of kind range. */
const CHUNK_MIN = 4096;
const KINDS: StoreKind[] = ["range", "bitmap", "persistent", "transient"];

export function addCreate(program: Command): void {
  addWhenFullOptions(addCommand(program, "create", "make a new store"))
    .argument("<store>", "file to make, or an empty one", parsePath)
    .option("--size <bytes>", "of the origin; defaults to that of --origin or --base", parseBytes)
    .option("--chunk <bytes>", "unit of copying, 4K (the default) to 1M", parseBytes)
    .addOption(new Option("--kind <kind>", "of the exception store").choices(KINDS))
    .addOption(
      new Option("--origin <file>", "attached origin: a raw image or disk that stays as it is")
        .argParser(parsePath)
        .conflicts("base"),
    )
    .option("--base <file>", "read-only image under the origin, or its http(s) URL", parsePath)
    .option("--checksums", "verify what snapshots keep whenever it is read")
    .option("--max-size <bytes>", "limit of the store; without one it grows", parseBytes)
    .action(async (store: string, options: Options, command: Command) => {
      if (options.kind === "transient") return createTransient(store, options, command);
      checkUsage(options, command);
      const status = await createStore(store, options);
      const { size, chunk, kind, originMode, uuid } = status;
      const text = `created ${store}: ${formatBytes(size)} in chunks of ${formatBytes(chunk)}`;
      const more = kind === "persistent" ? `; its snapshot is ${store}@cow` : "";
      await notice(options, { store, uuid, kind, size, chunk, originMode }, text + more);
    });
}

function checkUsage({ kind, size, origin, base }: Options, command: Command): void {
  if (kind === "persistent" && origin === undefined) {
    command.error("error: a persistent store is the snapshot of a raw image: give --origin");
  }
  if (size === undefined && origin === undefined && base === undefined) {
    command.error("error: give --size, --origin or --base");
  }
}

/** Nothing but the file, which stays empty: a snapshot on it ends with the process that has it. */
async function createTransient(store: string, options: Options, command: Command): Promise<void> {
  const { size, chunk, base, maxSize, victims, preserveOnError, checksums } = options;
  for (const option of [size, chunk, base, maxSize, victims, preserveOnError, checksums]) {
    if (option === undefined) continue;
    command.error("error: nothing is kept on a transient store: give options to serve, not here");
  }
  const device = await fileDevice(store, { exclusive: !fs.existsSync(store) });
  const used = device.growable && device.size() > 0;
  await device.close();
  if (used) {
    throw new MultisnapError("Exists", `${store} is not empty: choose another, or empty it first`);
  }
  const next = `serve ${store} --kind transient --origin FILE`;
  const text = `created ${store}: empty, as nothing is kept on it; ${next} uses it`;
  await notice(options, { store, kind: "transient" }, text);
}

/** When it fails, a file that it made is gone again. */
export async function createStore(store: string, options: StoreShape): Promise<Status> {
  const exclusive = !fs.existsSync(store);
  const devices = [await fileDevice(store, exclusive ? { exclusive } : { create: false })];
  let done = false;
  try {
    const under = options.origin ?? options.base;
    if (under !== undefined) {
      const isBase = options.base !== undefined;
      devices.push(await (isBase ? openBase(under) : fileDevice(under, { create: false })));
    }
    const status = await make(options, devices);
    done = true;
    return status;
  } finally {
    // Before its lock goes: afterwards it could be another process's.
    if (exclusive && !done) fs.rmSync(store, { force: true });
    for (const device of devices) await device.close();
  }
}

/** For what comes from another store; of whatever kind that is, this one is for snapshots. */
export async function createMissing(
  store: string,
  { size, chunk }: { size: number; chunk: number },
): Promise<void> {
  const found = fs.statSync(store, { throwIfNoEntry: false });
  if (found && !(found.isFile() && found.size === 0)) return;
  await createStore(store, { size, chunk: Math.max(chunk, CHUNK_MIN) });
}

async function make(options: StoreShape, [store, under]: Device[]): Promise<Status> {
  const volume = await openVolume({
    store: store as Device,
    origin: options.origin === undefined ? undefined : under,
    base: options.base === undefined ? undefined : under,
    create: {
      size: options.size,
      chunk: options.chunk,
      kind: options.kind,
      maxSize: options.maxSize,
      checksums: options.checksums,
      originPath: options.origin && path.resolve(options.origin),
      basePath: options.base && remembered(options.base, under as Device),
      victims: options.victims,
      preserveOnError: options.preserveOnError,
    },
  });
  const status = volume.status();
  await volume.close();
  return status;
}
