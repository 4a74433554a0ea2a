// What a page of a user's does: bundled in several ways by bundles.test.ts, and run in a browser.
import { memoryDevice, openVolume, useEngine } from "multisnap";

/** Where its engine is, or null: beside the code. */
const wasm = new URL("engine.wasm", new URL(globalThis.ELSEWHERE ?? "./", location.href));
const bytes = async () => new Uint8Array(await (await fetch(wasm)).arrayBuffer());

const sources = {
  beside: () => null,
  url: () => wasm,
  bytes,
  buffer: async () => (await bytes()).buffer,
  module: async () => WebAssembly.compile(await bytes()),
};

async function story(source) {
  const given = await sources[source]();
  if (given) useEngine(given);
  const volume = await openVolume({ store: memoryDevice(), create: { size: 2 ** 20 } });
  const { origin } = volume;
  await origin.write(4096, new Uint8Array(8192).fill(1));
  const snapshot = await origin.snapshot("before");
  await origin.write(8192, new Uint8Array(4096).fill(2));
  const found = new Uint8Array(12288);
  await snapshot.read(4096, found.subarray(0, 8192));
  await origin.read(8192, found.subarray(8192));
  const { problems } = await volume.check();
  await volume.close();
  return { source, found: [found[0], found[8191], found[8192]], problems: problems.length };
}

async function tell() {
  const source = new URLSearchParams(location.search).get("source") ?? "beside";
  try {
    return await story(source);
  } catch (error) {
    return { source, error: String(error?.stack ?? error) };
  }
}

await fetch("/done", { method: "POST", body: JSON.stringify(await tell()) });
