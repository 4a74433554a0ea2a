/**
 * preserveOnError false (2009's default): a full or broken store never stops the origin, and what
 * is left shows no snapshot that is wrong.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVolume } from "../../src/volume/open/open.ts";
import type { StoreKind, View } from "../../src/volume/types.ts";
import { type Fixture, type FixtureOptions, mustHold } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { type Call, Failing } from "../model/watched.ts";
import { CHUNK, CHUNKS, kinds, make } from "./giving.ts";

/** Of all views, wherever: the origin is right, every snapshot is lost. */
async function mustBeLost({ volume, model }: Fixture, snapshots: View[]): Promise<void> {
  await mustHold(volume.origin, 0, model.read(volume.origin.id, 0, CHUNKS * CHUNK));
  for (const snapshot of snapshots) {
    await expectCode("Corrupt", snapshot.read(0, new Uint8Array(10)));
    await expectCode("Corrupt", snapshot.write(0, new Uint8Array(10)));
    await expectCode("Corrupt", snapshot.trim(0, CHUNK));
  }
}

for (const kind of kinds) {
  const full = suite(`a full store gives its snapshots up: ${kind}`);
  const limits: [string, Partial<FixtureOptions>][] = [
    ["a device of fixed size", { storeSize: 3 * 2 ** 20 }],
    ["maxSize", { create: { maxSize: 3 * 2 ** 20 } }],
  ];
  for (const [limit, how] of limits) {
    full(`${limit}: the origin goes on, durably without them`, async () => {
      const random = new Random(1);
      const fixture = await make(kind, how);
      const { volume } = fixture;
      const lost = [await fixture.snapshot("a"), await fixture.snapshot("b")];
      assert.is(volume.status().givenUp, null);
      for (let at = 0; at < CHUNKS && volume.snapshots.length > 0; at += 8) {
        await fixture.write(volume.origin, at * CHUNK, random.bytes(8 * CHUNK));
      }
      assert.equal(volume.snapshots, [], "it became full");
      const { givenUp, dmStatus, error } = volume.status();
      assert.is(givenUp?.snapshots, 2);
      assert.match(givenUp?.reason ?? "", /full/);
      assert.match(dmStatus, /^5 -28 4 /);
      assert.is(error, null);
      assert.is(volume.readOnly, false);
      for (const snapshot of lost) {
        fixture.model.delete(snapshot.id);
        await expectCode("NotFound", snapshot.read(0, new Uint8Array(1)));
      }
      await fixture.verify();
      // What a crash now finds.
      const crashed = fixture.store.copy();
      assert.equal(await snapshotsOn(fixture, crashed), []);
      // The store is sound: it takes new snapshots.
      await volume.reclaimed();
      await fixture.snapshot("c");
      await fixture.write(volume.origin, 0, random.bytes(20 * CHUNK));
      await fixture.verify();
      await volume.close();
      await fixture.reopen();
      assert.is(fixture.volume.status().givenUp, null);
      await fixture.verify();
      await fixture.volume.close();
    });
  }

  full("not before all that was deleted has been reclaimed", async () => {
    const random = new Random(2);
    const fixture = await make(kind, { create: { maxSize: 5 * 2 ** 20 } });
    const { volume } = fixture;
    const old = await fixture.snapshot("old");
    await fixture.write(volume.origin, 0, random.bytes(700 * CHUNK));
    const kept = await fixture.snapshot("kept");
    await fixture.delete(old);
    // In one request, so that the reclaim in the background does not come first.
    await fixture.write(volume.origin, 0, random.bytes(700 * CHUNK));
    assert.is(volume.status().givenUp, null);
    assert.is(volume.snapshots[0]?.id, kept.id);
    await fixture.verify();
    await volume.close();
  });

  full("the default keeps them", async () => {
    const random = new Random(3);
    const fixture = await make(kind, {
      create: { maxSize: 3 * 2 ** 20 },
      options: { preserveOnError: true },
    });
    const { volume } = fixture;
    await fixture.snapshot("a");
    await expectCode("NoSpace", volume.origin.write(0, random.bytes(CHUNKS * CHUNK)));
    assert.is(volume.snapshots.length, 1);
    assert.is(volume.status().givenUp, null);
    await volume.close();
  });

  full("a full origin is not the store's doing", async () => {
    const failing = new Failing();
    const fixture = await make(kind, {
      wrap: (device, role) => (role === "under" ? failing.device(device) : device),
    });
    const { volume } = fixture;
    await fixture.snapshot("a");
    failing.fail("write", 1, 1);
    await expectCode("Io", volume.origin.write(0, new Uint8Array(CHUNK)));
    assert.is(volume.snapshots.length, 1);
    await fixture.verify();
    failing.fail("flush", 1, 1);
    await fixture.write(volume.origin, 0, new Uint8Array(CHUNK).fill(1));
    await expectCode("Io", volume.flush());
    await expectCode("ReadOnly", volume.origin.write(0, new Uint8Array(CHUNK)));
    assert.is(volume.status().givenUp, null);
    assert.is(volume.snapshots.length, 1);
    await expectCode("ReadOnly", volume.close());
  });
  full.run();

  const broken = suite(`a broken store is left behind: ${kind}`);
  for (const call of ["write", "flush"] as Call[]) {
    for (const nth of [1, 2, 3]) {
      broken(`${call} ${nth} fails once: the next open shows no snapshot`, () =>
        oneFailure(kind, call, nth),
      );
    }
  }

  // Of `write` the copy is what fails: to delete the snapshots is tried first, and fails as well.
  for (const call of ["flush", "write"] as const)
    broken(`one that cannot be written any more says so: ${call}`, () => noneToTell(call));

  async function noneToTell(call: Call): Promise<void> {
    const random = new Random(5);
    const failing = new Failing();
    const fixture = await make(kind, {
      wrap: (device, role) => (role === "store" ? failing.device(device) : device),
    });
    const { volume } = fixture;
    const lost = [await fixture.snapshot("a")];
    await fixture.write(volume.origin, 0, random.bytes(4 * CHUNK));
    failing.fail(call, 1);
    await fixture.write(volume.origin, 10 * CHUNK, random.bytes(4 * CHUNK));
    await fixture.write(volume.origin, 0, random.bytes(100 * CHUNK));
    await fixture.volume.origin.writeZeroes(50 * CHUNK, 9 * CHUNK);
    fixture.model.writeZeroes(volume.origin.id, 50 * CHUNK, 9 * CHUNK);
    await volume.flush();
    await mustBeLost(fixture, lost);
    const { givenUp, error, dmStatus } = volume.status();
    assert.match(error ?? "", /(flush|write) failed .* could not be told so .* make a new store/);
    assert.is(givenUp?.reason, error);
    assert.is(givenUp?.snapshots, 1);
    assert.match(dmStatus, /^5 -5 /);
    await expectCode("Corrupt", volume.snapshot("new"));
    await expectCode("Corrupt", volume.delete("a"));
    assert.is((await volume.check()).clean, false);
    await volume.close();
  }

  broken("before anybody writes to the origin, the snapshots are as they were", async () => {
    const random = new Random(6);
    const failing = new Failing();
    const fixture = await make(kind, {
      wrap: (device, role) => (role === "store" ? failing.device(device) : device),
    });
    const { volume } = fixture;
    const snapshot = await fixture.snapshot("a");
    await fixture.write(snapshot, 0, random.bytes(4 * CHUNK));
    await volume.flush();
    failing.fail("flush", 1, 1);
    await expectCode("Io", volume.snapshot("b"));
    await mustHold(snapshot, 0, fixture.model.read(snapshot.id, 0, CHUNKS * CHUNK));
    await expectCode("ReadOnly", snapshot.write(0, new Uint8Array(1)));
    assert.is(volume.status().givenUp, null);
    await expectCode("ReadOnly", volume.close());
    await fixture.reopen();
    assert.is(fixture.volume.snapshots[0]?.id, snapshot.id);
    await fixture.volume.close();
  });

  broken("metadata that cannot be read", async () => {
    const size = 100_000 * CHUNK;
    const [store, under, failing] = [new Image(), new Image(size), new Failing()];
    const options = { preserveOnError: false, cacheBytes: 2 ** 20 };
    const volume = await openVolume({
      ...options,
      store: failing.device(imageDevice(store)),
      origin: imageDevice(under, { fixed: true }),
      create: { kind },
    });
    const snapshot = await volume.snapshot("a");
    for (let at = 0; at < size; at += 2 * CHUNK) await snapshot.trim(at, CHUNK);
    failing.fail("read", 1);
    const bytes = new Uint8Array(CHUNK).fill(1);
    for (let at = 0; at < size; at += 2 ** 20) await volume.origin.write(at, bytes);
    assert.ok(failing.failed > 0);
    assert.is(volume.status().givenUp?.snapshots, 1);
    assert.equal(volume.snapshots, []);
    await volume.flush();
    const again = await openVolume({
      store: imageDevice(store.copy()),
      origin: imageDevice(under, { fixed: true }),
    });
    assert.equal(again.snapshots, []);
    await again.close();
    await volume.close().catch(() => {});
  });

  broken("with many requests in flight", async () => {
    const random = new Random(7);
    const failing = new Failing();
    const fixture = await make(kind, {
      wrap: (device, role) => (role === "store" ? failing.device(device) : device),
    });
    const { volume, model } = fixture;
    const lost = [await fixture.snapshot("a"), await fixture.snapshot("b")];
    failing.fail("write", 20, 1);
    const writes = Array.from({ length: 100 }, (_, i) => {
      const bytes = random.bytes(3 * CHUNK);
      model.write(volume.origin.id, i * 9 * CHUNK, bytes);
      return volume.origin.write(i * 9 * CHUNK, bytes);
    });
    await Promise.all(writes);
    await volume.flush();
    if (volume.status().error) await mustBeLost(fixture, lost);
    else assert.equal(volume.snapshots, []);
    await volume.close();
    assert.equal(await snapshotsOn(fixture, fixture.store), []);
  });
  broken.run();
}

async function oneFailure(kind: StoreKind, call: Call, nth: number): Promise<void> {
  const random = new Random(4);
  const failing = new Failing();
  const fixture = await make(kind, {
    wrap: (device, role) => (role === "store" ? failing.device(device) : device),
  });
  const { volume } = fixture;
  const lost = [await fixture.snapshot("a"), await fixture.snapshot("b")];
  await fixture.write(volume.origin, 0, random.bytes(20 * CHUNK));
  failing.fail(call, nth, 1);
  for (let i = 0; i < 30; i++) {
    const at = random.below(CHUNKS - 8) * CHUNK + random.pick([0, 100]);
    await fixture.write(volume.origin, at, random.bytes(random.pick([10, CHUNK, 7 * CHUNK])));
    if (i % 10 === 9) await volume.flush();
  }
  assert.is(failing.failed, 1);
  if (volume.status().error) {
    await mustBeLost(fixture, lost);
    assert.is(volume.status().givenUp?.snapshots, 2);
    assert.match(volume.status().dmStatus, /^5 -5 /);
  } else {
    // A copy of data failed; the metadata is sound.
    assert.is(volume.status().givenUp?.snapshots, 2);
    assert.equal(volume.snapshots, []);
  }
  await volume.close();
  assert.equal(await snapshotsOn(fixture, fixture.store), []);
}

/** What an open of these bytes shows. */
async function snapshotsOn(fixture: Fixture, store: Fixture["store"]): Promise<(string | null)[]> {
  const volume = await openVolume({
    store: imageDevice(store.copy()),
    origin: imageDevice(fixture.under.copy(), { fixed: true }),
  });
  const names = volume.snapshots.map(({ name }) => name);
  const { clean, problems } = await volume.check();
  assert.ok(clean, JSON.stringify(problems));
  await volume.close();
  return names;
}
