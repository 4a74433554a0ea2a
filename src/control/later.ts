/** The client for who seldom finds a server: loaded with the first one. */
import type { RemoteVolume } from "../connect/remote-volume.ts";
import { findSocket } from "./place.ts";

/** Its docstring is at its home, client.ts. */
export async function connectControl(store: string): Promise<RemoteVolume | null> {
  if (findSocket(store) === null) return null;
  const { connectControl } = await import("./client.ts");
  return connectControl(store);
}
