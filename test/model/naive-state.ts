/** The naive volume's state as its store has it: all of it, in one of two slots. */
import { createHash } from "node:crypto";
import { deserialize, serialize } from "node:v8";
import type { Device } from "../../src/devices/device.ts";
import { MultisnapError } from "../../src/errors.ts";
import { Model, type OriginMode, PAGE } from "./model.ts";
import type { Devices, VolumeOptions } from "./subjects.ts";

/** Bytes of a slot in a store that grows. */
const SLOT = 2 ** 28;
export const ORIGIN = 1;

export interface State {
  sequence: number;
  next: number;
  chunk: number;
  mode: OriginMode;
  views: Model["views"];
  snapshots: Model["snapshots"];
  sizes: Model["sizes"];
  marks: Model["marks"];
}

/** Bytes of each of the two slots. */
function slotBytes(device: Device): number {
  return device.growable ? SLOT : device.size() / 2;
}

async function load(device: Device, slot: number, trusting: boolean): Promise<State | null> {
  const head = new Uint8Array(24);
  const start = slotStart(device, slot);
  await device.read(head, 0, 24, start);
  const length = new DataView(head.buffer).getUint32(16, true);
  if (length === 0 || length > slotBytes(device) - 24) return null;
  const body = new Uint8Array(length);
  await device.read(body, 0, length, start + 24);
  const sum = createHash("md5").update(body).digest();
  if (!trusting && Buffer.compare(sum, head.subarray(0, 16)) !== 0) return null;
  return deserialize(body) as State;
}

/** The newer of the two; `trusting`: whatever their checksums say. */
export async function lastState(device: Device, trusting: boolean): Promise<State> {
  const [a, b] = [await load(device, 0, trusting), await load(device, 1, trusting)];
  const last = a && (!b || a.sequence > b.sequence) ? a : b;
  if (last) return last;
  throw new MultisnapError("Invalid", "the naive volume: no state in the store");
}

export async function newState(devices: Devices, create: NonNullable<VolumeOptions["create"]>) {
  const mode: OriginMode = devices.origin ? "attached" : devices.base ? "base" : "inline";
  const under = devices.origin ?? devices.base;
  const size = create.size ?? under?.size() ?? 0;
  const image = new Uint8Array(Math.min(size, under?.size() ?? 0, 2 ** 24));
  await under?.read(image, 0, image.length, 0);
  const model = new Model(ORIGIN, size, create.chunk ?? PAGE, mode, image);
  const { views, snapshots, sizes, marks, chunk } = model;
  return { sequence: 0, next: ORIGIN + 1, chunk, mode, views, snapshots, sizes, marks };
}

/** The bytes of a slot. */
export function pack(state: State): Uint8Array {
  const body = serialize(state);
  const bytes = new Uint8Array(24 + body.length);
  bytes.set(createHash("md5").update(body).digest());
  new DataView(bytes.buffer).setUint32(16, body.length, true);
  bytes.set(body, 24);
  return bytes;
}

/** Where the state of that number goes: over the older one. */
export function slotStart(device: Device, sequence: number): number {
  return (sequence % 2) * slotBytes(device);
}
