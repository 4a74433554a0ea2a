/**
 * A server in a process of its own, so that its memory and its end are its own: forked by
 * server-process.ts, with the store's and the socket's path.
 */
import { fileDevice } from "../../src/devices/file.ts";
import { serveNbd } from "../../src/nbd/server.ts";
import { openVolume } from "../../src/volume/open/open.ts";

const [store, socket] = process.argv.slice(2) as [string, string];
const volume = await openVolume({ store: await fileDevice(store) });
const server = await serveNbd(volume, { socket });
process.on("message", (question) => {
  if (question === "live") process.send?.(server.live());
  else void stop();
});
// Whoever started it has gone.
process.on("disconnect", () => process.exit(3));
process.send?.("ready");

async function stop(): Promise<void> {
  await server.close();
  await volume.close();
  process.exit(0);
}
