/** The base image of a volume: a file, or what a web server has under a URL. */
import path from "node:path";
import type { Device } from "../devices/device.ts";
import { fileDevice } from "../devices/file.ts";
import { isHttpUrl } from "../devices/http/version.ts";
import type { HttpDevice } from "../devices/http.ts";

export async function openBase(base: string): Promise<Device> {
  if (!isHttpUrl(base)) return fileDevice(base, { create: false, readOnly: true });
  const { httpDevice } = await import("../devices/http.ts");
  return httpDevice(base);
}

/**
 * What a store remembers of its base: an absolute path, or the URL with the version that is there
 * now, so that another one is refused.
 */
export function remembered(base: string, device: Device): string {
  return isHttpUrl(base) ? (device as HttpDevice).pinned : path.resolve(base);
}

/** Whether two URLs are of one image: whatever their queries say, and their versions. */
export function isSameUrl(a: string, b: string): boolean {
  if (!URL.canParse(a) || !URL.canParse(b)) return false;
  const [one, other] = [new URL(a), new URL(b)];
  return one.origin === other.origin && one.pathname === other.pathname;
}
