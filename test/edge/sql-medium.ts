/** In workerd, files are devices over the storage of the Durable Object that the tests run in. */
import { type SqlStorage, sqlDevice } from "../../src/devices/sql.ts";
import type { Medium } from "../model/media.ts";

let storage: SqlStorage | null = null;
let made = 0;

/** The object that the tests run in. */
export function useStorage(given: SqlStorage): void {
  storage = given;
}

/** A name that no device had before. */
export function newName(): string {
  return `test-${made++}`;
}

export function testStorage(): SqlStorage {
  if (storage === null) throw new Error("there is no storage yet");
  return storage;
}

/** Rows are there only where something was written. */
export const fileBytesMax = Number.POSITIVE_INFINITY;

/** Synchronous, as files are: what answers flushes later is like the late medium. */
export const fileMedium: (() => Medium) | null = () => {
  const name = newName();
  const open = () => sqlDevice(testStorage(), { name, flush: "gate" });
  return {
    kind: "file",
    open: async () => open(),
    discard() {
      try {
        const device = open();
        device.resize(0);
        device.close();
      } catch {
        // A test that failed has it open still.
      }
    },
  };
};
