/** The exceptions of a snapshot in memory beside a `Map`, and the places that they are given. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { NO_SPACE } from "../../src/engine/status.ts";
import { Exceptions } from "../../src/stores/cow/exceptions.ts";
import { Places } from "../../src/stores/cow/places.ts";
import { Random } from "../model/prng.ts";

/** Chunk numbers that crowd, that lie far apart, and that have more than 32 bits. */
const WORLDS = [
  { name: "few chunks", chunks: 3000 },
  { name: "many chunks", chunks: 2 ** 31 },
  { name: "chunk numbers of 43 bits", chunks: 2 ** 43 },
];

for (const { name, chunks } of WORLDS) {
  test(`added, sorted, taken out: ${name}`, () => {
    const random = new Random(chunks % 1009);
    const table = new Exceptions(chunks);
    const model: { old: number; place: number }[] = [];
    const placeOf = new Map<number, number>();
    let sorted = 0;
    for (let step = 0; step < 4000; step++) {
      const old = random.below(chunks);
      const what = random.below(20);
      if (what < 14 && !placeOf.has(old)) {
        const place = model.length * 8 + random.below(2 ** 43 - 2 ** 20);
        table.add(old, place);
        model.push({ old, place });
        placeOf.set(old, place);
      } else if (what < 16) {
        table.sort(sorted);
        const tail = model.splice(sorted).sort((a, b) => a.place - b.place);
        model.push(...tail);
        sorted = model.length;
      } else if (what < 18) {
        const left = Math.max(0, model.length - random.below(40));
        for (const { old: gone } of model.splice(left)) placeOf.delete(gone);
        table.truncate(left);
        sorted = Math.min(sorted, left);
      }
      assert.is(table.length, model.length);
      const known = random.chance(0.5) && model.length > 0 ? random.pick(model).old : old;
      const index = table.find(known);
      assert.is(index < 0 ? undefined : table.place(index), placeOf.get(known), `step ${step}`);
    }
    for (const [index, { old, place }] of model.entries()) {
      assert.is(table.old(index), old);
      assert.is(table.place(index), place);
      assert.is(table.find(old), index);
    }
  });
}

test("what is skipped has no exception", () => {
  const chunks = 2 ** 40;
  const random = new Random(5);
  const table = new Exceptions(chunks);
  const old = Array.from({ length: 200 }, () => random.below(chunks)).sort((a, b) => a - b);
  for (const [index, chunk] of old.entries()) table.add(chunk, index + 2);
  for (let i = 0; i < 1000; i++) {
    const from = random.below(chunks);
    const next = table.skip(from, chunks);
    assert.ok(next >= from);
    assert.ok(old.every((chunk) => chunk < from || chunk >= next));
  }
  assert.is(table.skip(chunks - 1, chunks), table.find(chunks - 1) < 0 ? chunks : chunks - 1);
});

test("several pages of exceptions, and none again", () => {
  const table = new Exceptions(2 ** 24);
  const count = 200_000;
  for (let i = 0; i < count; i++) table.add(i * 64, i + 2);
  for (let i = 0; i < count; i += 997) assert.is(table.place(table.find(i * 64)), i + 2);
  assert.ok(table.memoryBytes < 20 * count + 2 ** 20, `${table.memoryBytes} bytes`);
  table.truncate(0);
  assert.is(table.find(64), -1);
  table.add(64, 9);
  assert.is(table.place(table.find(64)), 9);
});

test("places are given out in order, areas left out", () => {
  const places = new Places(2, 100, 32);
  assert.is(places.allocate(10), 10);
  assert.is(places.allocated, 2);
  assert.is(places.allocate(100), 22, "up to the next area");
  assert.is(places.allocated, 12);
  assert.is(places.next, 35);
  assert.is(places.oldest, 2);
  places.named(12, 22);
  assert.is(places.oldest, 2, "the first have not ended");
  places.named(2, 4);
  places.named(6, 6);
  assert.is(places.oldest, Number.POSITIVE_INFINITY);
});

test("places of a copy that failed: the last are given out again, others never", () => {
  const places = new Places(2, 100, 32);
  places.allocate(5);
  places.allocate(5);
  places.giveBack(2, 5);
  assert.is(places.next, 12);
  assert.is(places.oldest, 7);
  places.named(7, 2);
  places.giveBack(9, 3);
  assert.is(places.next, 9);
  assert.is(places.inFlight, 0);
  assert.is(places.allocate(26), 25);
  assert.is(places.next, 35, "behind the area");
  places.giveBack(9, 25);
  assert.is(places.next, 9, "over the area back again");
});

test("a store that is full", () => {
  const places = new Places(0, 3, null);
  assert.is(places.allocate(9), 3);
  assert.is(places.allocate(1), NO_SPACE);
});

test.run();
