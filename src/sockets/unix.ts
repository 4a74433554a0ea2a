/**
 * Unix sockets as servers want them: mode 0600 from their first instant, in the place of one that a
 * dead server left, never in that of a live one.
 */
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { errorCode, openError } from "../devices/errno.ts";
import { MultisnapError } from "../errors.ts";
import { type Address, addressOf } from "./address.ts";

/** The umask that leaves read and write to the owner, and nothing to others. */
const OWNER_ONLY = 0o177;
/** Clients that come at once; one more than are waiting is told EAGAIN. */
const BACKLOG = 4096;

/**
 * Makes `server` listen there. Answers what closes it and takes the socket away. Errors: `Busy` (a
 * server lives there), `Exists` (what is there is no socket), `Unsupported` (too long a path),
 * `NotFound`, `Io`.
 */
export async function listenUnix(server: net.Server, file: string): Promise<() => void> {
  // Where the folder is missing, bind would speak of permissions.
  if (!fs.existsSync(path.dirname(file))) {
    throw new MultisnapError("NotFound", `${file}: there is no such folder`);
  }
  const address = addressOf(file);
  try {
    if (!(await bind(server, address, file))) {
      await refuseLive(address, file);
      fs.rmSync(file, { force: true });
      if (!(await bind(server, address, file))) throw busy(file);
    }
  } catch (error) {
    address.release();
    throw error;
  }
  return () => {
    // The socket goes with the server: libuv removes the name that it bound.
    server.close();
    address.release();
  };
}

/** False where something is in the way. */
function bind(server: net.Server, address: Address, file: string): Promise<boolean> {
  return new Promise((resolve, reject) => {
    const failed = (cause: unknown) => {
      server.off("listening", listening);
      if (errorCode(cause) === "EADDRINUSE") resolve(false);
      else reject(openError(file, "making a socket", cause));
    };
    const listening = () => {
      server.off("error", failed);
      resolve(true);
    };
    server.once("error", failed).once("listening", listening);
    // listen() binds before it returns, and nothing else runs meanwhile: no chmod, no window.
    const before = process.umask(OWNER_ONLY);
    try {
      server.listen({ path: address.text, exclusive: true, backlog: BACKLOG });
    } finally {
      process.umask(before);
    }
  });
}

async function refuseLive(address: Address, file: string): Promise<void> {
  const found = fs.lstatSync(file, { throwIfNoEntry: false });
  if (found && !found.isSocket()) {
    throw new MultisnapError("Exists", `${file}: is there and is no socket; move it away`);
  }
  const socket = await dial(address.text).catch((cause) => {
    if (!isNobody(cause)) throw openError(file, "looking for another server", cause);
  });
  if (!socket) return;
  socket.destroy();
  throw busy(file);
}

function busy(file: string): MultisnapError {
  return new MultisnapError("Busy", `${file}: another process serves there`);
}

/** A connection, made; its errors after that are its user's. */
export function dial(address: string): Promise<net.Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path: address });
    socket.once("error", reject);
    socket.once("connect", () => {
      socket.off("error", reject);
      resolve(socket);
    });
  });
}

/** Whether a failure to connect says that nobody listens. */
export function isNobody(cause: unknown): boolean {
  return ["ECONNREFUSED", "ENOENT", "ENOTSOCK"].includes(errorCode(cause));
}
