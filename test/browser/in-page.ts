/** In a page itself, where files have no synchronous calls: what can be done, and what is said. */
import {
  type MultisnapError,
  memoryDevice,
  openVolume,
  opfsDevice,
  removeOpfs,
  requestPersistence,
} from "../../src/browser.ts";

const parameters = new URL(import.meta.url).searchParams;

async function refusal(work: Promise<unknown>): Promise<string> {
  return work.then(
    () => "done",
    ({ code, message }: MultisnapError) => `${code}: ${message}`,
  );
}

async function findings() {
  const volume = await openVolume({ store: memoryDevice(), create: { size: 2 ** 20 } });
  const bytes = new Uint8Array(5000).fill(7);
  await volume.origin.write(100, bytes);
  await volume.snapshot("s");
  await volume.origin.write(0, new Uint8Array(8192));
  await volume.get("s").read(100, bytes.fill(0));
  await volume.close();
  const root = await navigator.storage.getDirectory();
  await root.getFileHandle("in-page", { create: true });
  // Firefox asks its user, who is not there.
  const asks = parameters.get("persist") === "true";
  return {
    inMemory: bytes.every((byte) => byte === 7),
    device: await refusal(opfsDevice("in-page")),
    removed: await refusal(removeOpfs("in-page")),
    again: await refusal(removeOpfs("in-page")),
    persistent: asks ? await requestPersistence() : false,
  };
}

const said = await findings().catch((error) => ({ error: `${error}\n${error?.stack}` }));
await fetch(`../say/${parameters.get("channel")}`, { method: "POST", body: JSON.stringify(said) });
