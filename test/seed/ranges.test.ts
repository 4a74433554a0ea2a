/**
 * The example of the 2009 design: snapshots 1, 2 and 3 of an attached origin. What was two copies
 * then is one here, however many ranges of snapshots need it.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { View } from "../../src/volume/types.ts";
import { Fixture } from "../model/fixture.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";

const CHUNK = 4096;
const random = new Random(2009);

for (const subject of subjects.filter(({ kind }) => kind === "range")) {
  const test = suite(`snapshots 1, 2, 3: ${subject.name}`);

  async function three(image?: Uint8Array) {
    const size = 8 * CHUNK;
    const how = { mode: "attached", size, chunk: CHUNK, ...(image && { image }) } as const;
    const fixture = await Fixture.make(subject.open, how);
    const snapshots: View[] = [];
    for (const name of ["1", "2", "3"]) snapshots.push(await fixture.snapshot(name));
    return { fixture, snapshots, volume: fixture.volume };
  }

  test("a write to the origin makes one copy and one exception", async () => {
    const { fixture, volume } = await three();
    await fixture.write(volume.origin, 100, random.bytes(512));
    assert.is(volume.status().counters.copies, 1);
    assert.is(volume.usage().exceptions, 1, "(0, 3]");
    await fixture.verify();
    await fixture.write(volume.origin, 1000, random.bytes(512));
    assert.is(volume.status().counters.copies, 1, "the second write needs none");
    await fixture.verify();
    await volume.close();
  });

  test("a write to 2, then to the origin: one copy and one entry around", async () => {
    const { fixture, snapshots, volume } = await three();
    await fixture.write(snapshots[1] as View, 0, random.bytes(CHUNK));
    assert.is(volume.status().counters.copies, 0, "a write of a whole chunk copies nothing");
    assert.is(volume.usage().exceptions, 1, "(1, 2]");
    await fixture.write(volume.origin, 0, random.bytes(100));
    assert.is(volume.status().counters.copies, 1, "one copy");
    assert.is(volume.usage().exceptions, 2, "(1, 2], and (0, 3] around it");
    assert.is(volume.usage().dataBytes, 2 * CHUNK, "one place for both sides of it");
    await fixture.verify();
    await volume.close();
    await fixture.reopen();
    await fixture.verify();
    assert.is(fixture.volume.usage().exceptions, 2);
    await fixture.volume.close();
  });

  test("a write to 2 after the origin's goes into the range, which keeps its place", async () => {
    const { fixture, snapshots, volume } = await three();
    await fixture.write(volume.origin, 0, random.bytes(CHUNK));
    await fixture.write(snapshots[1] as View, 10, random.bytes(20));
    assert.is(volume.usage().exceptions, 2);
    assert.is(volume.usage().dataBytes, 2 * CHUNK);
    await fixture.verify();
    await fixture.delete(snapshots[0] as View);
    await volume.reclaimed();
    assert.is(volume.usage().dataBytes, 2 * CHUNK, "3 still needs the place that 1 shared");
    await fixture.verify();
    await fixture.delete(snapshots[2] as View);
    await volume.reclaimed();
    assert.is(volume.usage().dataBytes, CHUNK);
    await fixture.verify();
    await volume.close();
  });

  test("copies of zeros take no space", async () => {
    const { fixture, volume } = await three(new Uint8Array(8 * CHUNK));
    await fixture.write(volume.origin, 0, random.bytes(3 * CHUNK));
    assert.is(volume.usage().dataBytes, 0);
    await fixture.verify();
    await volume.close();
    await fixture.reopen();
    await fixture.verify();
    await fixture.volume.close();
  });

  test.run();
}
