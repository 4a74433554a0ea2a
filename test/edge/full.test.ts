/**
 * The disk under a real workerd is full: SQLite's own `SQLITE_FULL`, where `maxBytes` of ours is
 * far away. workerd ends the object, with what was written and is not durable; the next request
 * starts it anew.
 */
import { spawnSync } from "node:child_process";
import path from "node:path";
import { test as plain } from "uvu";
import * as assert from "uvu/assert";
import { testsUnless, whyNoMount } from "../needs.ts";
import { type Order, send } from "./orders.ts";
import { buildWorker, Workerd, workerdVersion } from "./workerd.ts";

const MIB = 2 ** 20;
/** A write: 128 KiB. */
const SECTORS = 256;
const ONES = 0x01010101;
const TWOS = 0x02020202;

const why = (await workerdVersion()) === null ? "no workerd here" : whyNoMount();
const test = testsUnless(why);

test("a disk that is full under an object: what was flushed is there, and goes on", async () => {
  const built = await buildWorker("test/edge/volume-worker.ts");
  const disk = path.join(built.folder, "disk");
  const mount = (...options: string[]) =>
    assert.is(spawnSync("mount", ["-t", "tmpfs", ...options, "none", disk]).status, 0);
  mount("-o", `size=${12 * MIB}`);
  let server = await Workerd.start(built);
  try {
    const order: Order = { flush: "sync", size: 32 * MIB };
    const write = (sector: number, stamp: number) =>
      send(server.url, { ...order, writes: [{ view: null, sector, count: SECTORS, stamp }] });
    let flushed = 0;
    const failure = await (async () => {
      for (; flushed < order.size / 512; flushed += SECTORS) await write(flushed, ONES);
    })().catch(String);
    assert.match(failure as string, "Internal Server Error");
    assert.match(server.printed, "database or disk is full: SQLITE_FULL");
    assert.ok(flushed * 512 > 4 * MIB && flushed * 512 < 12 * MIB, `${flushed} sectors`);
    const holds = async (first: number) => {
      const { clean, views } = await (await send(server.url, { ...order, stamps: true })).json();
      assert.ok(clean);
      const found = views[""] as number[];
      assert.ok(found.slice(0, SECTORS).every((stamp) => stamp === first));
      assert.ok(found.slice(SECTORS, flushed).every((stamp) => stamp === ONES));
      assert.ok(found.slice(flushed).every((stamp) => stamp === 0 || stamp === ONES));
    };
    await holds(ONES);
    mount("-o", `remount,size=${64 * MIB}`);
    await write(0, TWOS);
    await holds(TWOS);
    await server.kill();
    server = await Workerd.start(built);
    await holds(TWOS);
  } finally {
    await server.kill();
    spawnSync("umount", ["--lazy", disk]);
    built.remove();
  }
});

plain.run();
