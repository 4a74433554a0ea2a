/** Sends a whole conversation, in one of several ways, and hears the server out. */
import net from "node:net";
import type { Random } from "../../model/prng.ts";

/** Against hangs: a server has ended a conversation by then, whatever else it does. */
const HANG_MS = 120_000;

/** Everything that the server said; null where we did not listen to the end. */
export async function converse(path: string, sent: Buffer, random: Random): Promise<Buffer | null> {
  const how = random.below(10);
  if (how === 0) return vanish(path, sent.subarray(0, random.below(sent.length + 1)));
  const socket = net.connect({ path, allowHalfOpen: true });
  const said = hear(socket);
  if (how < 3) await sendInPieces(socket, sent, random);
  else socket.write(sent);
  socket.end();
  return said;
}

function hear(socket: net.Socket): Promise<Buffer> {
  const parts: Buffer[] = [];
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new Error("the server does not end the conversation"));
      socket.destroy();
    }, HANG_MS);
    socket.on("data", (bytes) => parts.push(bytes));
    // The server may end it first: then what we send fails.
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.syscall === "connect") reject(new Error(`no server: ${error.message}`));
    });
    socket.on("close", () => {
      clearTimeout(late);
      resolve(Buffer.concat(parts));
    });
  });
}

async function sendInPieces(socket: net.Socket, sent: Buffer, random: Random): Promise<void> {
  const cuts = Array.from({ length: random.between(1, 5) }, () => random.below(sent.length + 1));
  let from = 0;
  for (const cut of cuts.sort((a, b) => a - b)) {
    if (!socket.writable) return;
    socket.write(sent.subarray(from, cut));
    from = cut;
    await new Promise((resolve) => setImmediate(resolve));
  }
  if (socket.writable) socket.write(sent.subarray(from));
}

function vanish(path: string, sent: Buffer): Promise<null> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ path });
    socket.on("error", (error: NodeJS.ErrnoException) => {
      if (error.syscall === "connect") reject(new Error(`no server: ${error.message}`));
    });
    socket.on("connect", () => socket.write(sent, () => socket.destroy()));
    socket.on("close", () => resolve(null));
  });
}
