/** The real range store, on devices that stand between it and the simulated ones, and do wrong. */
import type { Device, Later } from "../../src/devices/device.ts";
import { subjects } from "../model/openers.ts";
import type { Subject } from "../model/subjects.ts";

export type Carelessness =
  | "flushes of the store do nothing"
  | "every second flush of the store does nothing"
  | "the attached origin is never flushed"
  | "failed flushes are tried again"
  | "failed writes are passed over";

export function careless(way: Carelessness): Subject {
  const subject = subjects.find(({ kind }) => kind === "range") as Subject;
  return {
    ...subject,
    open: (devices, options) => {
      const { store, origin } = devices;
      const wrapped = { ...devices, store: wrap(store, way, true) };
      return subject.open(
        { ...wrapped, ...(origin && { origin: wrap(origin, way, false) }) },
        options,
      );
    },
  };
}

function wrap(device: Device, way: Carelessness, isStore: boolean): Device {
  let flushes = 0;
  return {
    name: device.name,
    readOnly: device.readOnly,
    synchronous: device.synchronous,
    growable: device.growable,
    size: () => device.size(),
    read: (target, start, length, offset) => device.read(target, start, length, offset),
    write: (source, start, length, offset) => {
      const write = () => device.write(source, start, length, offset);
      return way === "failed writes are passed over" ? orElse(write, () => {}) : write();
    },
    flush: () => {
      flushes++;
      if (way === "flushes of the store do nothing" && isStore) return;
      if (way === "every second flush of the store does nothing" && isStore && flushes % 2) return;
      if (way === "the attached origin is never flushed" && !isStore) return;
      const flush = () => device.flush();
      return way === "failed flushes are tried again" ? orElse(flush, flush) : flush();
    },
    resize: (bytes) => device.resize(bytes),
    close: () => device.close(),
  };
}

function orElse(call: () => Later, instead: () => Later): Later {
  try {
    const later = call();
    return later instanceof Promise ? later.catch(instead) : later;
  } catch {
    return instead();
  }
}
