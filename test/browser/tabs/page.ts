/**
 * A tab under load: connects to the volume that all tabs have, does random steps as the server's
 * oracle lets it, and measures how long a read takes meanwhile.
 */
import { connectVolume } from "../../../src/browser.ts";
import { contentOf, load } from "../../connect/tabs/load.ts";
import type { Step } from "../../connect/tabs/oracle.ts";
import { Random } from "../../model/prng.ts";

const parameters = JSON.parse(new URL(import.meta.url).searchParams.get("load")!);
const { channel, store, tab, blocks, seed, lanes, flushes, names, verifies } = parameters;

async function say(message: object): Promise<{ ok: boolean; dead?: boolean; stop?: boolean }> {
  const body = JSON.stringify({ tab, ...message });
  const reply = await fetch(`../say/${channel}`, { method: "POST", body });
  return await reply.json();
}

const prng = new Random(seed);
const random = () => prng.below(2 ** 30) / 2 ** 30;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
let stopped = false;

/** A read at a time; the longest since the last report, in milliseconds. */
async function ping(read: () => Promise<void>): Promise<void> {
  while (!stopped) {
    const start = performance.now();
    await read();
    const ms = performance.now() - start;
    if (ms > 100) await say({ what: "stall", ms });
    await pause(10);
  }
}

try {
  // As long as it is held, this tab lives: the others can tell the server.
  await new Promise((held) =>
    navigator.locks.request(`test ${channel} tab ${tab}`, () => {
      held(null);
      return new Promise(() => {});
    }),
  );
  const volume = await connectVolume({
    store: { opfs: store },
    create: { size: blocks * 4096 },
    tabs: { unflushedBytes: 2 ** 20 },
    worker: new URL(`../script/${encodeURIComponent("src/browser-worker.ts")}`, location.href),
  });
  await say({ what: "connected", isolated: globalThis.crossOriginIsolated });
  if (verifies) {
    const content = await contentOf(volume, blocks);
    await volume.close();
    await say({ what: "content", content });
  } else {
    const tell = async (step: Step) => {
      const reply = await say({ what: "step", step });
      if (reply.stop || reply.dead) stopped = true;
      return reply;
    };
    const pinged = ping(() => volume.origin.read(0, new Uint8Array(4096)));
    await load(volume, { tab, blocks, random, tell, lanes, flushes, names });
    stopped = true;
    await pinged;
    await volume.close();
    await say({ what: "closed" });
  }
} catch (error) {
  stopped = true;
  await say({ what: "failed", error: String((error as Error).stack) });
}
