/**
 * What threads of one origin have in common, whichever tab they are in: locks, channels, and a few
 * bytes that outlive a thread.
 */

export interface Locks {
  /**
   * Takes a lock when all who asked before have given it back; answers how to give it back. It goes
   * back by itself where the thread ends, however that comes. Fails when `signal` is aborted.
   */
  take(name: string, options?: { signal?: AbortSignal; shared?: boolean }): Promise<() => void>;
  /** Names of the locks that are held now, by anybody. */
  held(): Promise<string[]>;
}

/** What one posts, all others of that name hear, in the order of posting. */
export interface Channel {
  post(message: unknown): void;
  listen(take: (message: unknown) => void): void;
  close(): void;
}

/** A few bytes that outlive the thread that wrote them, though not a loss of power. */
export interface Mark {
  /** Empty where nothing was written. */
  read(): Uint8Array;
  write(bytes: Uint8Array): void;
  close(): void;
}

export interface Neighbours {
  locks: Locks;
  channel(name: string): Channel;
  /** The one that belongs to a store. `Busy`: another thread has it open. */
  mark(store: string): Promise<Mark>;
}

/** Web Locks. */
export function webLocks(locks: LockManager): Locks {
  return {
    take: (name, { signal, shared = false } = {}) =>
      new Promise((resolve, reject) => {
        const mode = shared ? "shared" : "exclusive";
        const held = () => new Promise<void>((release) => resolve(release));
        locks.request(name, { mode, ...(signal && { signal }) }, held).catch(reject);
      }),
    async held() {
      const { held = [] } = await locks.query();
      return held.map(({ name = "" }) => name);
    },
  };
}

/** A `BroadcastChannel`. */
export function broadcast(name: string): Channel {
  const channel = new BroadcastChannel(name);
  return {
    post: (message) => channel.postMessage(message),
    listen: (take) => channel.addEventListener("message", ({ data }) => take(data)),
    close: () => channel.close(),
  };
}
