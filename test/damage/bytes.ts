/** A device on bytes that a test damages and puts right again under it. */
import type { Device } from "../../src/devices/device.ts";
import { MultisnapError } from "../../src/errors.ts";

export function bytesDevice(bytes: Uint8Array): Device {
  const refuse = () => {
    throw new MultisnapError("ReadOnly", "the bytes of a test are read-only");
  };
  return {
    name: "bytes",
    readOnly: true,
    synchronous: true,
    growable: true,
    size: () => bytes.length,
    read(target, start, length, offset) {
      const end = Math.min(bytes.length, offset + length);
      const there = Math.max(0, end - offset);
      if (there > 0) target.set(bytes.subarray(offset, end), start);
      target.fill(0, start + there, start + length);
    },
    write: refuse,
    flush() {},
    resize: refuse,
    close() {},
  };
}
