/** What a browser's storage gives an origin, and whether it may take it back. */
import type { Quota } from "./device.ts";

/** Asks the browser: about a third of a millisecond. Null where it does not tell. */
export async function askQuota(): Promise<Quota | null> {
  const storage = globalThis.navigator?.storage;
  if (!storage?.estimate) return null;
  try {
    const [{ quota = 0, usage = 0 }, persistent] = await Promise.all([
      storage.estimate(),
      storage.persisted?.() ?? false,
    ]);
    return { available: Math.max(0, quota - usage), used: usage, persistent };
  } catch {
    return null;
  }
}

/**
 * Asks the browser to keep the storage of this origin until its user removes it, instead of until
 * it runs out of room; answers whether it will. To be called in a page: workers cannot ask.
 * Chromium decides on its own, Firefox asks the user.
 */
export async function requestPersistence(): Promise<boolean> {
  // The types are those of a worker, which lacks it.
  const storage: (StorageManager & { persist?(): Promise<boolean> }) | undefined =
    globalThis.navigator?.storage;
  if (!storage) return false;
  if (await storage.persisted?.()) return true;
  return (await storage.persist?.()) ?? false;
}
