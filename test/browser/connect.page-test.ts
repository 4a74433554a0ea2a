/**
 * The conformance suite over volumes on OPFS in workers of their own: through rings where the page
 * is isolated, through messages where it is not.
 */
import { connectVolume } from "../../src/browser.ts";
import type { Volume } from "../../src/volume/types.ts";
import { placesOf } from "../conformance/place.ts";
import { conformance } from "../conformance/view.ts";
import { subjects } from "../model/openers.ts";
import type { Devices, Subject, VolumeOptions } from "../model/subjects.ts";

/** The server bundles it under this name. */
const worker = new URL(encodeURIComponent("src/browser-worker.ts"), import.meta.url);
const shared = globalThis.crossOriginIsolated;

/** The files of `devices`, which are closed here and opened there. */
async function open(
  { kind }: Subject,
  { store, origin, base, others = [] }: Devices,
  { create, env: _, ...options }: VolumeOptions,
): Promise<Volume> {
  const all = [store, origin, base, ...others].filter((device) => device !== undefined);
  for (const device of all) await device.close();
  return await connectVolume({
    ...options,
    ...(create && { create: { kind, ...create } }),
    store: { opfs: store.name },
    ...(origin && { origin: { opfs: origin.name } }),
    ...(base && { base: { opfs: base.name } }),
    ...(others.length > 0 && { others: others.map(({ name }) => ({ opfs: name })) }),
    shared,
    worker,
  });
}

for (const subject of subjects) {
  const remote: Subject = {
    ...subject,
    name: `${subject.name}, in a worker`,
    remote: { synchronous: shared },
    open: (devices, options) => open(subject, devices, options),
  };
  const files = placesOf(subject.capabilities).filter(({ medium }) => medium === "file");
  for (const place of files) conformance(remote, place).run();
}
