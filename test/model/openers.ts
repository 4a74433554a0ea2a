/** The table of subjects: whatever is listed here goes through every suite. */
import { openVolume } from "../../src/volume/open.ts";
import type { Subject } from "./subjects.ts";

export const subjects: readonly Subject[] = [
  {
    name: "range",
    kind: "range",
    open: (devices, options) => openVolume({ ...options, ...devices }),
  },
];
