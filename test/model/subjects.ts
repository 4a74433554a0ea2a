/** What the suites run over: each way to get a volume, under its name. */
import type { Device } from "../../src/devices/device.ts";
import type { OpenOptions, StoreKind, Volume } from "../../src/volume/types.ts";
import type { Medium } from "./media.ts";
import type { OriginMode } from "./model.ts";

export interface Devices {
  store: Device;
  origin?: Device;
  base?: Device;
}

export type VolumeOptions = Omit<OpenOptions, keyof Devices>;
export type Opener = (devices: Devices, options: VolumeOptions) => Promise<Volume>;

export interface Subject {
  name: string;
  kind: StoreKind;
  open: Opener;
}

/** The media of one volume: its store, and its attached origin or its base. */
export interface Media {
  store: Medium;
  under?: Medium;
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
  return await open(devices, options);
}
