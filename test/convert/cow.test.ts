/** Old dm-snapshots into a store, and snapshots out of it, byte for byte. */
import { createHash } from "node:crypto";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { exportCow } from "../../src/convert/export-cow.ts";
import { importCows } from "../../src/convert/import-cow.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { StoreKind, View, Volume } from "../../src/volume/types.ts";
import { craftCow, differing, noise, place } from "../cow/craft.ts";
import { damages, soundCow } from "../cow/damage.ts";
import { readCow, view as viewOf } from "../cow/format.ts";
import { kernelCows, originHash, snapshotHash } from "../cow/kernel.ts";
import { same } from "../model/explain.ts";
import { mustBeClean, mustHold, readAll } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";

/** A new store on an origin that holds `origin`. */
function attach(
  origin: Uint8Array,
  chunk = 4096,
  kind: StoreKind = "range",
  store = new Image(),
): Promise<Volume> {
  return openVolume({
    store: imageDevice(store),
    origin: imageDevice(Image.of(origin), { fixed: true, name: "origin" }),
    create: { kind, chunk },
    cacheBytes: 2 ** 20,
  });
}

function sources(cows: readonly Uint8Array[], names: readonly string[] = []) {
  return cows.map((cow, index) => ({
    name: names[index] ?? `cow${index}`,
    open: async () => imageDevice(Image.of(cow), { fixed: true, readOnly: true, name: "a COW" }),
  }));
}

/** The snapshot as a device of `readCow`'s, as short as it may be. */
async function exported(volume: Volume, view: View, chunk: number): Promise<Uint8Array> {
  const image = new Image();
  await exportCow(volume, view, imageDevice(image), { chunk });
  const bytes = new Uint8Array(image.size);
  image.read(bytes, 0, bytes.length, 0);
  return bytes;
}

function hash(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/** Copies of `origin` with some bytes of some chunks changed. */
function changed(origin: Uint8Array, count: number, random: Random): Uint8Array {
  const snapshot = origin.slice();
  for (let i = 0; i < count; i++) {
    const at = random.below(origin.length - 600);
    snapshot.set(random.bytes(random.pick([1, 512, 600])), at);
  }
  return snapshot;
}

const importing = suite("import-cow");

importing("a kernel's devices give the kernel's views, and share what is the same", async () => {
  const [one, two] = kernelCows();
  if (!one || !two) throw new Error("there are two");
  for (const kind of ["range", "bitmap"] as const) {
    const volume = await attach(one.origin, 4096, kind);
    const views = await importCows(volume, sources([one.cow, two.cow]));
    assert.equal(
      volume.snapshots.map(({ name }) => name),
      ["cow0", "cow1"],
    );
    assert.is(hash(await readAll(volume.origin)), originHash);
    for (const view of views) assert.is(hash(await readAll(view)), snapshotHash);
    const chunks = differing(one.origin, await readAll(views[0] as View), 4096);
    const snapshot = await readAll(views[0] as View);
    const zeros = chunks.filter((at) =>
      snapshot.subarray(at * 4096, at * 4096 + 4096).every((byte) => byte === 0),
    );
    // Both show the same, and each chunk is there once.
    assert.is(volume.usage().dataBytes, (chunks.length - zeros.length) * 4096);
    await mustBeClean(volume);
    await volume.close();
  }
});

for (const chunk of [4096, 16384, 2 ** 20]) {
  importing(`any COW chunks into chunks of ${chunk}`, async () => {
    const random = new Random(chunk);
    const origin = noise(3 * 2 ** 20 + 512 * 7, random);
    const snapshots = [10, 300, 1].map((count) => changed(origin, count, random));
    const cows = snapshots.map((snapshot, index) => {
      const cowChunk = [512, 8192, 65536][index] as number;
      const old = differing(origin, snapshot, cowChunk);
      // Chunks that are mapped and have the origin's bytes all the same.
      const more = [...new Set([...old, 0, 3, 7])].sort((a, b) => b - a);
      const exceptions = place(more, cowChunk, random);
      return craftCow({ chunk: cowChunk, exceptions, snapshot });
    });
    const volume = await attach(origin, chunk);
    const views = await importCows(volume, sources(cows));
    for (const [index, view] of views.entries()) {
      await mustHold(view, 0, snapshots[index] as Uint8Array);
    }
    await mustHold(volume.origin, 0, origin);
    const stored = snapshots.flatMap((snapshot) => differing(origin, snapshot, chunk));
    const most = stored.length * chunk;
    assert.ok(volume.usage().dataBytes <= most, `${volume.usage().dataBytes} of ${most} bytes`);
    await mustBeClean(volume);
    await volume.close();
  });
}

importing("equal chunks of several are stored once, whichever has them", async () => {
  const random = new Random(5);
  const origin = noise(64 * 4096, random);
  const old = noise(64 * 4096, random);
  // Chunk c was copied to those COW devices that were there: 0..31 to all, 32..63 to the first two.
  const make = (end: number, own: number) => {
    const snapshot = origin.slice();
    snapshot.set(old.subarray(0, end * 4096));
    snapshot.set(random.bytes(4096), own * 4096);
    const chunks = differing(origin, snapshot, 4096);
    return {
      snapshot,
      cow: craftCow({ chunk: 4096, exceptions: place(chunks, 4096, random), snapshot }),
    };
  };
  const made = [make(64, 5), make(64, 6), make(32, 40)];
  const volume = await attach(origin);
  const views = await importCows(volume, sources(made.map(({ cow }) => cow)));
  // Once each, and what each has alone; chunks 5 and 6 are the old ones in two others.
  assert.is(volume.usage().dataBytes, (64 + 3) * 4096);
  for (const [index, view] of views.entries()) {
    await mustHold(view, 0, (made[index] as { snapshot: Uint8Array }).snapshot);
  }
  // They stay apart: a write to one is nobody else's.
  await (views[1] as View).write(0, new Uint8Array(4096).fill(9));
  await mustHold(views[0] as View, 0, made[0]!.snapshot);
  await mustHold(views[2] as View, 0, made[2]!.snapshot);
  await volume.delete(views[0] as View);
  await volume.reclaimed();
  await mustHold(views[2] as View, 0, made[2]!.snapshot);
  await mustBeClean(volume);
  await volume.close();
});

importing("names: taken, twice, and none at all", async () => {
  const origin = new Uint8Array(2 ** 20);
  const cow = craftCow({ chunk: 4096, exceptions: [], snapshot: origin });
  const volume = await attach(origin);
  await volume.snapshot("daily");
  const names = ["daily", "daily", "a@b", "", `${"é".repeat(200)}`, "x\u0000y"];
  const views = await importCows(
    volume,
    sources(
      names.map(() => cow),
      names,
    ),
  );
  assert.equal(
    views.map(({ name }) => name),
    ["daily-2", "daily-3", "a_b", "snapshot", "é".repeat(100), "x_y"],
  );
  await volume.close();
});

importing("a damaged one changes nothing, wherever it stands", async () => {
  const { cow, origin } = soundCow(new Random(1));
  for (const { name, why, apply } of damages) {
    const store = new Image();
    const volume = await attach(origin, 4096, "range", store);
    const codes = { damaged: "Corrupt", version: "Unsupported", invalidated: "Corrupt" };
    const code = why === "not a COW device" ? "Invalid" : codes[why];
    const broken = apply(soundCow(new Random(1)).cow);
    await expectCode(code, importCows(volume, sources([cow, broken])));
    assert.equal(volume.snapshots, [], name);
    assert.is(volume.usage().dataBytes, 0, name);
    await volume.close();
  }
});

importing("interrupted, it leaves no snapshot", async () => {
  const random = new Random(3);
  const origin = noise(4 * 2 ** 20, random);
  const snapshot = noise(4 * 2 ** 20, random);
  const all = place([...Array(1024).keys()], 4096, random);
  const cow = craftCow({ chunk: 4096, exceptions: all, snapshot });
  const volume = await attach(origin);
  const control = new AbortController();
  const { signal } = control;
  const steps: number[] = [];
  const progress = (done: number, total: number) => {
    assert.is(total, 2 * 4 * 2 ** 20);
    steps.push(done);
    if (done > total / 2) control.abort();
  };
  await expectCode("Closed", importCows(volume, sources([cow, cow]), { signal, progress }));
  assert.equal(
    steps,
    steps.toSorted((a, b) => a - b),
  );
  assert.equal(volume.snapshots, []);
  await volume.reclaimed();
  assert.is(volume.usage().dataBytes, 0);
  await mustBeClean(volume);
  await volume.close();
});

importing("what cannot take them", async () => {
  const { cow } = soundCow(new Random(1));
  const inline = await openVolume({
    store: imageDevice(new Image()),
    create: { size: 2 ** 20 },
  });
  await expectCode("Invalid", importCows(inline, sources([cow])));
  await inline.close();
});
importing.run();

const exporting = suite("export-cow");

for (const chunk of [512, 4096, 16384, 2 ** 20]) {
  exporting(`chunks of ${chunk}: an independent reader sees the snapshot`, async () => {
    const random = new Random(chunk);
    const origin = noise(3 * 2 ** 20 + 512 * 5, random);
    const volume = await attach(origin);
    const view = await volume.snapshot("s");
    // Sixteen times so many chunks as an area of 512 bytes has entries.
    await volume.origin.write(100_000, random.bytes(300_000));
    await view.write(5000, random.bytes(7000));
    await view.writeZeroes(2 ** 20, 100_000);
    await volume.origin.write(3 * 2 ** 20 + 512, random.bytes(10));
    const [now, snapshot] = [await readAll(volume.origin), await readAll(view)];
    const cow = await exported(volume, view, chunk);
    const found = readCow(cow);
    assert.is(found.chunk, chunk);
    assert.ok(same(viewOf(now, cow), snapshot));
    const old = found.exceptions.map(({ oldChunk }) => oldChunk);
    assert.equal(old, differing(now, snapshot, chunk));
    const areas = Math.floor(old.length / (chunk / 16)) + 1;
    assert.is(found.areas, areas);
    assert.is(found.nextFree, 1 + areas + old.length);
    await volume.close();
  });
}

exporting("a full area, and none at all", async () => {
  for (const count of [0, 1, 31, 32, 33, 64]) {
    const origin = new Uint8Array(128 * 512);
    const volume = await attach(origin);
    const view = await volume.snapshot("s");
    await view.write(0, new Uint8Array(count * 512).fill(1));
    const cow = await exported(volume, view, 512);
    const areas = Math.floor(count / 32) + 1;
    assert.is(readCow(cow).exceptions.length, count);
    assert.is(readCow(cow).areas, areas);
    assert.is(cow.length, (1 + areas + count) * 512);
    await volume.close();
  }
});

exporting("round trip: range, COW, range", async () => {
  const random = new Random(9);
  const origin = noise(2 * 2 ** 20, random);
  const volume = await attach(origin);
  const names = ["first", "second", "third"];
  for (const name of names) {
    await volume.snapshot(name);
    await volume.origin.write(random.below(2 ** 20), random.bytes(200_000));
    await volume.get(name).write(random.below(2 ** 20), random.bytes(3000));
  }
  const cows: Uint8Array[] = [];
  for (const view of volume.snapshots) cows.push(await exported(volume, view, 4096));
  const now = await readAll(volume.origin);
  const back = await attach(now);
  await importCows(back, sources(cows, names));
  for (const name of names) await mustHold(back.get(name), 0, await readAll(volume.get(name)));
  await mustHold(back.origin, 0, now);
  const [here, there] = [volume.usage().dataBytes, back.usage().dataBytes];
  assert.ok(there <= here, `${there} bytes of data, ${here} before`);
  await mustBeClean(back);
  // And once more: what was imported gives the same devices again.
  for (const [index, name] of names.entries()) {
    assert.ok(same(await exported(back, back.get(name), 4096), cows[index] as Uint8Array));
  }
  await back.close();
  await volume.close();
});

exporting("a device of fixed size: too small stays as it is, others are written over", async () => {
  const origin = new Uint8Array(2 ** 20);
  const volume = await attach(origin);
  const view = await volume.snapshot("s");
  await view.write(0, new Uint8Array(10 * 4096).fill(1));
  const needed = (1 + 1 + 10) * 4096;
  const rubbish = noise(needed + 4096, new Random(1));
  const small = Image.of(rubbish.subarray(0, needed - 4096));
  const options = { chunk: 4096 };
  await expectCode(
    "NoSpace",
    exportCow(volume, view, imageDevice(small, { fixed: true }), options),
  );
  const kept = new Uint8Array(small.size);
  small.read(kept, 0, kept.length, 0);
  assert.ok(same(kept, rubbish.subarray(0, kept.length)));
  for (const size of [needed, needed + 4096]) {
    const image = Image.of(rubbish.subarray(0, size));
    const device = imageDevice(image, { fixed: true });
    await exportCow(volume, view, device, options);
    const cow = new Uint8Array(size);
    image.read(cow, 0, size, 0);
    assert.ok(same(viewOf(origin, cow), await readAll(view)));
    const control = new AbortController();
    control.abort();
    const { signal } = control;
    await expectCode("Closed", exportCow(volume, view, device, { signal }));
  }
  await volume.close();
});

exporting("what it refuses", async () => {
  const volume = await attach(new Uint8Array(2 ** 20));
  const view = await volume.snapshot("s");
  const device = () => imageDevice(new Image());
  await expectCode("Invalid", exportCow(volume, volume.origin, device()));
  for (const chunk of [0, 256, 1000, 2 ** 21, Number.NaN]) {
    await expectCode("Invalid", exportCow(volume, view, device(), { chunk }));
  }
  const full = imageDevice(Image.of(new Uint8Array(8192).fill(1)));
  await expectCode("Exists", exportCow(volume, view, full));
  await volume.close();
  const inline = await openVolume({ store: device(), create: { size: 2 ** 20 } });
  const other = await inline.snapshot("s");
  await expectCode("Invalid", exportCow(inline, other, device()));
  await inline.close();
});
exporting.run();
