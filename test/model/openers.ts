/**
 * The table of subjects: whatever is listed here goes through every suite. `KIND=bitmap` leaves
 * only that kind; with `SUMS=1` all stores that can have checksums have them.
 */
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import type { StoreKind } from "../../src/stores/store.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { canHaveSums, type Subject } from "./subjects.ts";

const kinds = (Object.keys(CAPABILITIES) as StoreKind[]).filter(
  (kind) => kind === (process.env.KIND ?? kind),
);

function subjectOf(kind: StoreKind, checksums: boolean): Subject {
  return {
    name: checksums ? `${kind} with checksums` : kind,
    kind,
    capabilities: CAPABILITIES[kind],
    joins: kind === "persistent",
    open: (devices, { create, ...options }) => {
      const made = create && { create: { kind, checksums, ...create } };
      return openVolume({ ...options, ...devices, ...made });
    },
  };
}

const isSummed = process.env.SUMS === "1";

export const subjects: readonly Subject[] = kinds.map((kind) =>
  subjectOf(kind, isSummed && canHaveSums(kind)),
);

/** The same with checksums, for suites that are worth it. */
export const summed: readonly Subject[] = kinds
  .filter(canHaveSums)
  .map((kind) => subjectOf(kind, true));
