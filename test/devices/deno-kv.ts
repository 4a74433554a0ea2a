/** Runs in Deno: a volume in its key-value store. Arguments: the file, and which life it is. */
import { keyValueDevice } from "../../examples/kv-device.ts";
import { openVolume } from "../../src/index.ts";

interface Kv {
  get(key: string[]): Promise<{ value: Uint8Array<ArrayBuffer> | null }>;
  set(key: string[], value: Uint8Array): Promise<unknown>;
  close(): void;
}
declare const Deno: { args: string[]; openKv(path?: string): Promise<Kv> };

const [file, life] = Deno.args;
const kv = await Deno.openKv(file);
const keys = {
  get: async (key: string) => (await kv.get(["disk", key])).value ?? undefined,
  set: (key: string, bytes: Uint8Array) => kv.set(["disk", key], bytes),
};
const store = keyValueDevice(keys, 2 ** 30);
const volume = await openVolume({ store, ...(life === "1" && { create: { size: 2 ** 20 } }) });
const bytes = new Uint8Array(5000);
if (life === "1") {
  await volume.origin.write(1000, bytes.fill(7));
  await volume.snapshot("before");
  await volume.origin.write(1000, bytes.fill(8));
}
await volume.get("before").read(1000, bytes);
const before = bytes.every((byte) => byte === 7);
await volume.origin.read(1000, bytes);
const now = bytes.every((byte) => byte === 8);
const { clean } = await volume.check({ data: true });
console.log(`life ${life}: ${before && now && clean ? "clean" : "wrong"}`);
await volume.close();
kv.close();
