/**
 * A metadata area of which only some sectors arrive: entries behind the end of the table that this
 * makes are nobody's. They name chunks that later writes get, so they must not come to life when
 * the table grows up to them.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Image } from "../model/image.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { FIXED } from "../model/subjects.ts";
import { type DeviceEvent, Wreck } from "./log.ts";
import { Script } from "./script.ts";
import { verifyCrash } from "./verify.ts";

const CHUNK = 4096;
const SECTOR = 512;
/** Entries of an area; 32 to a sector. */
const ENTRIES = 200;
const SIZE = 256 * CHUNK;
const world = {
  mode: "attached",
  chunk: CHUNK,
  size: SIZE,
  others: [],
  disk: null,
  late: null,
} as const;

/** Entries of the second write: more than a sector has. */
const MORE = 40;

/** The writes of area 0, which is chunk 1. */
function areaWrites({ log, created }: Script): number[] {
  const isArea = (event: DeviceEvent) =>
    event.device === 0 && event.kind === "write" && event.offset === CHUNK;
  return log.events.flatMap((event, at) => (at >= created && isArea(event) ? [at] : []));
}

/** What is on the media where of event `at` only the `arrived` sectors are. */
function torn({ log }: Script, at: number, arrived: (sector: number) => boolean): Image[] {
  const wreck = new Wreck(log);
  for (const event of log.events.slice(0, at)) wreck.advance(event);
  assert.is(wreck.pending, 0, "everything before the area is durable");
  const [images] = [...wreck.states(new Random(1), { allUpTo: 0, samples: 0, torn: 0 })];
  const { bytes, offset } = log.events[at] as Extract<DeviceEvent, { kind: "write" }>;
  for (let sector = 0; sector < CHUNK / SECTOR; sector++) {
    const start = sector * SECTOR;
    if (arrived(sector)) images?.[0]?.write(bytes, start, SECTOR, offset + start);
  }
  return images as Image[];
}

function copies(images: Image[]): Image[] {
  return images.map((image) => image.copy());
}

for (const subject of subjects.filter(({ kind }) => kind === "persistent")) {
  const test = suite(`torn areas: ${subject.name}`);

  /** One commit of `count` exceptions, cut short; answers what is left of it, verified. */
  async function cut(script: Script, first: number, count: number, kept: (at: number) => boolean) {
    const bytes = new Random(first).bytes(count * CHUNK);
    await script.write(FIXED.id, first * CHUNK, bytes);
    await script.flush();
    const [at = -1, ...others] = areaWrites(script);
    assert.equal(others, [], "one area write names them all");
    const images = torn(script, at, kept);
    const expected = script.oracle.at(at + 1);
    await verifyCrash({ subject, world, images: copies(images), expected });
    await script.close();
    return images;
  }

  for (let sector = 0; sector < Math.ceil((16 * ENTRIES) / SECTOR) - 1; sector++) {
    test(`sector ${sector} is missing, and later the others behind it`, async () => {
      const image = new Random(99).bytes(SIZE);
      const first = await Script.start(subject, world, image);
      const left = await cut(first, 0, ENTRIES, (at) => at !== sector);
      const second = await Script.resume(subject, world, copies(left));
      await cut(second, SIZE / CHUNK - MORE, MORE, (at) => at <= sector);
      const third = await Script.resume(subject, world, left);
      for (let i = 0; i < MORE; i++) {
        await third.write(FIXED.id, SIZE - (i + 1) * CHUNK, new Random(i).bytes(100));
        await third.flush();
      }
      await third.close();
      const expected = third.oracle.at(third.log.now);
      await verifyCrash({ subject, world, images: copies(left), expected });
    });
  }

  test.run();
}
