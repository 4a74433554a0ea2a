/** Notes, tags, holds, and read-only switched: what they do, and that they last. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import { formatMarks } from "../../src/volume/life/marking.ts";
import { parseMarks } from "../../src/volume/life/marks.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { View } from "../../src/volume/types.ts";
import { bytesOf } from "../format/agree.ts";
import { StoreReader } from "../format/reader.ts";
import { mustBeClean } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";

const test = suite("marks");
const SIZE = 2 ** 20;

function open(store: Image, create?: { kind: "range" | "bitmap" }) {
  const options = { env: seededEnv(1), ...(create && { create: { size: SIZE, ...create } }) };
  return openVolume({ store: imageDevice(store), ...options });
}

const marksOf = ({ note, tags, holds, readOnly }: View) => ({ note, tags, holds, readOnly });

for (const kind of ["range", "bitmap"] as const) {
  test(`${kind}: they last, through a crash and through a close`, async () => {
    const image = new Image();
    const volume = await open(image, { kind });
    const one = await volume.snapshot("one");
    await volume.set(one, { note: "before the upgrade", tags: ["b", "a", "b"] });
    await volume.addHold("one", "backup");
    await volume.addHold("one", "audit");
    await volume.addHold("one", "audit");
    await volume.set(volume.origin, { note: "the disk of the database: größe" });
    await volume.set("one", { readOnly: true });
    const wanted = {
      note: "before the upgrade",
      tags: ["a", "b"],
      holds: ["audit", "backup"],
      readOnly: true,
    };
    assert.equal(marksOf(one), wanted);
    const crashed = image.copy();
    const reader = new StoreReader(bytesOf(crashed));
    assert.is(reader.view(one.id).marks, formatMarks({ ...wanted, rollback: null, content: null }));
    for (const left of [crashed, image]) {
      if (left === image) await volume.close();
      const again = await open(left);
      assert.equal(marksOf(again.get("one")), wanted);
      assert.is(again.origin.note, "the disk of the database: größe");
      await mustBeClean(again);
      await expectCode("ReadOnly", again.get("one").write(0, new Uint8Array(1)));
      await again.set("one", { readOnly: false, note: null });
      await again.get("one").write(0, new Uint8Array(1));
      assert.is(again.get("one").note, null);
      await again.close();
    }
  });

  test(`${kind}: what is held is not deleted, by nobody`, async () => {
    const volume = await open(new Image(), { kind });
    const one = await volume.snapshot("one");
    await volume.snapshot("two");
    await volume.addHold(one, "audit");
    await expectCode("Busy", volume.delete("two", "one"));
    assert.ok(volume.has("two"), "all or none");
    await expectCode("Busy", volume.message(`delete ${one.id}`));
    await expectCode("NotFound", volume.removeHold(one, "backup"));
    await volume.removeHold(one, "audit");
    await volume.delete("two", "one");
    await expectCode("NotFound", volume.addHold(one, "audit"));
    await expectCode("Invalid", volume.addHold(volume.origin, "audit"));
    await volume.close();
  });
}

test("a full store prunes what is not held", async () => {
  const create = { size: 2 ** 22, maxSize: 2 ** 21 + 3 * 2 ** 18 };
  const store = imageDevice(new Image());
  const volume = await openVolume({ store, victims: "tmp-*", create });
  const random = new Random(1);
  for (const name of ["tmp-1", "tmp-2"]) {
    await volume.origin.write(0, random.bytes(400_000));
    await volume.snapshot(name);
  }
  await volume.addHold("tmp-1", "keep");
  for (let i = 0; i < 2; i++) await volume.origin.write(i * 400_000, random.bytes(400_000));
  await expectCode("NoSpace", volume.origin.write(0, random.bytes(2 ** 22)));
  assert.equal(
    volume.snapshots.map(({ name }) => name),
    ["tmp-1"],
  );
  await volume.close();
});

test("a rollback leaves them with the name", async () => {
  const volume = await open(new Image(), { kind: "range" });
  await volume.snapshot("one");
  const fork = await volume.snapshot("fork");
  await volume.set(fork, { note: "mine", tags: ["x"] });
  await volume.set(volume.origin, { note: "the disk" });
  await volume.rollback("one", { of: fork, keepAs: "before" });
  await volume.rollback("one", { keepAs: "was" });
  assert.equal([fork.note, fork.tags, volume.origin.note], ["mine", ["x"], "the disk"]);
  assert.equal([volume.get("before").note, volume.get("was").note], [null, null]);
  await volume.close();
});

test("many of them, long and short, come and go", async () => {
  const image = new Image();
  let volume = await open(image, { kind: "range" });
  const random = new Random(3);
  const model = new Map<string, string>();
  for (let i = 0; i < 60; i++) await volume.snapshot(`s${i}`);
  for (let i = 0; i < 600; i++) {
    const name = `s${random.below(60)}`;
    const note = "é".repeat(random.between(1, 200)).slice(0, random.between(1, 200));
    await volume.set(name, { note: random.chance(0.2) ? null : note });
    model.set(name, volume.get(name).note ?? "");
    if (i % 200 !== 199) continue;
    await volume.close();
    volume = await open(image);
    for (const [one, text] of model) assert.is(volume.get(one).note ?? "", text);
  }
  await mustBeClean(volume);
  await volume.close();
});

test("texts that are none, and too many of them", async () => {
  const volume = await open(new Image(), { kind: "range" });
  await volume.snapshot("one");
  await expectCode("Invalid", volume.set("one", { note: "a\nb" }));
  await expectCode("Invalid", volume.set("one", { note: "" }));
  await expectCode("Invalid", volume.set("one", { tags: ["\ud800"] }));
  await expectCode("Invalid", volume.set("one", { note: "x".repeat(500) }));
  await volume.set("one", { note: "x".repeat(380) });
  await expectCode("Invalid", volume.addHold("one", "y".repeat(20)));
  assert.is(volume.get("one").note?.length, 380);
  await volume.close();
  const none = { note: null, tags: [], holds: [], rollback: null, content: null };
  for (const text of ["[]", "5", "null", '{"tags":5,"holds":[1]}']) {
    const { tags, holds } = parseMarks(text);
    assert.equal([tags, holds], [[], []], text);
  }
  assert.is(formatMarks(none), "");
  assert.is(parseMarks("just words").note, "just words");
});

test.run();
