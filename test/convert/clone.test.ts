/** cloneFrom: the range is what the other view has there, and takes no space that it need not. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVolume } from "../../src/volume/open/open.ts";
import type { StoreKind, View } from "../../src/volume/types.ts";
import { same } from "../model/explain.ts";
import { Fixture, readAll } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { lateDevice, turns } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const CHUNKS = 40;
const SIZE = CHUNKS * CHUNK - 1536;
const kinds: StoreKind[] = ["range", "bitmap"];
const modes: OriginMode[] = ["inline", "base", "attached"];

function make(kind: StoreKind, mode: OriginMode): Promise<Fixture> {
  const open = (devices: object, options: object) =>
    openVolume({ ...options, ...devices } as Parameters<typeof openVolume>[0]);
  return Fixture.make(open, { mode, size: SIZE, chunk: CHUNK, create: { kind } });
}

async function clone(
  { model }: Fixture,
  target: View,
  source: View,
  first: number,
  count: number,
): Promise<void> {
  const offset = first * CHUNK;
  const length = Math.min(SIZE, (first + count) * CHUNK) - offset;
  await target.cloneFrom(source, offset, length);
  model.write(target.id, offset, model.read(source.id, offset, length));
}

for (const kind of kinds) {
  for (const mode of modes) {
    const test = suite(`cloneFrom: ${kind}, ${mode}`);

    test("of data, holes, and what lies under the store", async () => {
      const fixture = await make(kind, mode);
      const random = new Random(1);
      const { origin } = fixture.volume;
      await fixture.write(origin, 0, random.bytes(8 * CHUNK));
      const one = await fixture.snapshot("one");
      const two = await fixture.snapshot("two");
      await fixture.write(one, 100, random.bytes(5 * CHUNK));
      await one.trim(6 * CHUNK, 3 * CHUNK);
      fixture.model.trim(one.id, 6 * CHUNK, 3 * CHUNK);
      await fixture.write(two, 2 * CHUNK, random.bytes(20 * CHUNK));
      await clone(fixture, two, one, 0, CHUNKS);
      await fixture.verify();
      // From now on each has its own way.
      await fixture.write(one, CHUNK + 7, random.bytes(300));
      await fixture.write(two, 3 * CHUNK, random.bytes(CHUNK));
      await fixture.write(origin, 0, random.bytes(SIZE));
      await fixture.verify();
      await clone(fixture, origin, one, 1, 30);
      await clone(fixture, one, origin, 20, 20);
      await fixture.verify();
      await fixture.volume.close();
      await fixture.reopen();
      await fixture.verify();
      await fixture.volume.close();
    });

    test("takes no space", async () => {
      const fixture = await make(kind, mode);
      const random = new Random(2);
      const [one, two] = [await fixture.snapshot("one"), await fixture.snapshot("two")];
      await fixture.write(one, 0, random.bytes(10 * CHUNK));
      const { dataBytes } = fixture.volume.usage();
      await clone(fixture, two, one, 0, 10);
      assert.is(fixture.volume.usage().dataBytes, dataBytes);
      assert.is(dataBytes, 10 * CHUNK);
      // The place outlives each of them, and no more.
      await fixture.delete(one);
      await fixture.volume.reclaimed();
      await fixture.verify();
      assert.is(fixture.volume.usage().dataBytes, dataBytes);
      await fixture.delete(two);
      await fixture.volume.reclaimed();
      await fixture.verify();
      assert.is(fixture.volume.usage().dataBytes, 0);
      await fixture.volume.close();
    });

    test("whole chunks of views of this volume that take writes", async () => {
      const fixture = await make(kind, mode);
      const other = await make(kind, mode);
      const { volume } = fixture;
      const one = await fixture.snapshot("one");
      const fixed = await volume.snapshot("fixed", { readOnly: true });
      for (const [offset, length] of [
        [1, CHUNK],
        [0, CHUNK - 1],
        [CHUNK, SIZE],
        [SIZE, 1],
        [-CHUNK, CHUNK],
        [0, Number.NaN],
      ] as const) {
        await expectCode("Invalid", one.cloneFrom(volume.origin, offset, length));
      }
      await expectCode("Invalid", one.cloneFrom(other.volume.origin, 0, CHUNK));
      await expectCode("ReadOnly", fixed.cloneFrom(one, 0, CHUNK));
      await one.cloneFrom(one, 0, SIZE);
      await one.cloneFrom(fixed, 0, 0);
      await volume.delete(fixed);
      await expectCode("NotFound", one.cloneFrom(fixed, 0, CHUNK));
      await fixture.volume.close();
      await expectCode("Closed", one.cloneFrom(volume.origin, 0, CHUNK));
      await other.volume.close();
    });

    for (let seed = 1; seed <= 6; seed++) {
      test(`among other work, seed ${seed}`, () => story(kind, mode, new Random(seed)));
    }
    test.run();
  }
}

const crash = suite("cloneFrom: a crash");

for (const kind of kinds) {
  crash(
    `${kind}: the origin is overwritten when the clone of what it covers is durable`,
    async () => {
      const random = new Random(4);
      const [store, under] = [new Image(), Image.of(random.bytes(SIZE))];
      let durable = store.copy();
      const found: { store: Image; under: Image }[] = [];
      const device = imageDevice(store);
      const origin = imageDevice(under, { fixed: true });
      const volume = await openVolume({
        store: {
          ...device,
          flush: () => {
            durable = store.copy();
          },
        },
        origin: {
          ...origin,
          write: (...transfer) => {
            origin.write(...transfer);
            found.push({ store: durable, under: under.copy() });
          },
        },
        create: { kind },
        cacheBytes: 2 ** 20,
      });
      const [one, two] = [await volume.snapshot("one"), await volume.snapshot("two")];
      await one.write(0, random.bytes(4 * CHUNK));
      await volume.flush();
      const before = await readAll(two);
      await two.cloneFrom(one, 0, 4 * CHUNK);
      const after = await readAll(two);
      await volume.origin.write(CHUNK, random.bytes(CHUNK));
      assert.is(found.length, 1);
      for (const { store, under } of found) {
        const again = await openVolume({
          store: imageDevice(store.copy()),
          origin: imageDevice(under, { fixed: true }),
          cacheBytes: 2 ** 20,
        });
        const bytes = await readAll(again.get("two"));
        assert.ok(same(bytes, before) || same(bytes, after));
        await again.close();
      }
      await volume.close();
    },
  );
}
crash.run();

const late = suite("cloneFrom: writes to the source in flight");

for (const kind of kinds) {
  late(`${kind}: none of them reaches the target later`, async () => {
    const random = new Random(6);
    const medium = (size?: number) => {
      const device = imageDevice(size === undefined ? new Image() : new Image(size), {
        fixed: size !== undefined,
      });
      return lateDevice(device, random.fork());
    };
    const create = { kind };
    const volume = await openVolume({ store: medium(), origin: medium(64 * CHUNK), create });
    const [one, two] = [await volume.snapshot("one"), await volume.snapshot("two")];
    let stopped = false;
    const writer = async (chunk: number) => {
      for (let count = 1; !stopped; count++) {
        await one.write(chunk * CHUNK, new Uint8Array(CHUNK).fill(count));
      }
    };
    const writers = Array.from({ length: 16 }, (_, chunk) => writer(chunk));
    for (let round = 0; round < 20; round++) {
      await two.cloneFrom(one, 0, 32 * CHUNK);
      const first = await readAll(two);
      await turns(20);
      assert.ok(same(await readAll(two), first), `round ${round}`);
      for (let chunk = 0; chunk < 16; chunk++) {
        const bytes = first.subarray(chunk * CHUNK, (chunk + 1) * CHUNK);
        assert.ok(bytes.every((byte) => byte === bytes[0]));
      }
    }
    stopped = true;
    await Promise.all(writers);
    const { problems } = await volume.check();
    assert.equal(problems, []);
    await volume.close();
  });
}
late.run();

const cows = suite("cloneFrom: persistent");

cows("between two stores on one origin, of what differs alone", async () => {
  const random = new Random(1);
  const origin = Image.of(random.bytes(SIZE));
  const [one, two] = [new Image(), new Image()];
  const under = () => imageDevice(origin, { fixed: true });
  const create = { kind: "persistent" as const, chunk: 8192 };
  const made = await openVolume({ store: imageDevice(two), origin: under(), create });
  await made.close();
  const first = await openVolume({
    store: imageDevice(one),
    origin: under(),
    create: { ...create, chunk: CHUNK },
  });
  await first.close();
  const volume = await openVolume({
    store: imageDevice(one),
    others: [imageDevice(two)],
    origin: under(),
  });
  const [cow, cow2] = volume.snapshots as [View, View];
  await cow.write(5000, random.bytes(9000));
  await cow2.write(30 * CHUNK, random.bytes(100));
  const wanted = await readAll(cow);
  const { dataBytes } = volume.usage();
  await cow2.cloneFrom(cow, 0, SIZE);
  assert.equal(await readAll(cow2), wanted);
  await cow.cloneFrom(cow2, 0, SIZE);
  assert.ok(volume.usage().dataBytes <= dataBytes + 5 * 8192);
  await volume.origin.cloneFrom(cow, 0, SIZE);
  assert.equal(await readAll(volume.origin), wanted);
  assert.equal(await readAll(cow2), wanted);
  await volume.close();
});
cows.run();

async function story(kind: StoreKind, mode: OriginMode, random: Random): Promise<void> {
  const fixture = await make(kind, mode);
  for (let step = 0; step < 120; step++) {
    const views = [fixture.volume.origin, ...fixture.volume.snapshots];
    const [view, other] = [random.pick(views), random.pick(views)];
    const first = random.below(CHUNKS);
    const count = 1 + random.below(CHUNKS - first);
    const at = random.below(SIZE - 1);
    const act = random.below(100);
    if (act < 45) await clone(fixture, view, other, first, count);
    else if (act < 75) {
      const length = Math.min(SIZE - at, random.pick([1, 500, CHUNK, 5 * CHUNK]));
      await fixture.write(view, at, random.bytes(length));
    } else if (act < 80) {
      await view.writeZeroes(at, SIZE - at);
      fixture.model.writeZeroes(view.id, at, SIZE - at);
    } else if (act < 90 && views.length < 6) {
      await fixture.snapshot(`s${step}`, kind === "range" ? view : fixture.volume.origin);
    } else if (act < 94 && views.length > 2) {
      await fixture.delete(views[1] as View);
      if (random.chance(0.5)) await fixture.volume.reclaimed();
    } else if (act < 97) {
      // As after a crash: what is flushed is there, and what was shared stays so.
      await fixture.volume.flush();
      await fixture.reopen();
    }
    if (step % 10 === 9) await fixture.verify();
  }
  await fixture.volume.close();
  await fixture.reopen();
  await fixture.verify();
  await fixture.volume.close();
}
