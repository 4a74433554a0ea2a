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
const world = { mode: "attached", chunk: CHUNK, size: SIZE, used: false, late: null } as const;

/** The one write that has so many entries: area 0 is chunk 1. */
function isArea(event: DeviceEvent): boolean {
  const { device, kind } = event;
  return device === 0 && kind === "write" && event.offset === CHUNK && event.bytes[16 * 199] !== 0;
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

for (const subject of subjects.filter(({ kind }) => kind === "persistent")) {
  const test = suite(`torn areas: ${subject.name}`);

  for (let missing = 0; missing < Math.ceil((16 * ENTRIES) / SECTOR); missing++) {
    test(`all sectors but number ${missing}, then work goes on`, async () => {
      const random = new Random(missing);
      const first = await Script.start(subject, world, random.bytes(SIZE));
      await first.write(FIXED.id, 0, random.bytes(ENTRIES * CHUNK));
      await first.flush();
      await first.close();
      const at = first.log.events.findIndex(isArea);
      const images = torn(first, at, (sector) => sector !== missing);
      const crashed = { subject, world, expected: first.oracle.at(at + 1) };
      await verifyCrash({ ...crashed, images: images.map((image) => image.copy()) });
      const again = await Script.resume(subject, world, images);
      for (let i = 0; i < ENTRIES / 2; i++) {
        await again.write(FIXED.id, (SIZE / CHUNK - 1 - i) * CHUNK, random.bytes(100));
        await again.flush();
        const left = images.map((image) => image.copy());
        await verifyCrash({ ...crashed, images: left, expected: again.oracle.at(again.log.now) });
      }
      await again.close();
    });
  }

  test.run();
}
