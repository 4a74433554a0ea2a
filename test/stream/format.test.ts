/** STREAM.md: its numbers are those of the code, and a reader made from it alone reads streams. */
import fs from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { engineModule } from "../../src/engine/module.ts";
import type { StoreKind } from "../../src/index.ts";
import { Checksum } from "../../src/stream/checksum.ts";
import * as layout from "../../src/stream/layout.ts";
import { encodeIdentity } from "../../src/volume/identity/identity.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { bytesOf, live, newVolume } from "../diff/random-volume.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { apply, crc32c, readStream } from "./reader.ts";
import { sent } from "./streams.ts";

const test = suite("the format of streams");
const page = fs.readFileSync(new URL("../../src/stream/STREAM.md", import.meta.url), "utf8");
const values = layout as unknown as Record<string, number | string>;

test("every number of the page is the code's, and every name of the code is there", () => {
  let rows = 0;
  for (const [, name, value] of page.matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)) {
    assert.is(values[name!], Number(value), name);
    rows++;
  }
  assert.ok(rows > 30);
  for (const [, name, value] of page.matchAll(/`([A-Z]+_[A-Z_]+)` (?:is )?(\d+)/g)) {
    assert.is(values[name!], Number(value), name);
  }
  assert.ok(page.includes(`"${layout.MAGIC}"`));
  const said = new Set([...page.matchAll(/`([A-Z_]+)`/g)].map(([, name]) => name));
  const lengths = ["MAGIC", "VERSION", "NAME_MAX", "STREAM_BYTES", "SUM_LENGTH"];
  for (const name of Object.keys(layout)) assert.ok(said.has(name) || lengths.includes(name), name);
  assert.ok(page.includes(`STREAM, ${layout.STREAM_BYTES} bytes`));
  assert.ok(page.includes(`END, ${layout.SUM_LENGTH} bytes`));
});

test("the checksum is crc32c", () => {
  assert.is(crc32c(new TextEncoder().encode("123456789")), 0xe3069283);
});

test("and so it is wherever bytes lie, and however many they are", async () => {
  const sum = new Checksum(await engineModule());
  const bytes = new Random(1).bytes(2 ** 19);
  for (const length of [0, 1, 15, 16, 4100, 2 ** 18 - 9, 2 ** 18, 2 ** 18 + 7]) {
    for (let at = 0; at < 9; at++) {
      const piece = bytes.subarray(at, at + length);
      assert.is(sum.crc(piece), crc32c(piece), `${length} bytes at ${at}`);
    }
  }
});

test("a second reader makes the same of it", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed);
    const kind: StoreKind = random.pick(["range", "bitmap"]);
    const mode: OriginMode = random.pick(["inline", "base", "attached"]);
    const size = 4096 * random.between(3, 30) + 512 * random.below(8);
    const { volume } = await newVolume({ kind, mode, chunk: 4096, size }, random);
    const known = new Map<string, Buffer>();
    for (let round = 0; round < 3; round++) {
      await live(volume, random, 15);
      const name = `round ${round}`;
      await volume.snapshot(name, { readOnly: random.chance(0.5) });
      const compress = random.pick(["none", "gzip"] as const);
      const from = await knownBase(volume, `round ${round - 1}`, known);
      const all = from === undefined && random.chance(0.5);
      const stream = readStream(await sent(volume, name, { from, all, compress }));
      apply(stream, known);
      for (const snapshot of stream.snapshots) {
        const view = volume.get(snapshot.name);
        assert.is(snapshot.identity, await hexOf(volume, view));
        assert.equal([snapshot.size, snapshot.created], [view.size, view.created]);
        const bytes = Buffer.from(await bytesOf(view));
        assert.ok(known.get(snapshot.identity)!.equals(bytes), `seed ${seed}: ${snapshot.name}`);
      }
      while (volume.snapshots.length > 6) await volume.delete(volume.snapshots[0]!);
    }
    await volume.close();
  }
});

async function hexOf(volume: Volume, view: View): Promise<string> {
  return Buffer.from(encodeIdentity(await volume.identity(view))).toString("hex");
}

/** The snapshot, where it is still there and what was sent. */
async function knownBase(volume: Volume, name: string, known: Map<string, Buffer>) {
  if (!volume.has(name)) return undefined;
  return known.has(await hexOf(volume, volume.get(name))) ? name : undefined;
}

test.run();
