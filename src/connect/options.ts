/** What a volume in another thread is opened with: everything can be cloned, devices are named. */
import type { Device } from "../devices/device.ts";
import type { EngineSource } from "../engine/source.ts";
import { MultisnapError } from "../errors.ts";
import type { OpenOptions } from "../volume/types.ts";

/**
 * A device by its kind and what that needs: `{ file: "disk.msnap" }` under Node, Deno and Bun,
 * `{ opfs: "disk" }` in pages, `{ memory: bytes }` and `{ http: url }` everywhere. All other keys
 * are options of that device.
 */
export interface NamedDevice {
  /** A path. */
  file?: string;
  /** Name of a file in the origin private file system. */
  opfs?: string;
  /** What is in it at first; it grows where there is nothing, and keeps its size otherwise. */
  memory?: Uint8Array | null;
  http?: string;
  [option: string]: unknown;
}

/** How a thread opens devices, by the names of their kinds. */
export type Openers = Readonly<Record<string, (named: NamedDevice) => Promise<Device>>>;

export interface ConnectOptions
  extends Omit<OpenOptions, "store" | "origin" | "base" | "others" | "env"> {
  store: NamedDevice;
  origin?: NamedDevice;
  base?: NamedDevice;
  others?: readonly NamedDevice[];
  /** Ends opening; the worker is ended then. */
  signal?: AbortSignal;
  /**
   * False: requests go as messages even where memory can be shared. The default is to share it
   * where that can be done.
   */
  shared?: boolean;
  /** Many tabs have the volume together; null or missing: this one alone. */
  tabs?: TabsOptions | null;
}

export interface TabsOptions {
  /**
   * Bytes of writes that another tab's end could lose, at most, for which this tab keeps a copy; then
   * it flushes on its own. From 1 MiB on; the default is 8 MiB.
   */
  unflushedBytes?: number;
  /**
   * Milliseconds after which requests fail with `Busy` where the tab that has the volume says nothing
   * at all: a browser can freeze a tab with the files in its hands. The default is 20,000.
   */
  patienceMs?: number;
}

/** What goes to the worker. */
export interface Opening {
  options: Omit<ConnectOptions, "signal" | "shared">;
  engine: EngineSource | null;
}

/** Errors: those of the devices; `Invalid` for one without a kind, `Unsupported` kinds. */
export async function openDevice(openers: Openers, named: unknown): Promise<Device> {
  if (typeof named !== "object" || named === null) {
    throw new MultisnapError("Invalid", `a device is named { file: path } or so, not ${named}`);
  }
  const kinds = Object.keys(openers).filter((kind) => Object.hasOwn(named, kind));
  if (kinds.length === 1) return await openers[kinds[0]!]!(named as NamedDevice);
  const given = Object.keys(named).join(", ").slice(0, 100) || "nothing";
  throw new MultisnapError(
    kinds.length > 1 ? "Invalid" : "Unsupported",
    `a device is named by one of ${Object.keys(openers).join(", ")} here, not by ${given}`,
  );
}
