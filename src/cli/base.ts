/** The base image of a volume: a file, or what a web server has under a URL. */
import path from "node:path";
import type { Device } from "../devices/device.ts";
import { fileDevice } from "../devices/file.ts";
import { type HttpDevice, httpDevice, isHttpUrl } from "../devices/http.ts";

export async function openBase(base: string): Promise<Device> {
  return isHttpUrl(base) ? httpDevice(base) : fileDevice(base, { create: false, readOnly: true });
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
