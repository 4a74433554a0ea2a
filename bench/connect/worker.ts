/**
 * A volume in a worker against the same in the calling thread: requests through rings and through
 * messages, and how late a timer of this thread is under full load.
 */
import { rmSync } from "node:fs";
import { connectVolume, fileDevice, openVolume, type Volume } from "../../src/index.ts";
import { medianOf, ratioOf, takeTurns } from "../measure.ts";
import { shuffled } from "../order.ts";
import { type Context, comparedRow, plainRow, type Row, type Section } from "../row.ts";
import { latenessOf, REQUEST_BYTES, runLoad } from "./load.ts";

const SIZE = 256 * 2 ** 20;
const DEPTH = 16;
const REQUESTS = 60_000;
/** Of what is slower: as long as the others, about. */
const FEWER = 6_000;
const TIMER_REQUESTS = 300_000;
/** Of the calling thread's speed, at a depth of 16. */
const RATIO_MIN = 0.6;
const LATE_MS_MAX = 5;
const CODE = new URL("../../dist/worker.js", import.meta.url);

type Way = "thread" | "rings" | "messages";

async function openBy(way: Way, file: string): Promise<Volume> {
  rmSync(file, { force: true });
  const create = { size: SIZE };
  if (way === "thread") return await openVolume({ store: await fileDevice(file), create });
  return await connectVolume({ store: { file }, create, worker: CODE, shared: way === "rings" });
}

/** The volume as it is later: every chunk written once. */
async function filled(way: Way, file: string): Promise<Volume> {
  const volume = await openBy(way, file);
  const piece = new Uint8Array(2 ** 20).fill(1);
  for (let at = 0; at < SIZE; at += piece.length) await volume.origin.write(at, piece);
  await volume.flush();
  return volume;
}

async function run({ scratch, say }: Context): Promise<Row[]> {
  say("connect: random 4 KiB requests in the thread, through rings, through messages");
  const order = shuffled(SIZE / REQUEST_BYTES, 5);
  const ways = ["thread", "rings", "messages"] as const;
  const volumes = new Map<Way, Volume>();
  for (const way of ways) volumes.set(way, await filled(way, scratch.file(`${way}.msnap`)));
  const rows: Row[] = [];
  for (const depth of [DEPTH, 1]) {
    for (const what of ["read", "write"] as const) {
      const contestant = (way: Way) => async () => {
        const count = way === "messages" || (way === "rings" && depth === 1) ? FEWER : REQUESTS;
        const { origin: view } = volumes.get(way)!;
        return { rate: await runLoad({ view, what, order, count, depth }) };
      };
      const turns = await takeTurns<Record<Way, "rate">>({
        thread: contestant("thread"),
        rings: contestant("rings"),
        messages: contestant("messages"),
      });
      for (const way of ["rings", "messages"] as const) {
        rows.push(
          comparedRow(
            `4 KiB random ${what}s, depth ${depth}, in a worker over ${way}`,
            { value: medianOf(turns[way], "rate"), unit: "op/s" },
            { name: "in the thread", value: medianOf(turns.thread, "rate"), unit: "op/s" },
            ratioOf(turns[way], "rate", turns.thread, "rate"),
            way === "rings" && depth === DEPTH ? { least: RATIO_MIN } : null,
          ),
        );
      }
    }
  }
  say("connect: a timer of this thread under full load");
  for (const way of ["rings", "messages"] as const) {
    const { origin: view } = volumes.get(way)!;
    const count = way === "rings" ? TIMER_REQUESTS : TIMER_REQUESTS / 10;
    const load = () => runLoad({ view, what: "both", order, count, depth: DEPTH });
    rows.push(
      plainRow(
        `10 ms timer, late at the 99th percentile, depth ${DEPTH}, ${way}`,
        { value: await latenessOf(load), unit: "ms" },
        { most: LATE_MS_MAX },
      ),
    );
  }
  for (const volume of volumes.values()) await volume.close();
  return rows;
}

export const worker: Section = {
  name: "connect",
  about: "a volume in a worker: speed beside the calling thread, lateness of its timers",
  run,
};
