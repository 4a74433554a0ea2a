/** Messages of the 2009 target, on a volume that this process has open. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryDevice } from "../../src/devices/memory.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { StoreKind, Volume } from "../../src/volume/types.ts";
import { expectCode } from "../model/history.ts";

function make(kind: StoreKind = "range"): Promise<Volume> {
  return openVolume({ store: memoryDevice(), create: { size: 2 ** 20, kind } });
}

test("create: a snapshot of the origin, called after its id", async () => {
  const volume = await make();
  await volume.origin.write(0, new Uint8Array([1]));
  assert.is(await volume.message("create"), 2);
  await volume.origin.write(0, new Uint8Array([2]));
  await volume.snapshot("between");
  assert.is(await volume.message("  create "), 4);
  assert.equal(
    volume.snapshots.map(({ id, name, parent, readOnly }) => [id, name, parent, readOnly]),
    [
      [2, "2", 1, false],
      [3, "between", 1, false],
      [4, "4", 1, false],
    ],
  );
  const byte = new Uint8Array(1);
  await volume.get("2").read(0, byte);
  assert.is(byte[0], 1);
  assert.match(volume.status().dmStatus, /^5 0 5 \d+ \d+ \d+ 3 2 3 4$/);
  await volume.close();
});

test("create_subsnap: of a snapshot, to any depth", async () => {
  const volume = await make();
  assert.is(await volume.message("create"), 2);
  assert.is(await volume.message("create_subsnap 2"), 3);
  assert.is(await volume.message("create_subsnap\t3"), 4);
  assert.equal(
    volume.snapshots.map(({ parent }) => parent),
    [1, 2, 3],
  );
  await volume.close();
});

test("delete: by id, whatever the name", async () => {
  const volume = await make();
  const named = await volume.snapshot("named");
  assert.is(await volume.message(`delete ${named.id}`), named.id);
  assert.equal(volume.snapshots, []);
  await expectCode("NotFound", volume.message(`delete ${named.id}`));
  // Ids are not used again.
  assert.is(await volume.message("create"), 3);
  await volume.close();
});

test("ids that are none, of the origin, of nobody", async () => {
  const volume = await make();
  await volume.message("create");
  const ids = ["0", "1", "01", "+2", "-2", "2.0", "2e0", "0x2", "２", "two", "", "4294967295"];
  for (const verb of ["delete", "create_subsnap"]) {
    for (const id of ids) await expectCode("Invalid", volume.message(`${verb} ${id}`));
    await expectCode("NotFound", volume.message(`${verb} 3`));
    await expectCode("NotFound", volume.message(`${verb} 4294967294`));
    await expectCode("Invalid", volume.message(`${verb} 2 2`));
  }
  assert.is(volume.snapshots.length, 1);
  await volume.close();
});

test("texts that are no messages", async () => {
  const volume = await make();
  for (const text of ["", " ", "create 2", "Create", "create_snap 2", "list", "delete", null, 7]) {
    await expectCode("Invalid", volume.message(text as string));
  }
  assert.is(volume.snapshots.length, 0);
  await volume.close();
  await expectCode("Closed", volume.message("create"));
});

test("a name that somebody has: says so, and works once it is free", async () => {
  const volume = await make();
  await volume.snapshot("3");
  await expectCode("Exists", volume.message("create"));
  await expectCode("Exists", volume.message("create_subsnap 2"));
  await volume.rename("3", "three");
  assert.is(await volume.message("create"), 3);
  await volume.close();
});

test("bitmap: no snapshots of snapshots", async () => {
  const volume = await make("bitmap");
  assert.is(await volume.message("create"), 2);
  await expectCode("Unsupported", volume.message("create_subsnap 2"));
  assert.is(await volume.message("delete 2"), 2);
  await volume.close();
});

test("many at a time get an id each", async () => {
  const volume = await make();
  const ids = await Promise.all(Array.from({ length: 20 }, () => volume.message("create")));
  assert.is(new Set(ids).size, 20);
  assert.equal(
    volume.snapshots.map(({ name }) => Number(name)),
    ids.toSorted((a, b) => a - b),
  );
  await volume.close();
});

test.run();
