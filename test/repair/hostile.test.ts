/** Dumps that are broken, forged or of another store change nothing. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { restoreStore } from "../../src/volume/open/dump-store.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import { CrashLog } from "../crash/log.ts";
import { imageDevice } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import { dumpOf, resealed, source } from "./text.ts";
import { mustBeAsBefore } from "./verify.ts";
import { copyOf, devicesOf, KINDS, makeWorld, type World } from "./world.ts";

/** The error's code; nothing was written. */
async function refused(world: World, text: string, force = true): Promise<string> {
  const log = new CrashLog();
  const store = log.device(world.store);
  const error = await restoreStore({ store, dump: source(text), force }).catch((caught) => caught);
  if (!(error instanceof MultisnapError)) throw new Error(`not refused: ${error}\n${text}`);
  assert.is(log.now, 0, text);
  return error.code;
}

for (const kind of KINDS) {
  test(`${kind}: any byte of a dump changed`, async () => {
    const world = await makeWorld(41, { kind, mode: "inline" });
    const text = await dumpOf(world);
    const random = new Random(41);
    for (let i = 0; i < 300; i++) {
      const at = random.below(text.length - 1);
      const other = String.fromCharCode(text.charCodeAt(at) ^ (1 << random.below(7)));
      await refused(world, text.slice(0, at) + other + text.slice(at + 1));
    }
  });

  test(`${kind}: cut off, doubled, in another order`, async () => {
    const world = await makeWorld(42, { kind, mode: "inline" });
    const text = await dumpOf(world);
    const lines = text.split("\n").slice(0, -1);
    for (let i = 0; i < lines.length; i++) {
      const without = lines.filter((_, at) => at !== i);
      await refused(world, `${without.join("\n")}\n`);
      if (i === lines.length - 1) continue;
      await refused(world, resealed([...lines.slice(0, i), lines[i + 1]!, ...lines.slice(i)]));
      await refused(world, text.slice(0, Math.floor((text.length * i) / lines.length)));
    }
    await refused(world, "");
    await refused(world, `${text}{"end":{}}\n`);
  });

  test(`${kind}: forged fields under a right checksum`, async () => {
    const world = await makeWorld(43, { kind, mode: "inline" });
    const lines = (await dumpOf(world)).split("\n").slice(0, -1);
    const numbers = [-1, 0, 0.5, 1, 2 ** 31, 2 ** 32, 2 ** 47, 2 ** 53, 1e300];
    const random = new Random(43);
    for (let i = 0; i < 400; i++) {
      const forged = [...lines];
      const at = random.below(lines.length - 1);
      forged[at] = forge(lines[at]!, random, numbers);
      if (forged[at] === lines[at]) continue;
      const store = imageDevice(world.store.copy());
      const dump = source(resealed(forged));
      // What passes is a dump as any other: the store that it makes opens and can be checked.
      const error = await restoreStore({ store, dump, force: true }).catch((caught) => caught);
      if (error instanceof Error && !(error instanceof MultisnapError)) throw error;
      if (error instanceof MultisnapError) assert.is.not(error.code, "Internal", forged[at]);
      else await mustOpen(store, forged[at]!);
    }
  });
}

async function mustOpen(store: ReturnType<typeof imageDevice>, what: string): Promise<void> {
  const volume = await openVolume({ store, readOnly: true }).catch((error) => error);
  if (volume instanceof MultisnapError && volume.code === "Invalid") return;
  assert.not.instance(volume, Error, what);
  const report = await volume.check();
  assert.equal(report.problems, [], what);
}

/** One number, string or word of a line changed. */
function forge(line: string, random: Random, numbers: readonly number[]): string {
  const found = [...line.matchAll(/(?<=:)(-?\d+|"[^"]*"|true|false|null)(?=[,}\]])/g)];
  const { index, 0: old } = random.pick(found);
  const values = [...numbers.map(String), '""', '"x"', "null", "true", "[]", "{}"];
  return line.slice(0, index) + random.pick(values) + line.slice(index + old.length);
}

test("a store that has gone on is left alone without force", async () => {
  const world = await makeWorld(44, { kind: "range", mode: "inline" });
  const text = await dumpOf(world);
  const later = copyOf(world);
  const volume = await openVolume(devicesOf(later));
  await volume.origin.write(0, new Uint8Array(4096).fill(1));
  await volume.close();
  assert.is(await refused(later, text, false), "Exists");
  const other = await makeWorld(45, { kind: "range", mode: "inline" });
  assert.is(await refused(other, text, false), "Exists");
});

test("onto a copy of the data; onto a file without it not", async () => {
  const world = await makeWorld(46, { kind: "bitmap", mode: "inline" });
  const text = await dumpOf(world);
  const copy = copyOf(world);
  copy.store.write(new Uint8Array(8192), 0, 8192, 0);
  await restoreStore({ store: imageDevice(copy.store), dump: source(text), force: true });
  await mustBeAsBefore(copy);
  const short = copyOf(world);
  short.store.resize(100_000);
  assert.is(await refused(short, text), "Invalid");
});

test("a dump that is another one the second time", async () => {
  const world = await makeWorld(48, { kind: "range", mode: "inline" });
  const lines = (await dumpOf(world)).split("\n").slice(0, -1);
  const column = lines.findIndex((line) => line.startsWith('{"chunk"'));
  const other = resealed(lines.filter((_, at) => at !== column));
  const texts = [`${lines.join("\n")}\n`, other];
  const store = imageDevice(world.store);
  const dump = () => source(texts.shift()!)();
  const error = await restoreStore({ store, dump, force: true }).catch((caught) => caught);
  assert.is(error.code, "Invalid");
  await mustBeAsBefore(world);
});

test("lines without an end take no memory", async () => {
  const world = await makeWorld(47, { kind: "range", mode: "inline", steps: 5 });
  let asked = 0;
  const endless = async function* () {
    for (; ; asked++) yield new Uint8Array(65_536).fill(0x20);
  };
  const store = imageDevice(world.store);
  const error = await restoreStore({ store, dump: endless }).catch((caught) => caught);
  assert.is(error.code, "Invalid");
  assert.ok(asked < 4);
});

test.run();
