/** A tab with a shared volume that tells, ten times a second, what it reads and how many
 * wait for their turn. */
import { connectVolume } from "../../../src/browser.ts";

const parameters = new URL(import.meta.url).searchParams;
const channel = parameters.get("channel");
const store = parameters.get("store")!;

async function say(message: object): Promise<{ write?: number }> {
  const reply = await fetch(`../say/${channel}`, { method: "POST", body: JSON.stringify(message) });
  return await reply.json();
}

try {
  const volume = await connectVolume({
    store: { opfs: store },
    create: { size: 2 ** 20 },
    tabs: true,
    worker: new URL(`../script/${encodeURIComponent("src/browser-worker.ts")}`, location.href),
  });
  const bytes = new Uint8Array(4);
  for (;;) {
    await volume.origin.read(0, bytes);
    const { pending = [] } = await navigator.locks.query();
    const waiting = pending.filter(({ name }) => name!.endsWith(" turn")).length;
    const { write } = await say({ found: bytes[0], waiting });
    if (write !== undefined) {
      await volume.origin.write(0, bytes.fill(write));
      // Its tab goes with it later.
      await volume.flush();
      await say({ wrote: write });
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
} catch (error) {
  await say({ error: String((error as Error).stack) });
}
