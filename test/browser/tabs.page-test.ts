/** A volume that several connections have together, in a worker of a page. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectVolume, removeOpfs } from "../../src/browser.ts";
import { fails, pattern } from "../devices/conformance.ts";

let files = 0;
const fresh = () => `shared-${Date.now()}-${files++}.msnap`;
const script = new URL(`../script/${encodeURIComponent("src/browser-worker.ts")}`, location.href);
const content = pattern(10_000, 3);

function connect(store: string, worker: Worker | URL = script) {
  const create = { size: 2 ** 24 };
  return connectVolume({ store: { opfs: store }, tabs: true, create, worker });
}

async function remove(store: string): Promise<void> {
  await removeOpfs(store);
  await removeOpfs(`${store}.tabs`);
}

test("what one writes, the other reads; snapshots are known after a refresh", async () => {
  const store = fresh();
  const one = await connect(store);
  const other = await connect(`/${store}`);
  await one.origin.write(5000, content);
  const found = new Uint8Array(content.length);
  await other.origin.read(5000, found);
  assert.equal(found, content);
  await other.snapshot("kept");
  await one.refresh();
  await one.origin.write(5000, new Uint8Array(content.length));
  await one.get("kept").read(5000, found);
  assert.equal(found, content);
  await fails("Exists", () => one.snapshot("kept"));
  await one.close();
  await other.get("kept").read(5000, found);
  assert.equal(found, content);
  const { clean } = await other.check({ data: true });
  assert.ok(clean);
  await other.close();
  await remove(store);
});

test("a worker that is ended takes its own connection with it, and no other", async () => {
  const store = fresh();
  const worker = new Worker(script, { type: "module" });
  const first = await connect(store, worker);
  const next = await connect(store);
  await next.origin.write(0, content);
  worker.terminate();
  await fails("Io", () => first.origin.read(0, new Uint8Array(1)));
  const found = new Uint8Array(content.length);
  await next.origin.read(0, found);
  assert.equal(found, content, "though nobody flushed it");
  await next.close();
  await remove(store);
});

test("who does not share a store gets Busy", async () => {
  const store = fresh();
  const shared = await connect(store);
  const alone = { store: { opfs: store, waitMs: 100 }, worker: script };
  await fails("Busy", () => connectVolume(alone));
  await shared.close();
  const volume = await connectVolume(alone);
  await volume.close();
  await remove(store);
});

test("tabs share what has a name for all of them", async () => {
  await fails("Invalid", () =>
    connectVolume({ store: { memory: null }, tabs: true, create: { size: 2 ** 20 } }),
  );
});

test.run();
