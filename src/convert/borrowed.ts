/** Devices that a volume works on for a while and does not own: closing it leaves them open. */
import type { Device, Later } from "../devices/device.ts";
import { MultisnapError } from "../errors.ts";
import type { View } from "../volume/types.ts";

/** `device`, which stays open. */
export function borrowed(device: Device): Device {
  return {
    name: device.name,
    readOnly: device.readOnly,
    synchronous: device.synchronous,
    growable: device.growable,
    size: () => device.size(),
    read: (...transfer) => device.read(...transfer),
    write: (...transfer) => device.write(...transfer),
    flush: () => device.flush(),
    resize: (bytes) => device.resize(bytes),
    close: () => {},
  };
}

/**
 * A view as the attached origin of another volume, none of whose writes reach it. `readOnly`: what
 * it says of itself, as a volume that takes writes wants an origin that does.
 */
export function viewDevice(view: View, readOnly: boolean): Device {
  const refuse = (): never => {
    throw new MultisnapError("ReadOnly", `${view.name ?? "the origin"} is only read here`);
  };
  return {
    name: view.name ?? "the origin",
    readOnly,
    synchronous: false,
    growable: false,
    size: () => view.size,
    read: (target, start, length, offset) => readView(view, target, start, length, offset),
    write: refuse,
    flush: () => {},
    resize: refuse,
    close: () => {},
  };
}

/** Bytes past the end read as zeros. */
function readView(
  view: View,
  target: Uint8Array,
  start: number,
  length: number,
  offset: number,
): Later {
  const bytes = Math.max(0, Math.min(length, view.size - offset));
  target.fill(0, start + bytes, start + length);
  return bytes === 0 ? undefined : view.startRead(offset, target.subarray(start, start + bytes));
}
