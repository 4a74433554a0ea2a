/**
 * The status line of the 2009 multisnapshot target, as `dmsetup status` printed it: number of
 * fields before the ids, error, id reserved for the next snapshot, chunks of the store, chunks in
 * use, chunks in use by metadata, number of snapshots, their ids.
 */
import type { Status } from "../volume/types.ts";

/** Fields 2 to 6. */
const FIELDS = 5;
/** Linux's numbers, as the kernel printed them. */
const EIO = 5;
const ENOSPC = 28;

export function statusLine(status: Status, ids: number[]): string {
  const chunks = (bytes: number) => Math.ceil(bytes / status.chunk);
  const metadata = chunks(status.metadataBytes + status.fixedBytes);
  return [
    FIELDS,
    errorNumber(status.error),
    "-",
    Math.floor((status.maxBytes ?? status.storeBytes) / status.chunk),
    chunks(status.dataBytes) + metadata,
    metadata,
    ids.length,
    ...ids.toSorted((a, b) => a - b),
  ].join(" ");
}

function errorNumber(error: string | null): number {
  if (error === null) return 0;
  return /NoSpace|no space/i.test(error) ? -ENOSPC : -EIO;
}
