/** Bad arguments to every call, and calls after `close`: a clear error, and nothing changed. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import type { CreateOptions, OpenOptions, Volume } from "../../src/volume/types.ts";
import { Fixture } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Devices } from "../model/subjects.ts";

const CHUNK = 4096;
const SIZE = 8 * CHUNK;

async function mustFail(code: string, what: string, call: () => unknown): Promise<void> {
  let error: unknown = null;
  try {
    await call();
  } catch (caught) {
    error = caught;
  }
  assert.instance(error, MultisnapError, `${what}: ${error ?? "no error"}`);
  assert.is((error as MultisnapError).code, code, `${what}: ${(error as MultisnapError).message}`);
  assert.ok((error as MultisnapError).message.length > 10, `${what}: the message says something`);
}

/** Callers without types pass anything. */
// biome-ignore lint/suspicious/noExplicitAny: that is the point here
const any = (value: unknown): any => value;

/** Bad ones for stores that have larger chunks and remember paths. */
const ofTrees: CreateOptions[] = [
  { size: SIZE, chunk: 2048 },
  { size: SIZE, originPath: "x".repeat(1024) },
  { size: SIZE, basePath: "é".repeat(600) },
];
const notOffsets = [-1, Number.NaN, 0.5, SIZE + 1, 2 ** 60, Infinity, -Infinity].map(any);
const notNumbers = ["0", null, undefined, {}, 1n, true].map(any);
const notBytes = [null, undefined, "abc", 5, [1, 2], {}, new Float64Array(2)].map(any);
const notNames = ["", null, undefined, 5, {}, "x".repeat(5000), "\ud800"].map(any);

for (const subject of subjects) {
  const test = suite(`bad arguments: ${subject.name}`);
  const { origins, fixed, ofSnapshots, crash } = subject.capabilities;
  const [mode] = origins as [OriginMode];

  async function start() {
    const fixture = await Fixture.make(subject.open, { mode, size: SIZE });
    const random = new Random(1);
    await fixture.write(fixture.volume.origin, 0, random.bytes(SIZE));
    const snapshot = await fixture.anySnapshot("s");
    return { fixture, volume: fixture.volume, origin: fixture.volume.origin, snapshot };
  }

  /** Plain devices on what the fixture stands on. */
  function stored({ store, under }: Fixture): Devices {
    const devices = { store: imageDevice(store) };
    return mode === "inline" ? devices : { ...devices, origin: imageDevice(under) };
  }

  /** Devices of a new store. */
  function devicesOf(image: Image): Devices {
    const store = imageDevice(image);
    return mode === "inline" ? { store } : { store, origin: imageDevice(new Image(SIZE)) };
  }

  test("offsets, lengths and buffers", async () => {
    const { fixture, volume, origin, snapshot } = await start();
    const bytes = new Uint8Array(2);
    for (const view of [origin, snapshot]) {
      for (const bad of [...notOffsets, ...notNumbers]) {
        const what = String(bad);
        await mustFail("Invalid", `read at ${what}`, () => view.read(bad, bytes));
        await mustFail("Invalid", `write at ${what}`, () => view.write(bad, bytes));
        await mustFail("Invalid", `readSync at ${what}`, () => view.readSync(bad, bytes));
        await mustFail("Invalid", `writeSync at ${what}`, () => view.writeSync(bad, bytes));
        await mustFail("Invalid", `trim at ${what}`, () => view.trim(bad, 1));
        await mustFail("Invalid", `trim of ${what}`, () => view.trim(0, bad));
        await mustFail("Invalid", `writeZeroes at ${what}`, () => view.writeZeroes(bad, 1));
        await mustFail("Invalid", `writeZeroes of ${what}`, () => view.writeZeroes(0, bad));
      }
      await mustFail("Invalid", "read past the end", () => view.read(SIZE - 1, bytes));
      await mustFail("Invalid", "write past the end", () => view.write(SIZE - 1, bytes));
      await mustFail("Invalid", "trim past the end", () => view.trim(SIZE - 1, 2));
      await mustFail("Invalid", "zeros past the end", () => view.writeZeroes(SIZE - 1, 2));
      for (const bad of notBytes) {
        await mustFail("Invalid", `read into ${bad}`, () => view.read(0, bad));
        await mustFail("Invalid", `write of ${bad}`, () => view.write(0, bad));
        await mustFail("Invalid", `readSync into ${bad}`, () => view.readSync(0, bad));
        await mustFail("Invalid", `writeSync of ${bad}`, () => view.writeSync(0, bad));
      }
    }
    await fixture.verify();
    await volume.close();
  });

  if (!fixed)
    test("names and views", async () => {
      const { fixture, volume, origin } = await start();
      const other = (await start()).volume;
      const foreign = await other.snapshot("foreign");
      for (const bad of notNames) {
        const what = JSON.stringify(bad)?.slice(0, 20);
        await mustFail("Invalid", `snapshot ${what}`, () => volume.snapshot(bad));
        await mustFail("Invalid", `view.snapshot ${what}`, () => origin.snapshot(bad));
        await mustFail("Invalid", `rename to ${what}`, () => volume.rename("s", bad));
      }
      await mustFail("Exists", "a name twice", () => volume.snapshot("s"));
      await fixture.snapshot("t");
      await mustFail("Exists", "rename to a taken name", () => volume.rename("s", "t"));
      await mustFail("NotFound", "rename nobody", () => volume.rename("nobody", "u"));
      await mustFail("NotFound", "get nobody", () => volume.get("nobody"));
      await mustFail("NotFound", "delete nobody", () => volume.delete("nobody"));
      await mustFail("NotFound", "delete one and nobody", () => volume.delete("s", "nobody"));
      assert.ok(volume.has("s"), "all or none");
      await mustFail("Invalid", "delete the origin", () => volume.delete(origin));
      await mustFail("Invalid", "rename the origin", () => volume.rename(origin, "o"));
      await mustFail("Invalid", "a view of another volume", () => volume.delete(foreign));
      await mustFail("Invalid", "of another volume", () => volume.snapshot("u", { of: foreign }));
      await mustFail("Invalid", "diff with another volume", async () => {
        for await (const _ of volume.diff(foreign, origin));
      });
      for (const bad of [5, {}, "nobody"].map(any)) {
        await mustFail("Invalid", `of ${bad}`, () => volume.snapshot("u", { of: bad }));
      }
      await fixture.verify();
      await volume.close();
      await other.close();
    });

  if (!fixed)
    test("a deleted snapshot is gone", async () => {
      const { fixture, volume } = await start();
      const snapshot = volume.get("s");
      await fixture.delete(snapshot);
      const bytes = new Uint8Array(1);
      await mustFail("NotFound", "read", () => snapshot.read(0, bytes));
      await mustFail("NotFound", "write", () => snapshot.write(0, bytes));
      await mustFail("NotFound", "trim", () => snapshot.trim(0, CHUNK));
      await mustFail("NotFound", "writeZeroes", () => snapshot.writeZeroes(0, 1));
      const code = ofSnapshots ? "NotFound" : "Unsupported";
      await mustFail(code, "snapshot", () => snapshot.snapshot("u"));
      await mustFail("NotFound", "delete", () => volume.delete(snapshot));
      await mustFail("NotFound", "rename", () => volume.rename(snapshot, "u"));
      await mustFail("NotFound", "get", () => volume.get("s"));
      await fixture.snapshot("s");
      await mustFail("NotFound", "the name is another one's now", () => snapshot.read(0, bytes));
      await fixture.verify();
      await volume.close();
    });

  test("after close everything is Closed", async () => {
    const { volume, origin, snapshot } = await start();
    await volume.close();
    await volume.close();
    const bytes = new Uint8Array(1);
    for (const view of [origin, snapshot]) {
      await mustFail("Closed", "read", () => view.read(0, bytes));
      await mustFail("Closed", "write", () => view.write(0, bytes));
      await mustFail("Closed", "readSync", () => view.readSync(0, bytes));
      await mustFail("Closed", "writeSync", () => view.writeSync(0, bytes));
      await mustFail("Closed", "trim", () => view.trim(0, CHUNK));
      await mustFail("Closed", "writeZeroes", () => view.writeZeroes(0, 1));
      await mustFail("Closed", "flush", () => view.flush());
      if (!fixed) await mustFail("Closed", "snapshot", () => view.snapshot("u"));
    }
    if (!fixed) {
      await mustFail("Closed", "volume.snapshot", () => volume.snapshot("u"));
      await mustFail("Closed", "delete", () => volume.delete("s"));
      await mustFail("Closed", "rename", () => volume.rename("s", "u"));
    }
    await mustFail("Closed", "reclaimed", () => volume.reclaimed());
    await mustFail("Closed", "volume.flush", () => volume.flush());
    await mustFail("Closed", "check", () => volume.check());
    await mustFail("Closed", "snapshotUsage", () => volume.snapshotUsage());
    await mustFail("Closed", "diff", async () => {
      for await (const _ of volume.diff(snapshot, origin));
    });
  });

  test("options of a new store", async () => {
    const bad: CreateOptions[] = [
      { size: 0 },
      { size: -512 },
      { size: 100 },
      { size: Number.NaN },
      { size: Infinity },
      { size: 2 ** 62 },
      { size: any("10G") },
      ...(mode === "inline" ? [{}] : [{ size: 2 * SIZE }]),
      { size: SIZE, chunk: 0 },
      { size: SIZE, chunk: 256 },
      ...(fixed ? [] : ofTrees),
      { size: SIZE, chunk: 5000 },
      { size: SIZE, chunk: 2 ** 21 },
      { size: SIZE, chunk: any("4K") },
      { size: SIZE, kind: any("other") },
      { size: SIZE, maxSize: -1 },
      { size: SIZE, maxSize: any("1G") },
    ];
    for (const create of bad) {
      const image = new Image();
      const open = () => subject.open(devicesOf(image), { create });
      await mustFail("Invalid", JSON.stringify(create).slice(0, 50), open);
      assert.is(image.size, 0, "nothing was written");
    }
  });

  if (crash !== "lost")
    test("options of opening", async () => {
      const { fixture } = await start();
      await fixture.volume.close();
      const bad: Partial<OpenOptions>[] = [
        { cacheBytes: 1000 },
        { cacheBytes: -1 },
        { cacheBytes: Number.NaN },
        { cacheBytes: 2 ** 40 },
        { copySlots: 0 },
        { copySlots: 1.5 },
        { queueDepth: 0 },
        { queueDepth: any("4") },
      ];
      for (const options of bad) {
        const open = () => subject.open(stored(fixture), options);
        await mustFail("Invalid", JSON.stringify(options), open);
      }
      await mustFail("Invalid", "no device", () => subject.open({ store: any(undefined) }, {}));
      await mustFail("Invalid", "no options", () => subject.open({ store: any({}) }, any({})));
      await mustFail("Exists", "create on a store", () =>
        subject.open(stored(fixture), { create: { size: SIZE } }),
      );
      const extra = imageDevice(new Image(SIZE));
      await mustFail("Invalid", "an origin or a base that the store does not know", () =>
        subject.open({ ...stored(fixture), [mode === "inline" ? "origin" : "base"]: extra }, {}),
      );
      await fixture.reopen();
      await fixture.verify();
      await fixture.volume.close();
    });

  if (crash !== "lost")
    test("an attached origin or a base that is missing or of another size", async () => {
      for (const mode of origins.filter((origin) => origin !== "inline")) {
        const fixture = await Fixture.make(subject.open, { mode, size: SIZE });
        await fixture.volume.close();
        const open = (devices: object): Promise<Volume> =>
          subject.open({ store: imageDevice(fixture.store), ...devices }, {});
        await mustFail("Invalid", `${mode}: missing`, () => open({}));
        const wrong = imageDevice(new Image(SIZE));
        const other = mode === "attached" ? { base: wrong } : { origin: wrong };
        await mustFail("Invalid", `${mode}: the other kind`, () => open(other));
        if (mode === "attached" && !fixed) {
          const short = imageDevice(new Image(SIZE - CHUNK), { fixed: true });
          await mustFail("Invalid", "a shorter origin", () => open({ origin: short }));
        }
        await fixture.reopen();
        await fixture.verify();
        await fixture.volume.close();
      }
    });

  test("bytes that are no store", async () => {
    const random = new Random(4);
    for (const bytes of [new Uint8Array(2 ** 20), random.bytes(2 ** 20), random.bytes(100)]) {
      const image = Image.of(bytes);
      await mustFail("Invalid", "random bytes", () =>
        subject.open({ ...devicesOf(image), store: imageDevice(image) }, {}),
      );
      const after = new Uint8Array(bytes.length);
      image.read(after, 0, after.length, 0);
      assert.is(Buffer.compare(after, bytes), 0, "nothing was written");
    }
    await mustFail("NotFound", "an empty device", () => subject.open(devicesOf(new Image()), {}));
  });

  if (crash !== "lost")
    test("a volume opened read-only changes nothing", async () => {
      const { fixture } = await start();
      await fixture.volume.close();
      const image = fixture.store;
      const bytes = new Uint8Array(image.size);
      image.read(bytes, 0, bytes.length, 0);
      const devices = { ...stored(fixture), store: imageDevice(image, { readOnly: true }) };
      const volume = await subject.open(devices, { readOnly: true });
      assert.is(volume.readOnly, true);
      assert.is(volume.origin.readOnly, true);
      fixture.volume = volume;
      await fixture.verify();
      const one = new Uint8Array(1);
      await mustFail("ReadOnly", "write", () => volume.origin.write(0, one));
      await mustFail("ReadOnly", "trim", () => volume.origin.trim(0, CHUNK));
      await mustFail("ReadOnly", "writeZeroes", () => volume.origin.writeZeroes(0, 1));
      await mustFail("ReadOnly", "writeSync", () => volume.origin.writeSync(0, one));
      if (!fixed) {
        await mustFail("ReadOnly", "snapshot", () => volume.snapshot("u"));
        await mustFail("ReadOnly", "delete", () => volume.delete("s"));
        await mustFail("ReadOnly", "rename", () => volume.rename("s", "u"));
      }
      await volume.close();
      const after = new Uint8Array(image.size);
      image.read(after, 0, after.length, 0);
      assert.is(Buffer.compare(after, bytes), 0);
    });

  test.run();
}
