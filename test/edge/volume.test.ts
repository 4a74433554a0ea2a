/**
 * A volume in a Durable Object of real workerd processes, which are killed (SIGKILL) under load and
 * started again on the same disk. `SEED=7 KILLS=100 npx tsx test/edge/volume.test.ts` goes on for
 * longer.
 */
import fs from "node:fs";
import path from "node:path";
import type { Plugin } from "esbuild";
import { test as plain } from "uvu";
import * as assert from "uvu/assert";
import { ImageServer } from "../devices/http-server.ts";
import { Random } from "../model/prng.ts";
import { type Order, send } from "./orders.ts";
import { buildWorker, testsInWorkerd, Workerd } from "./workerd.ts";

const SECTOR = 512;
const SIZE = 2 ** 20;
const SECTORS = SIZE / SECTOR;
const KILLS = Number(process.env.KILLS ?? 8);
const SEED = Number(process.env.SEED ?? 1);

const test = await testsInWorkerd();

/** What each sector of each view may be: the last is what it is if nothing was lost. */
class Book {
  readonly views = new Map<string, number[][]>([["", Array.from({ length: SECTORS }, () => [0])]]);
  /** Snapshots that were asked for, and not answered. */
  readonly maybe = new Set<string>();

  note({ writes = [], snapshot }: Order): void {
    for (const { view, sector, count, stamp } of writes) {
      const sectors = this.views.get(view ?? "") as number[][];
      for (let i = sector; i < sector + count; i++) sectors[i]!.push(stamp);
    }
    if (snapshot === undefined) return;
    const origin = this.views.get("") as number[][];
    this.views.set(
      snapshot,
      origin.map((stamps) => stamps.slice(-1)),
    );
    this.maybe.add(snapshot);
  }

  /** All that was noted was answered for. */
  settle(): void {
    this.maybe.clear();
    for (const sectors of this.views.values()) {
      for (const stamps of sectors) stamps.splice(0, stamps.length - 1);
    }
  }

  /** Compares with what was found, and takes that for what is there from now on. */
  compare(found: Record<string, number[]>): void {
    for (const [name, sectors] of this.views) {
      const stamps = found[name];
      if (!stamps) {
        assert.ok(this.maybe.has(name), `snapshot ${name} is lost`);
        this.views.delete(name);
        continue;
      }
      for (const [i, allowed] of sectors.entries()) {
        const stamp = stamps[i] as number;
        if (!allowed.includes(stamp)) {
          throw new Error(`view "${name}" sector ${i}: ${stamp}, expected one of ${allowed}`);
        }
        allowed.splice(0, allowed.length, stamp);
      }
    }
    assert.is(Object.keys(found).length, this.views.size);
    this.maybe.clear();
  }
}

for (const flush of ["sync", "gate"] as const) {
  test(`killed ${KILLS} times, flushes by ${flush}: what was flushed is there`, async () => {
    const random = new Random(SEED);
    const built = await buildWorker("test/edge/volume-worker.ts");
    const book = new Book();
    let stamp = 0;
    let answered = 0;
    let server = await Workerd.start(built);
    const draw = (): Order => {
      if (random.chance(0.15) && book.views.size < 12) {
        return { flush, size: SIZE, snapshot: `s${++stamp}` };
      }
      const writes = Array.from({ length: random.between(1, 24) }, () => {
        const count = random.pick([1, 8, 8, 16, 128]);
        const view = random.chance(0.7) ? "" : random.pick([...book.views.keys()]);
        const sector = Math.floor(random.below(SECTORS - count) / 8) * 8;
        return { view: view === "" ? null : view, sector, count, stamp: ++stamp };
      });
      // Writes to one place at once may end in any order.
      const used = new Set<string>();
      const apart = writes.filter(({ view, sector, count }) => {
        const keys = Array.from({ length: count }, (_, i) => `${view}/${sector + i}`);
        if (keys.some((key) => used.has(key))) return false;
        for (const key of keys) used.add(key);
        return true;
      });
      return { flush, size: SIZE, writes: apart };
    };
    try {
      for (let kill = 0; kill < KILLS; kill++) {
        const steps = random.between(3, 25);
        for (let step = 0; step < steps; step++) {
          const order = draw();
          book.note(order);
          await send(server.url, order);
          book.settle();
          answered++;
        }
        const order = draw();
        book.note(order);
        const pending = send(server.url, order).catch(() => {});
        await new Promise((resolve) => setTimeout(resolve, random.below(25)));
        await server.kill("SIGKILL");
        await pending;
        server = await Workerd.start(built);
        const answer = await send(server.url, { flush, size: SIZE, stamps: true });
        const { clean, problems, views } = (await answer.json()) as {
          clean: boolean;
          problems: unknown[];
          views: Record<string, number[]>;
        };
        assert.ok(clean, JSON.stringify(problems));
        book.compare(views);
      }
      assert.ok(answered > KILLS * 2);
    } catch (cause) {
      const replay = `SEED=${SEED} KILLS=${KILLS} npx tsx test/edge/volume.test.ts`;
      throw new Error(`${replay}: ${(cause as Error).message}\n${server.printed}`, { cause });
    } finally {
      await server.kill();
      built.remove();
    }
  });
}

const root = path.join(import.meta.dirname, "..", "..");
const isBuilt = fs.existsSync(path.join(root, "dist/edge.js"));
(isBuilt ? test : plain.skip)(
  isBuilt ? "the package as a worker imports it" : "the package: there is no dist/",
  async () => {
    const throughPackage: Plugin = {
      name: "through the package",
      setup: ({ onResolve, resolve }) => {
        onResolve({ filter: /src\/edge\.ts$/ }, ({ kind }) =>
          resolve("multisnap", { resolveDir: root, kind }),
        );
      },
    };
    const built = await buildWorker("test/edge/volume-worker.ts", { plugins: [throughPackage] });
    const server = await Workerd.start(built);
    try {
      const order: Order = { flush: "sync", size: SIZE };
      const write = { view: null, sector: 8, count: 8, stamp: 0x07070707 };
      await send(server.url, { ...order, writes: [write] });
      const answer = await send(server.url, {
        ...order,
        read: { view: null, offset: 0, length: 8192 },
      });
      const found = new Uint8Array(await answer.arrayBuffer());
      assert.is(found.indexOf(7), 4096);
      assert.is(found.lastIndexOf(7), 8191);
    } finally {
      await server.kill();
      built.remove();
    }
  },
);

test("a volume in an object stands on an image that a web server has", async () => {
  const image = new Random(3).bytes(2 ** 21);
  const web = await new ImageServer(image).listen();
  const built = await buildWorker("test/edge/volume-worker.ts");
  let server = await Workerd.start(built);
  try {
    const order: Order = { flush: "sync", size: 0, base: web.url };
    const write = { view: null, sector: 100, count: 8, stamp: 0x01010101 };
    await send(server.url, { ...order, writes: [write] });
    for (let life = 0; life < 2; life++) {
      const read = { view: null, offset: 1000, length: 200_000 };
      const answer = await send(server.url, { ...order, read });
      const expected = image.slice(1000, 201_000);
      expected.fill(1, 51_200 - 1000, 51_200 - 1000 + 4096);
      const found = Buffer.from(await answer.arrayBuffer());
      assert.is(Buffer.compare(found, expected), 0);
      await server.kill();
      server = await Workerd.start(built);
    }
  } finally {
    await server.kill();
    built.remove();
    await web.close();
  }
});

plain.run();
