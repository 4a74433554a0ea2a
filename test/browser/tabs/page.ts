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
const own = `test ${channel} tab ${tab}`;

async function say(message: object): Promise<{ ok: boolean; dead?: boolean; stop?: boolean }> {
  const body = JSON.stringify({ tab, ...message });
  const reply = await fetch(`../say/${channel}`, { method: "POST", body });
  return await reply.json();
}

const prng = new Random(seed);
const random = () => prng.below(2 ** 30) / 2 ** 30;
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
let stopped = false;

/** A read at a time; now and then it is told how long they take, and whether the files are here. */
async function ping(read: () => Promise<void>): Promise<void> {
  let [longest, told] = [0, performance.now()];
  while (!stopped) {
    const start = performance.now();
    await read();
    const now = performance.now();
    longest = Math.max(longest, now - start);
    if (now - told > 250) {
      void say({ what: "pinged", longest, owns: await owns() });
      [longest, told] = [0, now];
    }
    await pause(10);
  }
}

/** Its worker holds the lock of the owner: as the session does that the page waits for. */
async function owns(): Promise<boolean> {
  const { held = [], pending = [] } = await navigator.locks.query();
  const page = held.find(({ name }) => name === own)?.clientId;
  const session = pending.find((one) => one.clientId === page && one.name!.includes(" session "));
  const worker = held.find(({ name }) => name === session?.name)?.clientId;
  const owner = held.find(({ name }) => name!.endsWith(" owner"))?.clientId;
  return worker !== undefined && worker === owner;
}

try {
  await new Promise((held) =>
    navigator.locks.request(own, () => {
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
