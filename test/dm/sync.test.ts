/** syncSnapshots: the snapshots are those that the caller lists, all of them or an error. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openVolume } from "../../src/volume/open/open.ts";
import type { StoreKind } from "../../src/volume/types.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";

const SIZE = 2 ** 20;

/** A store with snapshots 2, 3 and 4, closed. */
async function three(kind: StoreKind = "range"): Promise<Image> {
  const image = new Image();
  const volume = await openVolume({ store: imageDevice(image), create: { size: SIZE, kind } });
  for (const name of ["two", "three", "four"]) {
    await volume.snapshot(name);
    await volume.origin.write(0, new TextEncoder().encode(name));
  }
  await volume.close();
  return image;
}

async function idsAfter(image: Image, syncSnapshots?: number[]): Promise<number[]> {
  const volume = await openVolume({ store: imageDevice(image), syncSnapshots });
  const ids = volume.snapshots.map(({ id }) => id);
  const { clean } = await volume.check();
  assert.ok(clean);
  await volume.close();
  return ids;
}

for (const kind of ["range", "bitmap"] as const) {
  test(`${kind}: others are deleted, missing ones are made`, async () => {
    const image = await three(kind);
    assert.equal(await idsAfter(image, [4, 3, 2]), [2, 3, 4]);
    assert.equal(await idsAfter(image, [3, 9, 6]), [3, 6, 9]);
    assert.equal(await idsAfter(image), [3, 6, 9], "it is kept");
    const volume = await openVolume({ store: imageDevice(image) });
    assert.equal(
      volume.snapshots.map(({ name, parent }) => [name, parent]),
      [
        ["three", 1],
        ["6", 1],
        ["9", 1],
      ],
    );
    const bytes = new Uint8Array(5);
    await volume.get("three").read(0, bytes);
    assert.is(new TextDecoder().decode(bytes.subarray(0, 3)), "two");
    await volume.get("9").read(0, bytes);
    assert.is(new TextDecoder().decode(bytes.subarray(0, 4)), "four");
    assert.is(await volume.message("create"), 10);
    await volume.close();
    assert.equal(await idsAfter(image, []), []);
  });
}

test("durable when opening has answered, without a close", async () => {
  const image = await three();
  const volume = await openVolume({ store: imageDevice(image), syncSnapshots: [2, 7] });
  assert.equal(await idsAfter(image.copy()), [2, 7]);
  await volume.close();
});

test("a name that is free because its snapshot goes", async () => {
  const image = new Image();
  const made = await openVolume({ store: imageDevice(image), create: { size: SIZE } });
  await made.snapshot("3");
  await made.close();
  assert.equal(await idsAfter(image, [3]), [3]);
});

test("what cannot be changes nothing, and leaves the devices to the caller", async () => {
  const image = await three();
  const made = await openVolume({ store: imageDevice(image) });
  await made.snapshot("8");
  await made.delete("three");
  await made.close();
  const store = imageDevice(image);
  const wrong: [string, unknown][] = [
    ["Invalid", [2, 3]],
    ["Invalid", [2, 2]],
    ["Invalid", [1]],
    ["Invalid", [0]],
    ["Invalid", [2.5]],
    ["Invalid", ["2"]],
    ["Invalid", [2 ** 32 - 1]],
    ["Invalid", 2],
    ["Exists", [2, 5, 8]],
  ];
  for (const [code, syncSnapshots] of wrong) {
    await expectCode(code, openVolume({ store, syncSnapshots: syncSnapshots as number[] }));
    await expectCode(
      code === "Exists" ? "Exists" : "Invalid",
      openVolume({ store, syncSnapshots: syncSnapshots as number[] }),
    );
  }
  await expectCode("ReadOnly", openVolume({ store, readOnly: true, syncSnapshots: [] }));
  const volume = await openVolume({ store, readOnly: true, syncSnapshots: [2, 4, 5] });
  assert.equal(
    volume.snapshots.map(({ id }) => id),
    [2, 4, 5],
  );
  await volume.close();
});

for (const kind of ["range", "bitmap"] as const) {
  test(`${kind}: what is held is not deleted, and nothing else changes`, async () => {
    const image = await three(kind);
    const holding = await openVolume({ store: imageDevice(image) });
    await holding.addHold("three", "audit");
    await holding.close();
    await expectCode("Busy", openVolume({ store: imageDevice(image), syncSnapshots: [4, 9] }));
    assert.equal(await idsAfter(image), [2, 3, 4]);
    assert.equal(await idsAfter(image, [3, 9]), [3, 9], "others are");
    const releasing = await openVolume({ store: imageDevice(image) });
    await releasing.removeHold("three", "audit");
    await releasing.close();
    assert.equal(await idsAfter(image, [9]), [9]);
  });
}

test("bitmap: more than there can be", async () => {
  const image = await three("bitmap");
  const ids = Array.from({ length: 65 }, (_, i) => i + 10);
  await expectCode("Invalid", idsAfter(image, ids));
  assert.equal(await idsAfter(image), [2, 3, 4]);
  assert.equal(await idsAfter(image, ids.slice(0, 64)), ids.slice(0, 64));
});

test.run();
