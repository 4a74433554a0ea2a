/**
 * What a connection receives from. Node can receive into buffers that we name, but offers that for
 * outgoing connections only; so an accepted socket's handle moves to a new socket that is made with
 * `onread`. Half the system calls, and no 64 KiB of garbage for each of them: 1.3 to 2 times the
 * requests. Elsewhere (TLS, other runtimes) bytes come in buffers of their own.
 */
import type { Buffer } from "node:buffer";
import net from "node:net";
import type { Intake } from "./intake.ts";

interface Handle {
  useUserBuffer?: unknown;
  reading?: boolean;
}
interface Internals {
  _handle?: Handle | null;
}

/** Bytes are in the intake; false: receive no more before `resume` of the socket. */
export type Received = () => boolean;

/**
 * The socket to go on with, which receives into `intake` from the next turn on. `isPlain`: bytes
 * come from the kernel as they are.
 */
export function receiveInto(
  socket: net.Socket,
  isPlain: boolean,
  intake: Intake,
  received: Received,
): net.Socket {
  const internals = socket as Internals;
  const handle = internals._handle;
  if (isPlain && handle && typeof handle.useUserBuffer === "function" && !("Bun" in globalThis)) {
    internals._handle = null;
    socket.destroy();
    return new net.Socket({
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: () => intake.room(),
        callback: (count: number) => {
          intake.received(count);
          return received();
        },
      },
    } as unknown as net.SocketConstructorOpts);
  }
  socket.on("data", (bytes: Buffer) => {
    intake.offer(bytes);
    if (!received()) socket.pause();
  });
  return socket;
}
