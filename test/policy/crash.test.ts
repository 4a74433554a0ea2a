/**
 * The power goes while victims are pruned: each is there whole, or deleted; they went in their
 * order; nobody else is missed.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { OpenOptions, StoreKind, Volume } from "../../src/volume/types.ts";
import { CrashLog, Wreck } from "../crash/log.ts";
import { mustBeClean, mustHold, readAll } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { pruning } from "./pruning.ts";

const CHUNK = 4096;
const CHUNKS = 96;
const LIMIT = 2.5 * 2 ** 20;
/** What is looked at: requests that pruned. */
const REQUESTS = 4;
const effort = { allUpTo: 2, samples: 2, torn: 1 };

/** A request that pruned: device events before it and after it, snapshots likewise. */
interface Pruning {
  begin: number;
  end: number;
  before: string[];
  /** In the order of their going. */
  gone: string[];
}

interface Run {
  log: CrashLog;
  prunings: Pruning[];
  contents: Map<string, Uint8Array>;
  /** Opens copies of what a crash has left. */
  open(images: Image[]): Promise<Volume>;
}

function devices(mode: OriginMode, [store, under]: unknown[]): OpenOptions {
  const below = mode === "attached" ? { origin: under } : mode === "base" ? { base: under } : {};
  return { store, ...below } as unknown as OpenOptions;
}

const names = (volume: Volume) => volume.snapshots.map(({ name }) => name as string);

async function record(kind: StoreKind, mode: OriginMode, random: Random): Promise<Run> {
  const log = new CrashLog();
  const readOnly = mode === "base";
  const under = Image.of(random.bytes(CHUNKS * CHUNK));
  const options = { env: seededEnv(1), cacheBytes: 2 ** 20 };
  const create = { kind, size: CHUNKS * CHUNK, maxSize: LIMIT, victims: "tmp-*" };
  const on = [log.device(new Image()), log.device(under, { fixed: true, readOnly })];
  const volume = await openVolume({ ...options, ...devices(mode, on), create });
  const run: Run = {
    log,
    prunings: [],
    contents: new Map(),
    open: ([store, below]) => {
      const again = [imageDevice(store as Image), imageDevice(below as Image, { fixed: true })];
      return openVolume({ ...options, ...devices(mode, again) });
    },
  };
  const noted = async (work: () => Promise<unknown>) => {
    const [begin, before, count] = [log.now, names(volume), volume.status().counters.pruned];
    await work();
    const { pruned } = volume.status();
    const more = (pruned?.snapshots ?? 0) - count;
    if (more === 0) return;
    const gone = (pruned?.last ?? []).slice(-more).map(({ name }) => name);
    run.prunings.push({ begin, end: log.now, before, gone });
  };
  for (let i = 0; run.prunings.length < REQUESTS; i++) {
    const name = i % 4 === 1 && i < 12 ? `keep-${i}` : `tmp-${i}`;
    await noted(() => volume.snapshot(name));
    run.contents.set(name, await readAll(volume.origin));
    const at = random.below(2) * 40 * CHUNK;
    await noted(() => volume.origin.write(at, random.bytes(40 * CHUNK)));
    await volume.flush();
  }
  await volume.close();
  return run;
}

/** What is shown is what was there before, without some of those that went: the first of them. */
function mustBeShown(shown: string[], { before, gone }: Pruning): void {
  const missing = before.filter((name) => !shown.includes(name));
  assert.equal(missing.sort(), gone.slice(0, missing.length).sort());
}

for (const { kind, capabilities } of pruning) {
  const test = suite(`a power cut while victims are pruned: ${kind}`);
  for (const mode of capabilities.origins) {
    test(mode, async () => {
      const random = new Random(11);
      const run = await record(kind, mode, random);
      const wreck = new Wreck(run.log);
      let [states, some] = [0, 0];
      for (const [index, event] of run.log.events.entries()) {
        wreck.advance(event);
        const pruning = run.prunings.find(({ begin, end }) => index >= begin && index < end);
        if (!pruning) continue;
        for (const images of wreck.states(random, effort)) {
          const volume = await run.open(images.map((image) => image.copy()));
          const shown = names(volume);
          mustBeShown(shown, pruning);
          for (const view of volume.snapshots) {
            const expected = run.contents.get(view.name as string);
            // A snapshot that was being made.
            if (expected) await mustHold(view, 0, expected);
          }
          await mustBeClean(volume);
          await volume.close();
          states++;
          if (shown.length < pruning.before.length) some++;
        }
      }
      assert.ok(some > 20 && some < states - 20, `${some} of ${states} states without a victim`);
    });
  }
  test.run();
}
