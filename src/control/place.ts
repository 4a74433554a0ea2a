/**
 * Where the control socket of a store is: beside the store's real path, so that every way to the
 * store leads to the same socket. Where its name would be too long for a socket, the store's inode
 * names it.
 */
import fs from "node:fs";
import path from "node:path";
import { openError } from "../devices/errno.ts";
import { NAME_BYTES_MAX } from "../sockets/address.ts";

const SUFFIX = ".control";

export interface Place {
  /** Of the socket. */
  path: string;
  /** User id of the store's owner. */
  owner: number;
}

/** Errors: `NotFound` and others of finding the store. */
export function controlPlace(store: string): Place {
  try {
    const real = fs.realpathSync(store);
    const { ino, uid } = fs.statSync(real);
    const usual = path.basename(real) + SUFFIX;
    const name = Buffer.byteLength(usual) <= NAME_BYTES_MAX ? usual : `inode-${ino}${SUFFIX}`;
    return { path: path.join(path.dirname(real), name), owner: uid };
  } catch (cause) {
    throw openError(store, "looking for its control socket", cause);
  }
}

/** A socket beside the store, and whose it is: null where nobody can be serving the store. */
export function findSocket(store: string): (Place & { uid: number }) | null {
  let place: Place;
  try {
    place = controlPlace(store);
  } catch {
    // A store that cannot be found is not served; who opens it can say why.
    return null;
  }
  const found = lookAt(place);
  return found?.isSocket() ? { ...place, uid: found.uid } : null;
}

/** What lies at the place; null where nothing does. */
function lookAt(place: Place): fs.Stats | null {
  try {
    return fs.lstatSync(place.path, { throwIfNoEntry: false }) ?? null;
  } catch (cause) {
    throw openError(place.path, "looking for the control socket", cause);
  }
}
