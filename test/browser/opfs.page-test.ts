/** The OPFS device under the conformance suite of all devices; then what only it has. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import {
  memoryDevice,
  openVolume,
  opfsDevice,
  removeOpfs,
  requestPersistence,
} from "../../src/browser.ts";
import { turn } from "../../src/task.ts";
import { deviceConformance, fails, pattern, readOnlyConformance } from "../devices/conformance.ts";

let files = 0;
const fresh = () => `device-${Date.now()}-${files++}`;

deviceConformance("OPFS", async () => {
  const file = fresh();
  return { device: await opfsDevice(file), size: 0, remove: () => removeOpfs(file) };
});
const content = pattern(100_000, 9);
readOnlyConformance("OPFS for reading", content, async () => {
  const file = fresh();
  const device = await opfsDevice(file);
  await device.write(content, 0, content.length, 0);
  await device.close();
  const size = content.length;
  return {
    device: await opfsDevice(file, { readOnly: true }),
    size,
    remove: () => removeOpfs(file),
  };
});

test("paths that cannot be opened say why", async () => {
  await fails("NotFound", () => opfsDevice(fresh(), { create: false }));
  await fails("NotFound", () => opfsDevice(fresh(), { readOnly: true }));
  await fails("NotFound", () => opfsDevice(`${fresh()}/in/nowhere`, { create: false }));
  for (const path of ["", "/", "a//b", ".", "a/../b", "a/.", "a/", "a\0b"]) {
    await fails("Invalid", () => opfsDevice(path));
    await fails("Invalid", () => removeOpfs(path));
  }
  await fails("Invalid", () => opfsDevice({} as FileSystemFileHandle));
  await fails("Invalid", () => opfsDevice(null as unknown as string));
  await fails("NotFound", () => removeOpfs(fresh()));
});

test("directories of the path are made", async () => {
  const folder = fresh();
  const device = await opfsDevice(`/${folder}/in/deep.msnap`);
  await fails("Invalid", () => opfsDevice(`${folder}/in`));
  await fails("Invalid", () => opfsDevice(`${folder}/in/deep.msnap/more`));
  await device.close();
  const again = await opfsDevice(`${folder}/in/deep.msnap`, { create: false });
  await again.close();
  await removeOpfs(`${folder}/in/deep.msnap`);
  await fails("NotFound", () => opfsDevice(`${folder}/in/deep.msnap`, { create: false }));
});

test("exclusive makes a new file or none", async () => {
  const file = fresh();
  const device = await opfsDevice(file, { exclusive: true });
  await fails("Exists", () => opfsDevice(file, { exclusive: true }));
  await device.close();
  await removeOpfs(file);
});

test("a handle of a file does as well as a path", async () => {
  const file = fresh();
  const root = await navigator.storage.getDirectory();
  const device = await opfsDevice(await root.getFileHandle(file, { create: true }));
  assert.is(device.name, file);
  await device.write(content, 0, content.length, 0);
  await device.close();
  const again = await opfsDevice(file);
  assert.is(again.size(), content.length);
  await again.close();
  await removeOpfs(file);
});

test("a second opener is Busy, and an open file is not removed", async () => {
  const file = fresh();
  const first = await opfsDevice(file);
  const before = performance.now();
  await fails("Busy", () => opfsDevice(file, { waitMs: 0 }));
  assert.ok(performance.now() - before < 200, "Busy comes at once");
  await fails("Busy", () => opfsDevice(file));
  assert.ok(performance.now() - before < 2000, "Busy comes soon");
  await fails("Busy", () => opfsDevice(file, { readOnly: true }));
  await fails("Invalid", () => opfsDevice(file, { waitMs: -1 }));
  await fails("Invalid", () => opfsDevice(file, { waitMs: Number.NaN }));
  await fails("Busy", () => removeOpfs(file));
  await first.close();
  const next = await opfsDevice(file);
  await next.close();
  await removeOpfs(file);
});

test("an opener that finds the file closed a moment later gets it", async () => {
  const file = fresh();
  const first = await opfsDevice(file);
  setTimeout(() => first.close(), 100);
  const next = await opfsDevice(file);
  await next.close();
  await removeOpfs(file);
});

test("quota: what the browser would still give goes down with what is written", async () => {
  const file = fresh();
  const device = await opfsDevice(file);
  const before = device.quota?.();
  assert.ok(before && before.available > 2 ** 23 && before.used >= 0, JSON.stringify(before));
  assert.is(before.persistent, false);
  await device.write(pattern(2 ** 22, 1), 0, 2 ** 22, 0);
  const after = device.quota?.();
  assert.is(after?.available, before.available - 2 ** 22);
  assert.is(after?.used, before.used + 2 ** 22);
  await device.flush();
  await new Promise((resolve) => setTimeout(resolve, 100));
  assert.ok((device.quota?.()?.used ?? 0) >= 2 ** 22, "asked again after a flush");
  await device.close();
  await removeOpfs(file);
});

test("usage tells what the browser would give, of memory nothing", async () => {
  const file = fresh();
  const create = { size: 2 ** 24 };
  const volume = await openVolume({ store: await opfsDevice(file), create });
  const before = volume.usage().quota;
  await volume.origin.write(0, pattern(2 ** 23, 1));
  await volume.flush();
  const after = volume.usage().quota;
  assert.ok(before && after && after.used - before.used >= 2 ** 23, JSON.stringify(after));
  assert.ok(after.available < before.available);
  await volume.close();
  await removeOpfs(file);
  const inMemory = await openVolume({ store: memoryDevice(), create });
  assert.is(inMemory.usage().quota, null);
  await inMemory.close();
});

test("a turn is not clamped as timers are", async () => {
  const order: number[] = [];
  await Promise.all([1, 2, 3].map((index) => turn().then(() => order.push(index))));
  assert.equal(order, [1, 2, 3]);
  const begun = performance.now();
  for (let i = 0; i < 200; i++) await turn();
  const ms = performance.now() - begun;
  assert.ok(ms < 400, `200 turns in ${ms} ms`);
});

test("persistence is asked for in a page: a worker gets what is so already", async () => {
  assert.is(await requestPersistence(), false);
});

test.run();
