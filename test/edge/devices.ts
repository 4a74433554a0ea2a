/** What the device over a Durable Object's storage does: runs inside of workerd (runtimes.ts). */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { type SqlDeviceOptions, sqlDevice } from "../../src/devices/sql.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { deviceConformance, fails, pattern } from "../devices/conformance.ts";
import { newName, testStorage } from "./sql-medium.ts";

const MIB = 2 ** 20;
const variants: SqlDeviceOptions[] = [
  {},
  { flush: "gate" },
  { blockBytes: 4096 },
  { blockBytes: MIB, flush: "gate" },
];
for (const options of variants) {
  deviceConformance(`rows, ${JSON.stringify(options)}`, async () => {
    const name = newName();
    const device = sqlDevice(testStorage(), { name, ...options });
    return { device, size: 0, remove: () => {} };
  });
}

const rowsOf = (name: string): number => {
  const count = testStorage().sql.exec(`SELECT count(*) FROM "multisnap_${name}"`);
  return count.raw().toArray()[0]?.[0] as number;
};

test("what was flushed is there again, what grew since then is not", async () => {
  const name = newName();
  const content = pattern(100_000, 9);
  const device = sqlDevice(testStorage(), { name });
  await device.write(content, 0, content.length, 12345);
  await device.flush();
  await device.write(content, 0, content.length, 200_000);
  // As after a crash: what close would remember is not.
  const { sql } = testStorage();
  await device.close();
  sql.exec("UPDATE multisnap SET size = 112345 WHERE name = ?", name);
  const again = sqlDevice(testStorage(), { name, blockBytes: 4096 });
  assert.is(again.size(), 112_345);
  const found = new Uint8Array(100_000);
  await again.read(found, 0, found.length, 12345);
  assert.equal(found, content);
  await again.resize(400_000);
  await again.read(found, 0, found.length, 200_000);
  assert.ok(found.every((byte) => byte === 0));
  await again.close();
});

test("only what was written is a row", async () => {
  const name = newName();
  const device = sqlDevice(testStorage(), { name });
  await device.write(pattern(4096, 1), 0, 4096, 2 ** 40);
  await device.write(pattern(4096, 1), 0, 4096, 2 ** 40 + 4096);
  await device.write(pattern(4096, 1), 0, 4096, 0);
  assert.is(rowsOf(name), 2);
  await device.resize(4096);
  assert.is(rowsOf(name), 1);
  await device.resize(0);
  assert.is(rowsOf(name), 0);
  await device.close();
});

test("one device of a name at a time, any number of names", async () => {
  const name = newName();
  const device = sqlDevice(testStorage(), { name });
  await fails("Busy", () => sqlDevice(testStorage(), { name }));
  sqlDevice(testStorage(), { name: newName() }).close();
  await device.close();
  sqlDevice(testStorage(), { name }).close();
});

test("a full database is NoSpace, overwriting and shrinking go on", async () => {
  const name = newName();
  const used = testStorage().sql.databaseSize;
  const device = sqlDevice(testStorage(), { name, maxBytes: used + MIB });
  const bytes = pattern(65536, 3);
  let written = 0;
  await fails("NoSpace", async () => {
    for (; written < 64; written++) await device.write(bytes, 0, 65536, written * 65536);
  });
  assert.ok(written >= 12 && written <= 16, `${written} pieces of 64 KiB in 1 MiB`);
  for (let i = 0; i < written; i++) await device.write(bytes, 0, 65536, i * 65536);
  await device.resize(65536);
  await device.write(bytes, 0, 65536, 65536);
  await device.close();
});

test("a volume in a full database keeps its snapshots; with room it goes on", async () => {
  const maxBytes = testStorage().sql.databaseSize + 4 * MIB;
  const store = sqlDevice(testStorage(), { name: newName(), maxBytes });
  const volume = await openVolume({ store, create: { size: 16 * MIB }, cacheBytes: MIB });
  await volume.origin.write(0, pattern(MIB, 1));
  const snapshot = await volume.snapshot("first");
  await fails("NoSpace", async () => {
    for (let at = 0; at < 8 * MIB; at += 65536) await volume.origin.write(at, pattern(65536, 2));
  });
  const found = new Uint8Array(MIB);
  await snapshot.read(0, found);
  assert.equal(found, pattern(MIB, 1));
  assert.is(volume.status().error, null);
  assert.ok((await volume.check({ data: true })).clean);
  await volume.delete(snapshot);
  await volume.reclaimed();
  await volume.flush();
  await volume.origin.write(0, pattern(MIB, 3));
  await volume.flush();
  await volume.close();
});

test("rows that are not blocks are Corrupt, tables of later layouts Unsupported", async () => {
  const name = newName();
  const { sql } = testStorage();
  const device = sqlDevice(testStorage(), { name });
  await device.write(pattern(4096, 1), 0, 4096, 0);
  sql.exec(`UPDATE "multisnap_${name}" SET data = ?`, new ArrayBuffer(7));
  await fails("Corrupt", () => device.read(new Uint8Array(10), 0, 10, 0));
  sql.exec(`UPDATE "multisnap_${name}" SET data = 'text'`);
  await fails("Corrupt", () => device.write(new Uint8Array(10), 0, 10, 0));
  await device.close();
  sql.exec("UPDATE multisnap SET format = 2 WHERE name = ?", name);
  await fails("Unsupported", () => sqlDevice(testStorage(), { name }));
  sql.exec("UPDATE multisnap SET format = 1, block = 5000 WHERE name = ?", name);
  await fails("Corrupt", () => sqlDevice(testStorage(), { name }));
});

test("what cannot be meant is Invalid", async () => {
  const storage = testStorage();
  const wrong = [{ name: "" }, { name: 'a"b' }, { blockBytes: 5000 }, { blockBytes: 2048 }];
  for (const options of wrong) await fails("Invalid", () => sqlDevice(storage, options));
  await fails("Invalid", () => sqlDevice(storage, { flush: "never" as "sync" }));
  await fails("Invalid", () => sqlDevice({} as typeof storage));
});

test.run();
