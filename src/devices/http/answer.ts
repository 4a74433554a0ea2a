/** Judges the answer to a request for a range: whose bytes they are, or what is wrong. */
import { MultisnapError } from "../../errors.ts";
import { changed, demandVersion, type Version } from "./version.ts";

export interface Range {
  offset: number;
  length: number;
}

/** A longer `Retry-After` is not waited for. */
const RETRY_AFTER_MAX = 30_000;
/** Answers that say: not now. */
const LATER: ReadonlySet<number> = new Set([408, 425, 429, 500, 502, 503, 504]);

/** What a server said about how much there is: bytes from `first` to `last`, of `size`. */
export interface ContentRange {
  first: number;
  last: number;
  /** null: it does not say. */
  size: number | null;
}

/** Of a `content-range` header; null where it is none that can be used. */
export function parseContentRange(text: string | null): ContentRange | null {
  const found = /^bytes (?:(\d+)-(\d+)|\*)\/(\d+|\*)$/i.exec(text?.trim() ?? "");
  if (!found) return null;
  const [first, last] = found[1] === undefined ? [0, -1] : [Number(found[1]), Number(found[2])];
  const size = found[3] === "*" ? null : Number(found[3]);
  const exact = [first, last, size ?? 0].every(Number.isSafeInteger);
  const inside = size === null || last < size;
  return exact && inside && (last === -1 || last >= first) ? { first, last, size } : null;
}

/** What a status other than 206 means. `opening`: nothing was read before. */
export function statusError(name: string, { status }: Response, opening: boolean): MultisnapError {
  const gone = status === 404 || status === 410;
  if (gone && opening) return new MultisnapError("NotFound", `${name}: no such image (${status})`);
  const words = gone
    ? "is gone"
    : status === 401 || status === 403
      ? "may not be read without other credentials"
      : "cannot be read";
  const retryable = LATER.has(status);
  return new MultisnapError("Io", `${name}: ${words}: it is answered with ${status}`, {
    retryable,
  });
}

/**
 * Errors unless `response` brings bytes from the beginning of `range`, of the version and the size
 * that were there first. Fewer than were asked for are allowed.
 */
export function demandRange(
  name: string,
  response: Response,
  range: Range,
  version: Version | null,
  size: number,
): void {
  const { status, headers } = response;
  if (status === 412) throw changed(name, version, null);
  if (status === 200) {
    demandVersion(name, version, headers);
    throw bad(name, "a range was asked for, and all of the image came");
  }
  const said = parseContentRange(headers.get("content-range"));
  if (status === 416) {
    throw said?.size === size
      ? bad(name, `bytes that are there were refused (416)`)
      : changed(name, version, said === null ? null : `${said.size} bytes`);
  }
  if (status !== 206) throw statusError(name, response, false);
  demandVersion(name, version, headers);
  demandPlain(name, headers);
  const { offset, length } = range;
  if (said === null || said.first !== offset || said.last >= offset + length) {
    const found = headers.get("content-range") ?? headers.get("content-type") ?? "nothing";
    throw bad(name, `bytes ${offset}-${offset + length - 1} were asked for, ${found} came`);
  }
  if (said.size !== null && said.size !== size) {
    throw changed(name, version, `${said.size} bytes instead of ${size}`);
  }
}

/** Ranges of a compressed image are ranges of something else. */
export function demandPlain(name: string, headers: Headers): void {
  const coding = headers.get("content-encoding");
  if (coding === null || coding === "" || coding === "identity") return;
  const found = `its server compresses it (content-encoding ${coding})`;
  throw new MultisnapError("Unsupported", `${name}: ${found}: it must be served as it is`);
}

/** An answer that a server or something on the way should not have given; another may be right. */
export function bad(name: string, found: string): MultisnapError {
  return new MultisnapError("Io", `${name}: ${found}`, { retryable: true });
}

/** Milliseconds that the server wants to be left alone. `now`: milliseconds since 1970. */
export function retryAfter(headers: Headers, now: number): number {
  const text = headers.get("retry-after") ?? "";
  const wanted = /^\d+$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(wanted) ? Math.min(Math.max(wanted, 0), RETRY_AFTER_MAX) : 0;
}
