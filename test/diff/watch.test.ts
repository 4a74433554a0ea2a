/** Commits as they are watched, and snapshots of several volumes at one instant. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Volume, VolumeEvent } from "../../src/index.ts";
import { memoryDevice, openVolume, receiveStream, snapshotAll } from "../../src/index.ts";
import { closeAll, connect, serveFile } from "../control/served.ts";
import { expectCode } from "../model/history.ts";
import { lateDevice } from "../model/late.ts";
import { Random } from "../model/prng.ts";
import { inParts, sent } from "../stream/streams.ts";
import { bytesOf } from "./random-volume.ts";

const SIZE = 2 ** 20;
const test = suite("watch and groups");

function newVolume(): Promise<Volume> {
  return openVolume({ store: memoryDevice(), create: { size: SIZE } });
}

const LISTS = { changed: [], made: [], deleted: [], renamed: [], described: [] };
const NOTHING = { type: "commit", ...LISTS } as const;

/** What happens to a volume, and the events that tell it. */
async function story(volume: Volume, events: AsyncIterator<VolumeEvent>): Promise<void> {
  const next = async () => (await events.next()).value as VolumeEvent;
  const first = events.next();
  await volume.origin.write(0, new Uint8Array(10));
  await volume.origin.write(10, new Uint8Array(10));
  await volume.origin.write(8192, new Uint8Array(100));
  await volume.flush();
  const ranges = [
    { offset: 0, length: 20 },
    { offset: 8192, length: 100 },
  ];
  assert.equal((await first).value, { ...NOTHING, changed: [{ id: 1, ranges }] });
  const { id } = await volume.snapshot("one");
  assert.equal(await next(), { ...NOTHING, made: [{ id, name: "one" }] });
  await volume.rename("one", "uno");
  assert.equal(await next(), { ...NOTHING, renamed: [{ id, from: "one", name: "uno" }] });
  await volume.get("uno").writeZeroes(4096, 4096);
  await volume.delete("uno");
  const deleted = [{ id, name: "uno" }];
  const changed = [{ id, ranges: [{ offset: 4096, length: 4096 }] }];
  assert.equal(await next(), { ...NOTHING, changed, deleted });
}

test("what changed, in its order, when it is durable", async () => {
  const volume = await newVolume();
  const controller = new AbortController();
  const events = volume.watch({ signal: controller.signal });
  await story(volume, events);
  controller.abort();
  assert.equal(await events.next(), { done: true, value: undefined });
  const other = volume.watch();
  const waiting = other.next();
  await volume.close();
  assert.is((await waiting).done, true);
});

test("rollbacks, sizes, notes and rights, each with the commit that makes it durable", async () => {
  for (const kind of ["range", "bitmap"] as const) {
    const volume = await openVolume({ store: memoryDevice(), create: { size: SIZE, kind } });
    await volume.origin.write(0, new Uint8Array(10));
    const { id } = await volume.snapshot("one");
    await volume.resize(2 * SIZE);
    const events = volume.watch();
    const seen = async (wanted: Partial<typeof LISTS>) => {
      const found: Record<string, unknown[]> = { ...LISTS };
      const isOver = () => JSON.stringify(found) === JSON.stringify({ ...LISTS, ...wanted });
      while (!isOver()) {
        const late = new Promise<never>((_, reject) => {
          setTimeout(() => reject(new Error(`${JSON.stringify({ found, wanted })}`)), 5000).unref();
        });
        const { value } = await Promise.race([events.next(), late]);
        const { type, ...lists } = value as Record<string, unknown[]>;
        for (const key of Object.keys(lists)) if (lists[key]!.length > 0) found[key] = lists[key]!;
      }
    };
    await volume.rollback("one", { keepAs: "before" });
    const all = (id: number, length: number) => [{ id, ranges: [{ offset: 0, length }] }];
    const before = { id: volume.get("before").id, name: "before" };
    await seen({ changed: all(1, SIZE), made: [before] } as object);
    await volume.resize(SIZE / 2, { shrink: true });
    await seen({ changed: all(1, SIZE / 2) } as object);
    await volume.set("one", { note: "good", tags: ["x"] });
    await seen({ described: [{ id, name: "one" }] } as object);
    await volume.addHold("one", "audit");
    await seen({ described: [{ id, name: "one" }] } as object);
    await volume.set(volume.origin, { note: "disk" });
    await seen({ described: [{ id: 1, name: null }] } as object);
    await volume.close();
  }
});

test("who goes on with a server that does not know him is told of a gap", async () => {
  const { store } = await serveFile({ size: SIZE });
  const remote = await connect(store);
  const { head } = await remote.request("events", { more: true });
  assert.equal(head.event, { type: "gap" });
  await remote.origin.write(0, new Uint8Array(10));
  const next = remote.request("events", { more: true });
  await remote.flush();
  const changed = [{ id: 1, ranges: [{ offset: 0, length: 10 }] }];
  assert.equal((await next).head.event, { ...NOTHING, changed });
  await remote.close();
});

test("through the socket, as well", async () => {
  const { store } = await serveFile({ size: SIZE });
  const [remote, watcher] = [await connect(store), await connect(store)];
  const controller = new AbortController();
  const events = watcher.watch({ signal: controller.signal });
  const first = events.next();
  await new Promise((resolve) => setTimeout(resolve, 100));
  const again = { next: () => first } as AsyncIterator<VolumeEvent>;
  let isFirst = true;
  await story(remote, {
    next: () => {
      if (!isFirst) return events.next();
      isFirst = false;
      return again.next();
    },
  });
  const last = events.next();
  controller.abort();
  assert.is((await last).done, true);
  await watcher.close();
  await remote.close();
});

test("a slow reader gets a gap, and too many ranges are one", async () => {
  const volume = await newVolume();
  const events = volume.watch();
  for (let i = 0; i < 200; i++) {
    await volume.origin.write(0, new Uint8Array(1));
    await volume.flush();
  }
  const found: VolumeEvent[] = [];
  await volume.snapshot("last");
  for await (const event of events) {
    found.push(event);
    if (event.type === "commit" && event.made.length > 0) break;
  }
  assert.is(found[0]!.type, "gap");
  assert.ok(found.length <= 65);
  const wide = volume.watch();
  for (let i = 0; i < 1100; i++) await volume.origin.write((i * 811) % SIZE, new Uint8Array(1));
  await volume.flush();
  const { value } = await wide.next();
  assert.equal(value, { ...NOTHING, changed: [{ id: 1, ranges: null }] });
  await volume.close();
});

test("what is received shows when it is whole", async () => {
  const [a, b] = [await newVolume(), await newVolume()];
  await a.origin.write(0, new Uint8Array(5000).fill(1));
  await a.snapshot("one");
  const events = b.watch();
  await receiveStream(b, inParts(await sent(a, "one")));
  const names: string[] = [];
  for await (const event of events) {
    if (event.type === "commit") names.push(...event.made.map(({ name }) => name));
    if (names.length > 0) break;
  }
  assert.equal(names, ["one"]);
});

test("a group is of one instant, whatever is under way", async () => {
  const random = new Random(31);
  const late = () => lateDevice(memoryDevice(), random.fork());
  const volumes: Volume[] = [];
  for (let i = 0; i < 3; i++) {
    volumes.push(await openVolume({ store: late(), create: { size: SIZE } }));
  }
  // Numbers that only grow, written to one volume after the other: the second is never ahead.
  let isOver = false;
  const writing = (async () => {
    for (let n = 1; !isOver; n++) {
      for (const { origin } of volumes) await origin.write(0, new Uint8Array([n >> 8, n & 255]));
    }
  })();
  for (let round = 0; round < 20; round++) {
    const group = [...volumes].sort(() => (random.chance(0.5) ? 1 : -1));
    const other = snapshotAll(volumes.map((volume) => ({ volume, name: `other ${round}` })));
    const views = await snapshotAll(group.map((volume) => ({ volume, name: `round ${round}` })));
    assert.equal(
      views.map(({ name }) => name),
      Array(3).fill(`round ${round}`),
    );
    await other;
    for (const name of [`round ${round}`, `other ${round}`]) {
      const numbers: number[] = [];
      for (const volume of volumes) {
        const [high, low] = await bytesOf(volume.get(name), 0, 2);
        numbers.push(high! * 256 + low!);
      }
      const [first, second, third] = numbers as [number, number, number];
      assert.ok(first >= second && second >= third && first - third <= 1, `${numbers}`);
    }
  }
  isOver = true;
  await writing;
  const taken = volumes.map((volume, i) => ({ volume, name: i < 2 ? "new" : "round 1" }));
  const counts = volumes.map(({ snapshots }) => snapshots.length);
  await expectCode("Exists", snapshotAll(taken));
  assert.equal(
    volumes.map(({ snapshots }) => snapshots.length),
    counts,
  );
  for (const volume of volumes) await volume.close();
});

test.after(closeAll);
test.run();
