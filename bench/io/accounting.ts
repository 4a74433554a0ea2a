/** What 1,000 snapshots cost, each and together: one walk over a million exceptions. */
import { openVolume } from "../../src/index.ts";
import { median } from "../measure.ts";
import { randomNumbers } from "../order.ts";
import { type Context, plainRow, type Row, type Section } from "../row.ts";
import { SinkDevice } from "./sink-device.ts";
import { DATA_BYTE } from "./stores.ts";

const TIB = 2 ** 40;
const CHUNK = 4096;
const EXCEPTIONS = 1_000_000;
const SNAPSHOTS = 1000;
const TURNS = 5;
const MILLISECONDS_MOST = 500;

async function run(context: Context): Promise<Row[]> {
  context.say("accounting of a thousand snapshots");
  const options = { create: { size: TIB, chunk: CHUNK }, cacheBytes: 2 ** 28 };
  const volume = await openVolume({ store: new SinkDevice(), ...options });
  const data = new Uint8Array(CHUNK).fill(DATA_BYTE);
  const next = randomNumbers(9);
  for (let i = 0; i < EXCEPTIONS; i++) {
    volume.origin.writeSync((next() % (TIB / CHUNK)) * CHUNK, data);
    if (i % (EXCEPTIONS / SNAPSHOTS) === 0) await volume.snapshot(`s${i}`);
  }
  const without = volume.snapshots.filter((_, index) => index % 3 === 0);
  const times: number[] = [];
  for (let turn = 0; turn < TURNS; turn++) {
    const start = performance.now();
    await volume.accounting({ without });
    times.push(performance.now() - start);
  }
  const { exceptions } = volume.usage();
  await volume.close();
  return [
    plainRow(
      "accounting of 1,000 snapshots, 1M exceptions, and what deleting a third would free",
      { value: median(times), unit: "ms" },
      { most: MILLISECONDS_MOST },
      `${exceptions.toLocaleString("en")} exceptions`,
    ),
  ];
}

export const accounting: Section = { name: "accounting", about: "what snapshots cost", run };
