/** An error of a device or of damaged bytes, named after the request that met it. */
import { type ErrorCode, MultisnapError } from "../../errors.ts";
import type { DiskView } from "../view.ts";

/** Of what is stored: the caller wants to know whose bytes it costs. */
const NAMED: ErrorCode[] = ["Io", "Corrupt"];

export type Doing = "reading" | "writing" | "zeroing" | "trimming";

/** Bytes `offset` .. of a view: `reading bytes 4096..8191 of @monday: disk.msnap: ...`. */
export function requestError(
  error: unknown,
  doing: Doing,
  view: DiskView,
  offset: number,
  length: number,
): unknown {
  if (!(error instanceof MultisnapError) || !NAMED.includes(error.code)) return error;
  const request = `${doing} bytes ${offset}..${offset + length - 1} of ${labelOf(view)}`;
  return new MultisnapError(error.code, `${request}: ${error.message}`, {
    cause: error,
    retryable: error.retryable,
  });
}

function labelOf(view: DiskView): string {
  if (view.isOrigin) return "the origin";
  const record = view.core.store.view(view.id);
  return record ? `@${record.name}` : `the deleted snapshot ${view.id}`;
}
