/**
 * Which version of an image a server has: the ETag or the date by which it is pinned, so that no
 * read mixes the bytes of two versions. A version can be written behind the URL, as its fragment,
 * which no server sees: `https://host/disk.raw#etag=%22abc%22`.
 */
import { MultisnapError } from "../../errors.ts";
import type { HttpPin } from "./options.ts";

export interface Version {
  pin: "etag" | "last-modified";
  value: string;
}

/** The URL to ask, what to call it, and the version that it has to be, if it says one. */
export interface Address {
  url: string;
  /** Without what may be secret: user, password, query. */
  name: string;
  pin: HttpPin;
  version: Version | null;
}

/** Whether a text that may be a path is meant as a URL. */
export function isHttpUrl(text: string): boolean {
  return /^https?:\/\//i.test(text);
}

export function parseAddress(given: string | URL, asked: HttpPin | undefined): Address {
  let url: URL;
  try {
    url = new URL(given);
  } catch (cause) {
    throw new MultisnapError("Invalid", `${given} is not a URL`, { cause });
  }
  const name = `${url.origin}${url.pathname}`;
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new MultisnapError("Invalid", `${given}: must begin with https:// or http://`);
  }
  if (url.username !== "" || url.password !== "") {
    const instead = "give them as headers: { authorization: ... }";
    throw new MultisnapError("Invalid", `${name}: user and password are not sent; ${instead}`);
  }
  const version = versionOf(url.hash);
  if (version && asked !== undefined && asked !== version.pin) {
    throw new MultisnapError("Invalid", `${name}: pin ${asked}, but the URL says ${version.pin}`);
  }
  url.hash = "";
  return { url: url.href, name, pin: version?.pin ?? asked ?? "etag", version };
}

function versionOf(hash: string): Version | null {
  const found = /^#(etag|last-modified)=(.+)$/.exec(hash);
  if (!found) return null;
  try {
    return { pin: found[1] as Version["pin"], value: decodeURIComponent(found[2] as string) };
  } catch (cause) {
    throw new MultisnapError("Invalid", `${hash} names no version of an image`, { cause });
  }
}

/** The URL with the version behind it: opened again, it is the same bytes or an error. */
export function withVersion(url: string, version: Version | null): string {
  return version ? `${url}#${version.pin}=${encodeURIComponent(version.value)}` : url;
}

/** What has to be in a request, so that another version is not answered with its bytes. */
export function conditionOf(version: Version | null): Record<string, string> {
  if (!version) return {};
  if (version.pin === "etag") return { "if-match": version.value };
  return { "if-unmodified-since": version.value };
}

/** The version that an answer names. Errors: `Unsupported` where that cannot be relied on. */
export function firstVersion(name: string, pin: HttpPin, headers: Headers): Version | null {
  if (pin === false) return null;
  const value = headers.get(pin);
  const strong = value !== null && !(pin === "etag" && value.startsWith("W/"));
  if (strong) return { pin, value };
  const found = value === null ? `names no ${pin}` : `names only a weak ETag, ${value}`;
  const instead = pin === "etag" ? 'pin: "last-modified", or ' : "";
  throw new MultisnapError(
    "Unsupported",
    `${name}: its server ${found}, so nobody would see that the image has changed (to a page, ` +
      `the server must expose ETag and Content-Range); give ${instead}pin: false if it never does`,
  );
}

/** `Corrupt` unless the answer is of this version. */
export function demandVersion(name: string, version: Version | null, headers: Headers): void {
  if (!version) return;
  const found = headers.get(version.pin);
  if (found !== version.value) throw changed(name, version, found);
}

export function changed(
  name: string,
  version: Version | null,
  found: string | null,
): MultisnapError {
  const was = version ? `${version.pin} ${version.value}` : "its size";
  const now = found === null ? "" : `, now ${found}`;
  return new MultisnapError(
    "Corrupt",
    `the image at ${name} has changed since it was first read (${was}${now}): what was made on ` +
      "it needs the old bytes; put them back, or under another URL",
  );
}
