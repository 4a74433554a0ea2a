/** Finds out whether a process serves a store, and connects to it. */
import type net from "node:net";
import type { Head } from "../connect/message.ts";
import { RemoteVolume } from "../connect/remote-volume.ts";
import { openError } from "../devices/errno.ts";
import { MultisnapError } from "../errors.ts";
import { addressOf } from "../sockets/address.ts";
import { dial, isNobody } from "../sockets/unix.ts";
import { GREETING_MS_MAX } from "./layout.ts";
import { findSocket, type Place } from "./place.ts";
import { SocketLink } from "./session.ts";

/**
 * The volume on `store` as the process that serves it has it open; null where nobody does.
 *
 * Errors: `Busy` (somebody serves it and does not answer), `Unsupported` (a server that speaks
 * other versions), `Invalid` (a socket that is not to be trusted), `Io`.
 */
export async function connectControl(store: string): Promise<RemoteVolume | null> {
  const place = findSocket(store);
  if (place === null) return null;
  refuseStrangers(place, place.uid);
  const socket = await connect(place);
  if (socket === null) return null;
  const link = new SocketLink(socket);
  try {
    const welcome = await inTime(link.greet(), place);
    const volume = new RemoteVolume(link.session, filesOf(welcome));
    await volume.refresh();
    return volume;
  } catch (error) {
    await link.close();
    // It went between our coming and its answer: as if nobody had been there.
    if (!(error instanceof MultisnapError) || ["Closed", "Io"].includes(error.code)) return null;
    throw error;
  }
}

async function connect(place: Place): Promise<net.Socket | null> {
  const address = addressOf(place.path);
  try {
    return await dial(address.text);
  } catch (cause) {
    if (isNobody(cause)) return null;
    throw openError(place.path, "connecting to the server of the store", cause);
  } finally {
    address.release();
  }
}

/** In a folder that others may write to, anybody could put a socket and be given our data. */
function refuseStrangers(place: Place, uid: number): void {
  const trusted = [0, place.owner, process.geteuid?.() ?? uid];
  if (trusted.includes(uid)) return;
  throw new MultisnapError(
    "Invalid",
    `${place.path}: belongs to user ${uid}, who is not the owner of the store; remove it`,
  );
}

async function inTime(greeting: Promise<Head>, place: Place): Promise<Head> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(silent(place)), GREETING_MS_MAX);
  });
  try {
    return await Promise.race([greeting, late]);
  } finally {
    clearTimeout(timer);
  }
}

function silent(place: Place): MultisnapError {
  return new MultisnapError(
    "Busy",
    `${place.path}: the process that serves the store does not answer; try again later`,
  );
}

function filesOf({ files }: Head): string[] {
  return Array.isArray(files) ? files.filter((file) => typeof file === "string") : [];
}
