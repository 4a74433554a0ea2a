/**
 * Where the bytes of a volume under test are: media that can be opened as a device again and
 * again.
 */
import type { Device } from "../../src/devices/device.ts";
import { memoryDevice } from "../../src/devices/memory.ts";
import { fileBytesMax, fileMedium } from "./file-medium.ts";
import { lateDevice } from "./late.ts";
import type { Random } from "./prng.ts";

export type MediumKind = "memory" | "late" | "file";
export const mediumKinds: readonly MediumKind[] = fileMedium
  ? ["memory", "late", "file"]
  : ["memory", "late"];

export interface Medium {
  readonly kind: MediumKind;
  open(options?: { readOnly?: boolean }): Promise<Device>;
  /** Gives the bytes up. */
  discard(): void | Promise<void>;
}

export interface MediumOptions {
  /** Bytes of a medium of fixed size; without it, it grows (a file always does). */
  size?: number;
  /** For late media. */
  random?: Random;
}

function memoryMedium(options: MediumOptions): Medium {
  const device = memoryDevice(options.size === undefined ? {} : { size: options.size });
  return { kind: "memory", open: async (how) => kept(device, how?.readOnly), discard() {} };
}

/** `device` with a `close` that loses nothing. */
export function kept(device: Device, readOnly = false): Device {
  return {
    name: device.name,
    readOnly,
    synchronous: device.synchronous,
    growable: device.growable,
    size: () => device.size(),
    read: (target, start, length, offset) => device.read(target, start, length, offset),
    write: (source, start, length, offset) => device.write(source, start, length, offset),
    flush: () => device.flush(),
    resize: (bytes) => device.resize(bytes),
    close() {},
  };
}

function lateMedium(options: MediumOptions): Medium {
  const random = options.random;
  if (random === undefined) throw new Error("a late medium needs a random generator");
  const memory = memoryMedium(options);
  return {
    ...memory,
    kind: "late",
    open: async (how) => lateDevice(await memory.open(how), random),
  };
}

export function medium(kind: MediumKind, options: MediumOptions = {}): Medium {
  if (kind === "file") {
    if (!fileMedium) throw new Error("there are no files here");
    // A sparse file counts in full where there is a quota.
    return (options.size ?? 0) <= fileBytesMax ? fileMedium() : memoryMedium(options);
  }
  return kind === "late" ? lateMedium(options) : memoryMedium(options);
}
