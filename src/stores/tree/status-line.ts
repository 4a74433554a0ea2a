/**
 * The status line of the 2009 multisnapshot target: number of fields before the ids, error of the
 * store, id that the next snapshot gets, chunks of the store, chunks in use, chunks in use by
 * metadata, number of snapshots, their ids.
 */
import { isFull } from "../../errors.ts";
import type { StoreUsage } from "../store.ts";

/** Fields 2 to 6. */
const FIELDS = 5;
/** Linux's numbers, as the kernel printed them. */
const EIO = 5;
const ENOSPC = 28;

/** `next`: id of the next snapshot. */
export function statusLine(
  usage: StoreUsage,
  chunk: number,
  failure: Error | null,
  views: { next: number; ids: number[] },
): string {
  const chunks = (bytes: number) => Math.ceil(bytes / chunk);
  const metadata = chunks(usage.metadataBytes + usage.fixedBytes);
  return [
    FIELDS,
    errorNumber(failure),
    views.next,
    Math.floor((usage.maxBytes ?? usage.storeBytes) / chunk),
    chunks(usage.dataBytes) + metadata,
    metadata,
    views.ids.length,
    ...views.ids.toSorted((a, b) => a - b),
  ].join(" ");
}

function errorNumber(failure: Error | null): number {
  if (failure === null) return 0;
  return isFull(failure) ? -ENOSPC : -EIO;
}
