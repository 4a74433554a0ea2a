/**
 * Gives a command the volume that it works on: through the process that serves the store, or from
 * the store's files, with the origin or base that it remembers.
 */
import fs from "node:fs";
import type { RemoteVolume } from "../connect/remote-volume.ts";
import { connectControl } from "../control/later.ts";
import type { Device } from "../devices/device.ts";
import { fileDevice } from "../devices/file.ts";
import { isHttpUrl } from "../devices/http/version.ts";
import { engineModule } from "../engine/module.ts";
import { MultisnapError } from "../errors.ts";
import { openVolume, peekStore } from "../volume/open/open.ts";
import type { Volume, OpenOptions as VolumeOptions } from "../volume/types.ts";
import { isSameUrl, openBase } from "./base.ts";
import type { OutputOptions } from "./output.ts";

export interface StoreOptions extends OutputOptions {
  /** Instead of the path of the attached origin that the store remembers. */
  origin?: string;
  /** Instead of the path or URL of the base image that the store remembers. */
  base?: string;
  /** Other persistent stores on the same origin. */
  with?: string[];
  /** With `readOnly`: as far as the store can be read. */
  damaged?: boolean;
}

type OpenOptions = StoreOptions &
  Pick<VolumeOptions, "readOnly" | "create" | "syncSnapshots" | "victims" | "preserveOnError">;
/** `files`: paths of all that the volume stands on. */
type Body<T> = (volume: Volume, files: string[]) => Promise<T>;

/**
 * Opens or connects, runs `body`, closes. What `body` throws counts more than what closing throws.
 */
export async function withVolume<T>(
  store: string,
  options: OpenOptions,
  body: Body<T>,
): Promise<T> {
  const served = await connectControl(store);
  if (served) return withServed(served, store, options, body);
  let files: Files;
  try {
    files = await openFiles(store, options);
  } catch (error) {
    // Who serves the store may have come between our two looks, and has the files now.
    const late = isBusy(error) ? await connectControl(store) : null;
    if (!late) throw error;
    return withServed(late, store, options, body);
  }
  return withOpen(files, options, body);
}

/** The same, but never through another process: for a command that serves the store itself. */
export async function withFiles<T>(store: string, options: OpenOptions, body: Body<T>): Promise<T> {
  return withOpen(await openFiles(store, options), options, body);
}

async function withServed<T>(
  volume: RemoteVolume,
  store: string,
  options: OpenOptions,
  body: Body<T>,
): Promise<T> {
  try {
    for (const path of [options.origin, options.base, ...(options.with ?? [])]) {
      if (path !== undefined) demandOwnFile(path, store, volume.files);
    }
    if (options.damaged) throw isServed(store);
    const { syncSnapshots, victims, preserveOnError } = options;
    if (syncSnapshots || victims !== undefined || preserveOnError !== undefined) {
      throw decided(store);
    }
    return await body(volume, volume.files);
  } finally {
    await volume.close();
  }
}

async function withOpen<T>(files: Files, options: OpenOptions, body: Body<T>): Promise<T> {
  const { readOnly = false, damaged = false, create } = options;
  const { syncSnapshots, victims, preserveOnError } = options;
  try {
    const how = { readOnly, damaged, create, syncSnapshots, victims, preserveOnError };
    const volume = await openVolume({ ...files, ...how });
    let result: T;
    try {
      result = await body(volume, namesOf(files));
    } catch (error) {
      await volume.close().catch(() => {});
      throw error;
    }
    await volume.close();
    return result;
  } finally {
    await closeFiles(files);
  }
}

interface Files {
  store: Device;
  origin?: Device;
  base?: Device;
  others?: Device[];
}

function devicesOf({ store, origin, base, others = [] }: Files): Device[] {
  return [store, origin, base, ...others].filter((device) => device !== undefined);
}

function namesOf(files: Files): string[] {
  return devicesOf(files).map(({ name }) => name);
}

async function closeFiles(files: Files): Promise<void> {
  for (const device of devicesOf(files)) await device.close();
}

async function openFiles(store: string, options: OpenOptions): Promise<Files> {
  const { readOnly = false } = options;
  // Compiled meanwhile; whoever needs it is told why where it cannot be.
  engineModule().catch(() => {});
  const files: Files = { store: await fileDevice(store, { create: false, readOnly }) };
  try {
    const { origin = null, base = null } = options.create
      ? options
      : await rememberedPaths(files.store, options);
    if (origin !== null) files.origin = await fileDevice(origin, { create: false, readOnly });
    if (base !== null) files.base = await openBase(base);
    for (const other of options.with ?? []) {
      const device = await fileDevice(other, { create: false, readOnly });
      files.others = [...(files.others ?? []), device];
    }
    return files;
  } catch (error) {
    await closeFiles(files);
    throw error;
  }
}

function isBusy(error: unknown): boolean {
  return error instanceof MultisnapError && error.code === "Busy";
}

async function rememberedPaths(
  device: Device,
  options: StoreOptions,
): Promise<{ origin: string | null; base: string | null }> {
  const peek = await peekStore(device, options.damaged);
  const origin = options.origin ?? (peek.originMode === "attached" ? peek.originPath : null);
  const base = options.base ?? (peek.originMode === "base" ? peek.basePath : null);
  if (peek.originMode === "attached" && origin === null) {
    const why =
      peek.kind === "persistent"
        ? "is a COW device, which does not remember its origin"
        : "has an attached origin";
    throw new MultisnapError("Invalid", `${device.name}: ${why}; give --origin FILE`);
  }
  if (peek.originMode === "base" && base === null) {
    throw new MultisnapError("Invalid", `${device.name}: stands on a base image; give --base`);
  }
  return { origin, base };
}

/** `Invalid` where `path` is one of the files of an open volume, under whatever name. */
export function refuseOwnFiles(path: string, files: string[]): void {
  const file = sameFile(path, files);
  if (file === null) return;
  throw new MultisnapError("Invalid", `${path}: is ${file}, a part of the volume itself`);
}

/** `Invalid` where a command names another origin or base than the one that is served. */
function demandOwnFile(path: string, store: string, files: string[]): void {
  if (sameFile(path, files) !== null) return;
  const found = "is served by another process, which has not opened this file";
  throw new MultisnapError("Invalid", `${path}: ${store} ${found}: leave the option out`);
}

/** A command that needs the store for itself. */
export function isServed(store: string): MultisnapError {
  return new MultisnapError(
    "Busy",
    `${store} is open in the process that serves it: end that first`,
  );
}

/** What only who opens the store can ask for. */
function decided(store: string): MultisnapError {
  const why = "--sync-snapshots, --victims and --no-preserve-on-error are for opening a store";
  return new MultisnapError(
    "Invalid",
    `${why}: ${store} is open in the process that serves it; leave them out, or give them there`,
  );
}

/** Which of `files` is the file at `path`, or the image at that URL. */
export function sameFile(path: string, files: string[]): string | null {
  if (isHttpUrl(path)) return files.find((file) => isSameUrl(path, file)) ?? null;
  const found = fs.statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return null;
  const same = files.find((file) => {
    const own = fs.statSync(file, { throwIfNoEntry: false });
    return own !== undefined && own.dev === found.dev && own.ino === found.ino;
  });
  return same ?? null;
}
