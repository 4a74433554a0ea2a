/** `import-cow ORIGIN COW... --into STORE`: old dm-snapshots of an origin become ours. */
import fs from "node:fs";
import path from "node:path";
import type { Command } from "commander";
import { importCows } from "../convert/import-cow.ts";
import type { Device } from "../devices/device.ts";
import { fileDevice } from "../devices/file.ts";
import { MultisnapError } from "../errors.ts";
import { openVolume, peekStore } from "../volume/open/open.ts";
import type { CreateOptions, Volume } from "../volume/types.ts";
import { addCommand } from "./command.ts";
import { interruptible } from "./interrupt.ts";
import { refuseOwnFiles, sameFile } from "./open.ts";
import { notice, type OutputOptions } from "./output.ts";
import { startSteps } from "./progress.ts";
import { parseBytes } from "./sizes.ts";
import { parsePath } from "./target.ts";

interface Options extends OutputOptions {
  into: string;
  chunk?: number;
}

interface Imported {
  snapshots: { name: string; id: number; cow: string }[];
  created: boolean;
}

export function addImportCow(program: Command): void {
  addCommand(program, "import-cow", "turn dm-snapshots of an origin into snapshots of a store")
    .argument("<origin>", "raw image or disk that they are of; stays as it is", parsePath)
    .argument("<cow...>", "COW devices, oldest first; each gives a snapshot of its name")
    .requiredOption("--into <store>", "store of that origin; made if it is not there", parsePath)
    .option("--chunk <bytes>", "of a store that is made: 4K (the default) to 1M", parseBytes)
    .action(async (origin: string, cows: string[], options: Options) => {
      const { snapshots, created } = await importInto(origin, cows, options);
      const names = snapshots.map(({ name }) => name).join(", ");
      const text = `imported ${names} into ${options.into}`;
      await notice(options, { store: options.into, origin, created, snapshots }, text);
    });
}

/** A store that was made for it goes again when it fails. */
async function importInto(origin: string, cows: string[], options: Options): Promise<Imported> {
  const { into } = options;
  refuseOwnFiles(into, [origin]);
  for (const cow of cows) refuseOwnFiles(cow, [origin, into]);
  const isNew = !fs.existsSync(into);
  const store = await fileDevice(into, isNew ? { exclusive: true } : { create: false });
  let done = false;
  try {
    const imported = await importOn(store, origin, cows, options);
    done = true;
    return imported;
  } finally {
    // Before its lock goes: afterwards it could be another process's.
    if (isNew && !done) fs.rmSync(into, { force: true });
    await store.close();
  }
}

async function importOn(
  store: Device,
  originPath: string,
  cows: string[],
  options: Options,
): Promise<Imported> {
  const created = store.size() === 0;
  if (!created) await demandOrigin(store, originPath, options);
  const create: CreateOptions | undefined = created
    ? { chunk: options.chunk, originPath: path.resolve(originPath) }
    : undefined;
  const origin = await fileDevice(originPath, { create: false });
  try {
    const volume = await openVolume({ store, origin, create });
    try {
      return { snapshots: await importAll(volume, cows, options), created };
    } finally {
      await volume.close();
    }
  } finally {
    await origin.close();
  }
}

async function importAll(volume: Volume, cows: string[], options: Options) {
  const steps = await startSteps(options, "import");
  const sources = cows.map((cow) => ({
    name: path.basename(cow, path.extname(cow)),
    open: () => fileDevice(cow, { create: false, readOnly: true }),
  }));
  try {
    const views = await interruptible((signal) =>
      importCows(volume, sources, { signal, progress: steps.at }),
    );
    return views.map(({ name, id }, index) => ({ name: name!, id, cow: cows[index]! }));
  } finally {
    steps.end();
  }
}

/** `Invalid` where the store that is there is of something else. */
async function demandOrigin(store: Device, origin: string, { chunk }: Options): Promise<void> {
  const found = await peekStore(store);
  if (chunk !== undefined && chunk !== found.chunk) {
    const fixed = `${store.name} is there, with chunks of ${found.chunk} bytes`;
    throw new MultisnapError("Invalid", `${fixed}: leave --chunk out`);
  }
  const { originMode, originPath } = found;
  const isThere = originPath !== null && fs.existsSync(originPath);
  const isOther = isThere && sameFile(origin, [originPath]) === null;
  if (originMode === "attached" && !isOther) return;
  const has = originMode === "attached" ? `is attached to ${originPath}` : "has no attached origin";
  throw new MultisnapError(
    "Invalid",
    `${store.name}: ${has}; it cannot take snapshots of ${origin}`,
  );
}
