/**
 * The table of subjects: whatever is listed here goes through every suite. `KIND=bitmap` leaves
 * only that kind.
 */
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import type { StoreKind } from "../../src/stores/store.ts";
import { openVolume } from "../../src/volume/open.ts";
import type { Subject } from "./subjects.ts";

const kinds = (Object.keys(CAPABILITIES) as StoreKind[]).filter(
  (kind) => kind === (process.env.KIND ?? kind),
);

export const subjects: readonly Subject[] = kinds.map((kind) => ({
  name: kind,
  kind,
  capabilities: CAPABILITIES[kind],
  joins: kind === "persistent",
  open: (devices, { create, ...options }) =>
    openVolume({ ...options, ...devices, ...(create && { create: { kind, ...create } }) }),
}));
