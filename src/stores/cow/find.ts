/** Recognises a COW device: all of its kind that is looked at on every device. */
import type { Device } from "../../devices/device.ts";
import { settle, type Task } from "../../task.ts";
import { HEADER_BYTES, readHeader } from "./format.ts";

/** Bytes of a chunk of the COW device; null where there is none. Errors: see `readHeader`. */
export function* findCow(device: Device): Task<number | null> {
  const head = new Uint8Array(HEADER_BYTES);
  yield* settle(device.read(head, 0, head.length, 0));
  return readHeader(head, device.name, device.size());
}
