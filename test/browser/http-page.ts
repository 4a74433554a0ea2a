/** In a page: a volume in memory on an image that a web server elsewhere has. */
import { httpDevice, memoryDevice, openVolume } from "../../src/browser.ts";

const parameters = new URL(import.meta.url).searchParams;
const say = (message: unknown) =>
  fetch(`../say/${parameters.get("channel")}`, { method: "POST", body: JSON.stringify(message) });

try {
  const base = await httpDevice(parameters.get("image") as string);
  const volume = await openVolume({ store: memoryDevice(), base, create: {}, cacheBytes: 2 ** 20 });
  const bytes = new Uint8Array(200_000);
  await volume.origin.write(150_000, new Uint8Array(1000).fill(7));
  await volume.origin.read(100_000, bytes);
  const sum = bytes.reduce((sum, byte, i) => (sum + byte * (i % 251)) % 2 ** 31, 0);
  await volume.close();
  await say({ sum, size: volume.origin.size, traffic: base.traffic() });
} catch (error) {
  await say({ error: `${error}\n${(error as Error).stack}` });
}
