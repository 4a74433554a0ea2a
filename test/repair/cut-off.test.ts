/**
 * A store that lacks its end, as an interrupted copy leaves it: check names what data is gone, and
 * after a repair exactly that answers `Corrupt`, not zeros; a record that names a place that no
 * device has puts nothing there.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { checkStore } from "../../src/volume/open/check-store.ts";
import { repairStore } from "../../src/volume/open/repair-store.ts";
import { bytesOf } from "../format/agree.ts";
import { BLOCK, crc32c, HEADER, StoreBlocks } from "../format/blocks.ts";
import { imageDevice } from "../model/image.ts";
import { mustBeAsBeforeOrLost } from "./verify.ts";
import { copyOf, KINDS, MODES, makeWorld, metadataOf, type World } from "./world.ts";

/** Where the last metadata in use ends: what lies behind is data. */
function endOfMetadata(world: World): number {
  return Math.max(...metadataOf(world).map(({ at, bytes }) => at + bytes));
}

for (const kind of KINDS) {
  for (const mode of MODES) {
    test(`${kind}, ${mode}: data at the end is cut off`, async () => {
      let cuts = 0;
      for (let seed = 1; seed <= 6; seed++) {
        const world = await makeWorld(seed, { kind, mode, crashed: seed % 2 === 0 });
        const { size } = world.store;
        const from = Math.max(endOfMetadata(world), size - 12 * world.chunk);
        for (let end = size - world.chunk; end >= from; end -= 3 * world.chunk) {
          const damaged = copyOf(world);
          damaged.store.resize(end);
          damaged.name = `${world.name}, ${end} bytes of ${size}`;
          const store = imageDevice(damaged.store);
          const found = await checkStore({ store });
          const report = await repairStore({ store });
          if (seed % 2 === 1) assert.is(found.lossCount > 0, report.lossCount > 0, damaged.name);
          await mustBeAsBeforeOrLost(damaged, report.losses);
          assert.equal((await checkStore({ store })).problems, [], damaged.name);
          if (report.lossCount > 0) cuts++;
        }
      }
      assert.ok(cuts > 3, `only ${cuts} cuts took data`);
    });
  }
}

test("a record that names a place far away", async () => {
  const world = await makeWorld(4, { kind: "range", mode: "inline", crashed: true });
  const blocks = new StoreBlocks(bytesOf(world.store));
  const at = (2 + blocks.field(88) * blocks.field(84)) * BLOCK;
  const record = Buffer.from(bytesOf(world.store).buffer).subarray(at, at + 64 * BLOCK);
  const length = record.readUInt32LE(8);
  const [map] = operations(record.subarray(0, length));
  record.writeBigUInt64LE(2n ** 40n, map! + 16);
  record.writeUInt32LE(crc32c(new Uint8Array(record.subarray(4, length))), 0);
  world.store.write(new Uint8Array(record.subarray(0, length)), 0, length, at);
  const before = world.store.size;
  // The records behind it are chained to it: now they are lost, and so is what they changed.
  const report = await repairStore({ store: imageDevice(world.store) });
  assert.ok(report.lossCount > 0);
  assert.ok(world.store.size < before + 2 ** 22, `${world.store.size} bytes, ${before} before`);
  assert.equal((await checkStore({ store: imageDevice(world.store) })).problems, []);
});

/** Offsets of the OP_MAPs of a record that have a place. */
function operations(record: Buffer): number[] {
  const found: number[] = [];
  for (let at = HEADER; at + 24 <= record.length; at += 24) {
    const kind = record[at]!;
    if (kind === 1 && record[at + 1] === 0) found.push(at);
    if (kind === 3 || kind === 5 || kind === 10) break;
  }
  return found;
}

test.run();
