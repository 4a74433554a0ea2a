/** Snapshots of a volume that grew and shrank in between, sent one after the other. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { receiveStream } from "../../src/index.ts";
import { bytesOf, changeOnce, newVolume } from "../diff/random-volume.ts";
import { Random } from "../model/prng.ts";
import { inParts, sent } from "./streams.ts";

const test = suite("streams of volumes that change their size");
const SIZE = 20 * 4096;

for (const kind of ["range", "bitmap"] as const) {
  for (const mode of ["inline", "base"] as const) {
    test(`from an origin that is ${mode} into a store of kind ${kind}`, async () => {
      for (let seed = 1; seed <= 15; seed++) await oneHistory(kind, mode, seed);
    });
  }
}

async function oneHistory(
  kind: "range" | "bitmap",
  mode: "inline" | "base",
  seed: number,
): Promise<void> {
  const random = new Random(seed);
  const from = { kind: "range", mode, chunk: 4096, size: SIZE } as const;
  const to = { kind, mode: "inline", chunk: random.pick([4096, 8192]), size: SIZE } as const;
  const { volume: a } = await newVolume(from, random);
  const { volume: b } = await newVolume(to, random);
  const past: [string, Uint8Array][] = [];
  for (let step = 0; step < 6; step++) {
    const what = `seed ${seed}, step ${step}`;
    const size = 512 * random.between(8, 320);
    if (step > 0) await a.resize(random.chance(0.7) ? size : a.origin.size, { shrink: true });
    for (let count = random.between(0, 6); count > 0; count--) {
      if (a.origin.size > 4096) await changeOnce(a.origin, 512, random);
    }
    const name = `s${step}`;
    await a.snapshot(name, { readOnly: true });
    past.push([name, await bytesOf(a.origin)]);
    const base = step > 0 && random.chance(0.8) ? `s${random.between(0, step - 1)}` : undefined;
    const newest = base === `s${step - 1}`;
    const followed = (await bytesOf(b.origin)).length === past.at(-2)?.[1].length;
    const stream = await sent(a, name, { from: base });
    const { follows } = await receiveStream(b, inParts(stream, random));
    if (newest && followed && step === 1) assert.ok(follows, what);
    if (follows) assert.equal(await bytesOf(b.origin), past.at(-1)![1], what);
  }
  for (const [name, bytes] of past) {
    assert.is(b.get(name).size, bytes.length, `seed ${seed}: @${name}`);
    assert.equal(await bytesOf(b.get(name)), bytes, `seed ${seed}: @${name}`);
  }
  for (const volume of [a, b]) assert.ok((await volume.check()).clean, `seed ${seed}`);
}

test("the copy's origin follows from size to size", async () => {
  const random = new Random(1);
  const { volume: a } = await newVolume(
    { kind: "range", mode: "inline", chunk: 4096, size: SIZE },
    random,
  );
  const { volume: b } = await newVolume(
    { kind: "range", mode: "inline", chunk: 4096, size: 4096 },
    random,
  );
  let base: string | undefined;
  for (const [step, size] of [SIZE, 2 * SIZE, SIZE / 2, SIZE + 512].entries()) {
    if (step > 0) await a.resize(size, { shrink: true });
    await a.origin.write(size - 1000, random.bytes(1000));
    await a.snapshot(`s${step}`, { readOnly: true });
    const stream = await sent(a, `s${step}`, { from: base });
    assert.ok((await receiveStream(b, inParts(stream))).follows, `step ${step}`);
    assert.equal(await bytesOf(b.origin), await bytesOf(a.origin), `step ${step}`);
    base = `s${step}`;
  }
});

test.run();
