/** What the stores of the old dm-snapshot target can do, and what they promise. */
import type { Capabilities } from "../store.ts";

export const PERSISTENT: Capabilities = {
  origins: ["attached"],
  snapshots: 1,
  fixed: true,
  writable: true,
  ofSnapshots: false,
  delete: false,
  merge: true,
  trim: false,
  crash: "consistent",
  whenFull: "invalid",
  chunk: [512, 2 ** 20],
};

export const TRANSIENT: Capabilities = {
  ...PERSISTENT,
  merge: false,
  crash: "lost",
};
