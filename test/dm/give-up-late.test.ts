/**
 * Snapshots that are given up under load: devices that answer late, readers and writers of every
 * view. Nothing hangs, every write to the origin is done, and the next open shows no snapshot.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { openVolume } from "../../src/volume/open/open.ts";
import type { View } from "../../src/volume/types.ts";
import { same } from "../model/explain.ts";
import { mustBeClean, readAll } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { lateDevice, turns } from "../model/late.ts";
import { Random } from "../model/prng.ts";
import { Failing } from "../model/watched.ts";
import { CHUNK, CHUNKS, kinds } from "./giving.ts";

const SIZE = CHUNKS * CHUNK;
const LANES = 8;

/** Reads and writes a view until it is told to stop; what becomes of it does not matter. */
class Noise {
  #stopped = false;
  readonly #running: Promise<void>[];

  constructor(views: readonly View[], random: Random) {
    this.#running = views.flatMap((view) => [
      this.#repeat(() => view.read(random.below(CHUNKS - 9) * CHUNK, new Uint8Array(9 * CHUNK))),
      this.#repeat(() => view.write(random.below(CHUNKS - 1) * CHUNK, random.bytes(100))),
    ]);
  }

  async #repeat(request: () => Promise<void>): Promise<void> {
    while (!this.#stopped) {
      await request().catch(() => {});
      await turns(1);
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#running);
  }
}

/** Several writers of the origin, each in a part of its own; answers what it holds then. */
async function writeAll(origin: View, before: Uint8Array, random: Random): Promise<Uint8Array> {
  const content = before.slice();
  const lane = async (first: number) => {
    for (let i = 0; i < 30; i++) {
      const at = (first + random.below(CHUNKS / LANES - 9)) * CHUNK + random.pick([0, 77]);
      const bytes = random.bytes(random.pick([10, CHUNK, 8 * CHUNK]));
      await origin.write(at, bytes);
      content.set(bytes, at);
      if (i % 8 === 7) await origin.flush();
    }
  };
  const lanes = Array.from({ length: LANES }, (_, i) => lane((i * CHUNKS) / LANES));
  await Promise.all(lanes);
  return content;
}

for (const kind of kinds) {
  for (let seed = 1; seed <= 12; seed++) {
    const isFull = seed % 3 === 0;
    test(`${kind}, ${isFull ? "full" : "broken"}, seed ${seed}`, async () => {
      const random = new Random(seed);
      const failing = new Failing();
      const image = new Uint8Array(SIZE);
      for (let at = 0; at < SIZE; at += 2 ** 20) image.set(random.bytes(2 ** 20), at);
      const [store, under] = [new Image(isFull ? 2 * 2 ** 20 : 0), Image.of(image)];
      const broken = failing.device(imageDevice(store, { fixed: isFull }));
      const volume = await openVolume({
        preserveOnError: false,
        cacheBytes: 2 ** 20,
        store: lateDevice(broken, random.fork()),
        origin: lateDevice(imageDevice(under, { fixed: true }), random.fork()),
        create: { kind },
      });
      const views = [await volume.snapshot("a"), await volume.snapshot("b")];
      const call = random.pick(["write", "flush"] as const);
      if (!isFull) failing.fail(call, random.between(1, 40), random.pick([1, 1, 2]));
      const noise = new Noise(views, random.fork());
      const content = await writeAll(volume.origin, image, random.fork());
      await noise.stop();
      assert.ok(same(await readAll(volume.origin), content));
      const { givenUp, error } = volume.status();
      await volume.close();
      const again = await openVolume({
        store: imageDevice(store),
        origin: imageDevice(under, { fixed: true }),
        cacheBytes: 2 ** 20,
      });
      // A failure may have hit a write of the noise alone, which is refused, and no more.
      if (givenUp && !error?.includes("told so")) assert.equal(again.snapshots, []);
      if (isFull) assert.ok(givenUp);
      await mustBeClean(again);
      await again.close();
    });
  }
}

test.run();
