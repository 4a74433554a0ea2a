/** Repair keeps the checksums of data that can be read, and drops those of a block that cannot. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { memoryDevice } from "../../src/devices/memory.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { repairStore } from "../../src/volume/open/repair-store.ts";
import type { StoreKind, Volume } from "../../src/volume/types.ts";
import { Random } from "../model/prng.ts";
import { hasSum, placeOf } from "../sums/summed.ts";

const CHUNK = 4096;
const CHUNKS = 3000;
/** "SUMS", the type of a block of the sum map. */
const TYPE_SUMS = 0x534d5553;

/** The same bytes; closing it leaves them. */
function kept(device: Device): Device {
  return new Proxy(device, {
    get(target, key) {
      if (key === "close") return () => {};
      const value = Reflect.get(target, key);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

async function made(kind: StoreKind): Promise<{ store: Device; old: Uint8Array }> {
  const random = new Random(5);
  const store = memoryDevice();
  const create = { size: CHUNKS * CHUNK, kind, checksums: true };
  const volume = await openVolume({ store: kept(store), create });
  const old = new Uint8Array(CHUNKS * CHUNK);
  for (let at = 0; at < old.length; at += CHUNK) old.set(random.bytes(CHUNK), at);
  await volume.origin.write(0, old);
  await volume.snapshot("old");
  await volume.origin.write(0, old.toReversed());
  await volume.close();
  return { store, old };
}

async function summed(volume: Volume): Promise<number[]> {
  const found: number[] = [];
  for (let chunk = 0; chunk < CHUNKS; chunk++) {
    const place = await placeOf(volume, volume.get("old"), chunk);
    if (await hasSum(volume, place)) found.push(chunk);
  }
  return found;
}

function newestSlot(store: Device): number {
  const bytes = new Uint8Array(2 * CHUNK);
  store.read(bytes, 0, bytes.length, 0);
  const view = new DataView(bytes.buffer);
  return view.getBigUint64(48, true) > view.getBigUint64(CHUNK + 48, true) ? 0 : 1;
}

function blocksOfType(store: Device, type: number): number[] {
  const bytes = new Uint8Array(store.size());
  store.read(bytes, 0, bytes.length, 0);
  const view = new DataView(bytes.buffer);
  const blocks = Array.from({ length: bytes.length / CHUNK }, (_, block) => block);
  return blocks.filter((block) => view.getUint32(block * CHUNK + 12, true) === type);
}

for (const kind of ["range", "bitmap"] as const) {
  const test = suite(`repair of checksums: ${kind}`);

  test("the superblock is lost: every sum stays, and tells what rots", async () => {
    const { store, old } = await made(kind);
    store.write(new Uint8Array(CHUNK).fill(0xa5), 0, CHUNK, newestSlot(store) * CHUNK);
    assert.ok((await repairStore({ store })).repaired.length > 0);
    const volume = await openVolume({ store: kept(store) });
    assert.is((await summed(volume)).length, CHUNKS);
    const found = new Uint8Array(old.length);
    await volume.get("old").read(0, found);
    assert.ok(Buffer.from(old).equals(found));
    const place = await placeOf(volume, volume.get("old"), 7);
    store.write(new Uint8Array(1), 0, 1, place * CHUNK + 100);
    store.write(new Uint8Array([~(old[7 * CHUNK + 100] as number)]), 0, 1, place * CHUNK + 100);
    const error = await volume
      .get("old")
      .read(7 * CHUNK, new Uint8Array(10))
      .catch((e) => e);
    assert.is(error.code, "Corrupt");
    await volume.close();
  });

  test("a block of sums is lost: its sums are, nothing else", async () => {
    const { store, old } = await made(kind);
    const blocks = blocksOfType(store, TYPE_SUMS);
    assert.ok(blocks.length >= 3, `${blocks.length} blocks`);
    // Old versions of a block may be there as well: all of one place's.
    for (const block of blocks.slice(0, 1)) store.write(new Uint8Array(64), 0, 64, block * CHUNK);
    const { losses, repaired } = await repairStore({ store });
    assert.equal(losses, []);
    const volume = await openVolume({ store: kept(store) });
    assert.is((await volume.check({ data: true })).clean, true);
    const left = (await summed(volume)).length;
    assert.ok(repaired.length === 0 ? left === CHUNKS : left >= CHUNKS - 1008 && left < CHUNKS);
    const found = new Uint8Array(old.length);
    await volume.get("old").read(0, found);
    assert.ok(Buffer.from(old).equals(found));
    await volume.close();
  });

  test.run();
}
