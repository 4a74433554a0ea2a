/** A few bytes in a file of the origin private file system, each write straight to the browser. */
import type { Mark, Neighbours } from "./neighbours.ts";
import { broadcast, webLocks } from "./neighbours.ts";
import { deviceError } from "./opfs-error.ts";
import { openOpfs } from "./opfs-file.ts";

const MARK_BYTES_MAX = 4096;

/** Null where this thread has no locks or no channels. */
export function originNeighbours(): Neighbours | null {
  const { locks } = globalThis.navigator ?? {};
  if (!locks || typeof BroadcastChannel !== "function") return null;
  return {
    locks: webLocks(locks),
    channel: broadcast,
    mark: (store) => openMark(`${store}.tabs`),
  };
}

async function openMark(path: string): Promise<Mark> {
  const { handle } = await openOpfs(path, {
    create: true,
    exclusive: false,
    readOnly: false,
    waitMs: 0,
  });
  const doing = <T>(what: string, call: () => T): T => {
    try {
      return call();
    } catch (cause) {
      throw deviceError(path, what, cause);
    }
  };
  return {
    read: () =>
      doing("reading", () => {
        const bytes = new Uint8Array(MARK_BYTES_MAX);
        return bytes.slice(0, handle.read(bytes, { at: 0 }));
      }),
    write: (bytes) =>
      doing("writing", () => {
        const done = handle.write(bytes as Uint8Array<ArrayBuffer>, { at: 0 });
        if (done !== bytes.length) throw new DOMException("no room", "QuotaExceededError");
      }),
    close: () => handle.close(),
  };
}
