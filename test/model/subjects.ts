/** What the suites run over: each way to get a volume, under its name. */
import type { Device } from "../../src/devices/device.ts";
import type { Capabilities } from "../../src/stores/store.ts";
import type { OpenOptions, StoreKind, Volume } from "../../src/volume/types.ts";
import type { Medium } from "./media.ts";
import type { Model, OriginMode } from "./model.ts";

export interface Devices {
  store: Device;
  origin?: Device;
  base?: Device;
  /** Of further stores on the same origin. */
  others?: Device[];
}

export type VolumeOptions = Omit<OpenOptions, keyof Devices>;
export type Opener = (devices: Devices, options: VolumeOptions) => Promise<Volume>;

/** Whether views of a volume of this kind are rolled back. */
export function rollsBack(can: Capabilities, _mode: OriginMode, _isOrigin: boolean): boolean {
  return !can.fixed;
}

/** Whether what is rolled back can be kept. */
export function keepsWhatWas({ ofSnapshots }: Capabilities, isOrigin: boolean): boolean {
  return ofSnapshots || isOrigin;
}

export interface Subject {
  name: string;
  kind: StoreKind;
  capabilities: Capabilities;
  /** Several of its stores can be attached to one origin. */
  joins: boolean;
  /** In another thread or process: no answer comes at once, and synchronous calls may not work. */
  remote?: { synchronous: boolean };
  open: Opener;
}

/** Whether its stores can be made with checksums. */
export function canHaveSums(kind: StoreKind): boolean {
  return kind === "range" || kind === "bitmap";
}

/** The media of one volume: its store, its attached origin or its base. */
export interface Media {
  store: Medium;
  under?: Medium;
  /** Of further stores on the same origin. */
  others?: Medium[];
}

/** Opens the devices of `media`, then the volume on them. */
export async function openOn(
  open: Opener,
  mode: OriginMode,
  media: Media,
  options: VolumeOptions,
): Promise<Volume> {
  const devices: Devices = { store: await media.store.open() };
  if (mode === "attached") devices.origin = await media.under?.open();
  if (mode === "base") devices.base = await media.under?.open({ readOnly: true });
  if (media.others) devices.others = await Promise.all(media.others.map((other) => other.open()));
  return await open(devices, options);
}

/** What opens a volume that was closed: a store that is gone at close is made again. */
export function againOptions({ crash }: Capabilities, options: VolumeOptions): VolumeOptions {
  const { create: _, ...others } = options;
  return crash === "lost" ? options : others;
}

/** The snapshot that is there from the beginning, in the kinds that have one. */
export const FIXED = { id: 2, name: "cow" } as const;

/** Gives the model of a new volume what such a volume has; `others`: stores beside its own. */
export function begin(model: Model, { fixed }: Capabilities, others = 0): void {
  if (fixed) model.snapshot(model.origin, FIXED.id, FIXED.name);
  for (let i = 1; i <= others; i++) {
    model.snapshot(model.origin, FIXED.id + i, `${FIXED.name}${i + 1}`);
  }
}

/** The same for a volume that was closed and is open again. */
export function beginAgain(model: Model, capabilities: Capabilities): void {
  if (!capabilities.fixed) return;
  if (capabilities.crash === "lost") model.delete(FIXED.id);
  if (!model.snapshots.has(FIXED.id)) begin(model, capabilities);
}
