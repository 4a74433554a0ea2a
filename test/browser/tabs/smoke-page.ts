import { connectVolume } from "../../../src/browser.ts";

const parameters = new URL(import.meta.url).searchParams;
const say = (message: object) =>
  fetch(`../say/${parameters.get("channel")}`, { method: "POST", body: JSON.stringify(message) });
const id = parameters.get("id");
try {
  const volume = await connectVolume({
    store: { opfs: "smoke.msnap" },
    tabs: true,
    create: { size: 2 ** 24 },
    worker: new URL(`../script/${encodeURIComponent("src/browser-worker.ts")}`, location.href),
  });
  await say({ id, connected: performance.now() });
  const bytes = new Uint8Array(4096);
  for (let i = 0; ; i++) {
    const start = performance.now();
    if (i % 50 === 49) await volume.flush();
    else if (i % 2) await volume.origin.write((i % 64) * 4096, bytes.fill(i));
    else await volume.origin.read((i % 64) * 4096, bytes);
    const ms = performance.now() - start;
    if (i % 500 === 0 || ms > 50) await say({ id, i, ms });
  }
} catch (error) {
  await say({ id, error: String((error as Error).stack) });
}
