/** message, merge and cloneFrom through the socket: as on the volume that is served. */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../src/devices/file.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { readAll } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Random } from "../model/prng.ts";
import { closeAll, connect, fresh, type Served, served, serveFile } from "./served.ts";

const MIB = 2 ** 20;

/** A COW device in a file, on an origin in another. */
async function serveCow(random: Random): Promise<Served> {
  const [store, under] = [fresh("disk.cow"), fresh("origin")];
  fs.writeFileSync(under, random.bytes(MIB));
  const volume = await openVolume({
    store: await fileDevice(store),
    origin: await fileDevice(under),
    create: { kind: "persistent" },
  });
  return served(volume, store);
}

test("message: the new snapshot is known at once, the deleted one no more", async () => {
  const { volume, store, close } = await serveFile();
  const remote = await connect(store);
  assert.is(await remote.message("create"), 2);
  assert.is(await remote.message("create_subsnap 2"), 3);
  assert.is(remote.get("3").parent, 2);
  assert.equal(
    remote.snapshots.map(({ name }) => name),
    volume.snapshots.map(({ name }) => name),
  );
  assert.is(await volume.message("create"), 4);
  // It has not heard of that one, and can delete it all the same.
  assert.not(remote.has("4"));
  assert.is(await remote.message("delete 4"), 4);
  assert.is(await remote.message("delete 2"), 2);
  assert.not(remote.has("2"));
  assert.is(remote.status().snapshots, 1);
  assert.match(remote.status().dmStatus, /^5 0 5 .* 1 3$/);
  for (const text of ["", "create 1", "delete 1", "delete x", "create_subsnap 4294967295"]) {
    await expectCode("Invalid", remote.message(text));
  }
  await expectCode("NotFound", remote.message("delete 2"));
  await expectCode("Unsupported", remote.merge());
  await remote.close();
  await close();
});

test("cloneFrom: what the other view has, without its bytes passing the socket", async () => {
  const { volume, store, close } = await serveFile({ size: 8 * MIB });
  const random = new Random(1);
  const [one, two] = [await volume.snapshot("one"), await volume.snapshot("two")];
  await one.write(0, random.bytes(MIB));
  const remote = await connect(store);
  await remote.get("two").cloneFrom(remote.get("one"), 0, 2 * MIB);
  assert.equal(await readAll(two), await readAll(one));
  assert.is(remote.usage().dataBytes, MIB);
  await remote.origin.cloneFrom(remote.get("two"), 4096, 4096);
  const [bytes, expected] = [new Uint8Array(4096), new Uint8Array(4096)];
  await volume.origin.read(4096, bytes);
  await one.read(4096, expected);
  assert.equal(bytes, expected);
  await expectCode("Invalid", remote.origin.cloneFrom(remote.get("two"), 1, 4096));
  await expectCode("Invalid", remote.origin.cloneFrom(remote.get("two"), 0, 9 * MIB));
  await expectCode("Invalid", remote.origin.cloneFrom(two, 0, 4096));
  await volume.delete(two);
  await expectCode("NotFound", remote.origin.cloneFrom(remote.get("two"), 0, 4096));
  await remote.close();
  await close();
});

test("merge: progress, and no snapshot afterwards", async () => {
  const random = new Random(2);
  const { volume, store, close } = await serveCow(random);
  const remote = await connect(store);
  const snapshot = remote.get("cow");
  await snapshot.write(100_000, random.bytes(300_000));
  const expected = await readAll(snapshot);
  const steps: [number, number][] = [];
  await remote.merge({ progress: (done, total) => steps.push([done, total]) });
  assert.equal(await readAll(remote.origin), expected);
  assert.ok(steps.length > 0);
  assert.ok(steps.every(([done, total]) => done <= total));
  assert.equal(remote.snapshots, []);
  assert.equal(volume.snapshots, []);
  assert.is(remote.status().snapshots, 0);
  await expectCode("NotFound", snapshot.read(0, new Uint8Array(1)));
  await remote.close();
  await close();
});

test("merge: a client that takes it back, and one that goes", async () => {
  const random = new Random(3);
  const { store, close } = await serveCow(random);
  const remote = await connect(store);
  const snapshot = remote.get("cow");
  await snapshot.write(0, random.bytes(MIB));
  const expected = await readAll(snapshot);
  const control = new AbortController();
  const { signal } = control;
  const merging = remote.merge({ signal, progress: () => control.abort() });
  await merging.catch(() => {});
  await remote.refresh();
  // It was ended in the middle, or was faster.
  if (remote.snapshots.length > 0) {
    assert.equal(await readAll(remote.get("cow")), expected);
    await remote.merge();
  }
  assert.equal(await readAll(remote.origin), expected);
  await remote.close();
  await close();
});

test.after(closeAll);
test.run();
