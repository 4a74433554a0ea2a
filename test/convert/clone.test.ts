/** cloneFrom: the range is what the other view has there, and takes no space that it need not. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVolume } from "../../src/volume/open.ts";
import type { StoreKind, View } from "../../src/volume/types.ts";
import { Fixture } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
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
