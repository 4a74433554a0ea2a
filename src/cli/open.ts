/** Opens the volume that a command works on, with the origin or base that the store remembers. */
import fs from "node:fs";
import type { Device } from "../devices/device.ts";
import { fileDevice } from "../devices/file.ts";
import { MultisnapError } from "../errors.ts";
import { openVolume, peekStore } from "../volume/open.ts";
import type { Volume } from "../volume/types.ts";
import type { OutputOptions } from "./output.ts";

export interface StoreOptions extends OutputOptions {
  /** Instead of the path of the attached origin that the store remembers. */
  origin?: string;
  /** Instead of the path of the base image that the store remembers. */
  base?: string;
}

/** Opens, runs `body`, closes. What `body` throws counts more than what closing throws. */
export async function withVolume<T>(
  store: string,
  options: StoreOptions & { readOnly?: boolean },
  body: (volume: Volume, files: string[]) => Promise<T>,
): Promise<T> {
  const devices: Device[] = [];
  const open = async (path: string, readOnly: boolean) => {
    const device = await fileDevice(path, { create: false, readOnly });
    devices.push(device);
    return device;
  };
  try {
    const readOnly = options.readOnly ?? false;
    const device = await open(store, readOnly);
    const paths = await rememberedPaths(device, options);
    const volume = await openVolume({
      store: device,
      origin: paths.origin === null ? undefined : await open(paths.origin, readOnly),
      base: paths.base === null ? undefined : await open(paths.base, true),
      readOnly,
    });
    let result: T;
    try {
      result = await body(
        volume,
        devices.map(({ name }) => name),
      );
    } catch (error) {
      await volume.close().catch(() => {});
      throw error;
    }
    await volume.close();
    return result;
  } finally {
    for (const device of devices) await device.close();
  }
}

async function rememberedPaths(
  device: Device,
  options: StoreOptions,
): Promise<{ origin: string | null; base: string | null }> {
  const peek = await peekStore(device);
  const origin = options.origin ?? (peek.originMode === "attached" ? peek.originPath : null);
  const base = options.base ?? (peek.originMode === "base" ? peek.basePath : null);
  if (peek.originMode === "attached" && origin === null) {
    throw new MultisnapError(
      "Invalid",
      `${device.name}: has an attached origin; give --origin FILE`,
    );
  }
  if (peek.originMode === "base" && base === null) {
    throw new MultisnapError("Invalid", `${device.name}: stands on a base image; give --base FILE`);
  }
  return { origin, base };
}

/** `Invalid` where `path` is one of the files of an open volume, under whatever name. */
export function refuseOwnFiles(path: string, files: string[]): void {
  const found = fs.statSync(path, { throwIfNoEntry: false });
  if (found === undefined) return;
  for (const file of files) {
    const own = fs.statSync(file, { throwIfNoEntry: false });
    if (own === undefined || own.dev !== found.dev || own.ino !== found.ino) continue;
    throw new MultisnapError("Invalid", `${path}: is ${file}, a part of the volume itself`);
  }
}
