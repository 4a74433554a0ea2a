/**
 * In a worker of a page that has little room: fills a volume until it is full. The page is killed
 * when it has told how far it came.
 *
 *     phase=fill     at a quota: goes on, and ends where everything was flushed
 *     phase=again    opens what is left of that, and goes on
 *     phase=burst    on a full disk: ends with the first request that fails
 *     phase=after    opens what is left of that, with room again
 */
import {
  MultisnapError,
  openVolume,
  opfsDevice,
  type View,
  type Volume,
} from "../../../src/browser.ts";

const PATH = "full/disk.msnap";
const PIECE = 65536;
const KEPT = 16;
const parameters = new URL(import.meta.url).searchParams;
/** Bytes of a request. */
const step = Number(parameters.get("step"));

const stampAt = (offset: number, generation: number) => (offset / step) * 8 + generation;

function bytesOf(offset: number, generation: number): Uint8Array {
  return new Uint8Array(new Uint32Array(step / 4).fill(stampAt(offset, generation)).buffer);
}

async function must(view: View, from: number, to: number, generation: number): Promise<void> {
  const words = new Uint32Array(step / 4);
  for (let offset = from; offset < to; offset += step) {
    await view.read(offset, new Uint8Array(words.buffer));
    const expected = stampAt(offset, generation);
    const wrong = words.find((word) => word !== expected);
    if (wrong === undefined) continue;
    throw new Error(`"${view.name}" at ${offset}: found ${wrong}, expected ${expected}`);
  }
}

/** Writes in order until there is no room; answers how far it came. */
async function fill(view: View, from: number, generation: number): Promise<number> {
  for (let offset = from; ; offset += step) {
    try {
      await view.write(offset, bytesOf(offset, generation));
    } catch (error) {
      if (error instanceof MultisnapError && error.code === "NoSpace") return offset;
      throw error;
    }
  }
}

async function mustBeClean(volume: Volume): Promise<void> {
  const { clean, problems } = await volume.check({ data: true });
  if (!clean) throw new Error(JSON.stringify(problems));
  if (volume.readOnly) throw new Error(`read-only: ${volume.status().error}`);
}

/** The origin holds generation 1 up to `end`, and 2 in its first pieces, which "kept" has as 1. */
async function mustHoldAll(volume: Volume, end: number): Promise<void> {
  await must(volume.get("kept"), 0, KEPT * PIECE, 1);
  await must(volume.origin, 0, KEPT * PIECE, 2);
  await must(volume.origin, KEPT * PIECE, end, 1);
  await mustBeClean(volume);
}

async function fillUp(): Promise<object> {
  const volume = await openVolume({
    store: await opfsDevice(PATH, { waitMs: 5000 }),
    create: { size: 2 ** 30 },
  });
  const { origin } = volume;
  const begin = volume.usage().quota;
  for (let at = 0; at < KEPT * PIECE; at += step) await origin.write(at, bytesOf(at, 1));
  await volume.snapshot("kept");
  for (let at = 0; at < KEPT * PIECE; at += step) await origin.write(at, bytesOf(at, 2));
  const end = await fill(origin, KEPT * PIECE, 1);
  await volume.flush();
  await mustHoldAll(volume, end);
  // What has its place already can be written; a second try finds it as full as before.
  await origin.write(0, bytesOf(0, 2));
  const more = await fill(origin, end, 1);
  await volume.flush();
  await mustHoldAll(volume, more);
  return { end: more, begin, quota: volume.usage().quota };
}

async function goOn(end: number): Promise<object> {
  const volume = await openVolume({ store: await opfsDevice(PATH, { waitMs: 5000 }) });
  await mustHoldAll(volume, end);
  const more = await fill(volume.origin, end, 1);
  await volume.delete("kept");
  await volume.reclaimed();
  const freed = await fill(volume.origin, more, 1);
  await must(volume.origin, 0, KEPT * PIECE, 2);
  await must(volume.origin, KEPT * PIECE, freed, 1);
  await volume.flush();
  await mustBeClean(volume);
  await volume.close();
  const again = await openVolume({ store: await opfsDevice(PATH, { waitMs: 5000 }) });
  await must(again.origin, KEPT * PIECE, freed, 1);
  await mustBeClean(again);
  await again.close();
  return { more, freed };
}

/** A flush for each MiB; what was flushed counts. */
async function burst(): Promise<object> {
  const volume = await openVolume({
    store: await opfsDevice(PATH, { waitMs: 5000 }),
    create: { size: 2 ** 30 },
  });
  let flushed = 0;
  try {
    for (let offset = 0; ; offset += step) {
      if (offset % 2 ** 20 === 0) {
        await volume.flush();
        flushed = offset;
      }
      await volume.origin.write(offset, bytesOf(offset, 1));
    }
  } catch (error) {
    if (!(error instanceof MultisnapError)) throw error;
    return { end: flushed, found: `${error.code}: ${error.message}` };
  }
}

async function afterBurst(end: number): Promise<object> {
  const volume = await openVolume({ store: await opfsDevice(PATH, { waitMs: 5000 }) });
  await must(volume.origin, 0, end, 1);
  await mustBeClean(volume);
  const more = end + 4 * 2 ** 20;
  for (let at = end; at < more; at += step) await volume.origin.write(at, bytesOf(at, 1));
  await volume.flush();
  await must(volume.origin, 0, more, 1);
  await mustBeClean(volume);
  await volume.close();
  return { more };
}

const end = Number(parameters.get("end"));
const phases: Record<string, () => Promise<object>> = {
  fill: fillUp,
  again: () => goOn(end),
  burst,
  after: () => afterBurst(end),
};
const work = phases[parameters.get("phase")!]!();
const said = await work.catch((error) => ({ error: `${error}\n${error?.stack}` }));
await fetch(`../say/${parameters.get("channel")}`, { method: "POST", body: JSON.stringify(said) });
