/**
 * Random histories on small stores that prune victims: who goes, in which order, no more than it
 * takes; and everything else stays what it is (I8).
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { StoreKind, View } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import type { Fixture } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import {
  CHUNK,
  CHUNKS,
  candidates,
  drawName,
  make,
  pruning,
  victimsOf,
  Witness,
} from "./pruning.ts";

const STEPS = 700;
const VERIFY_EVERY = 50;
const SNAPSHOTS_MAX = 40;

class History {
  readonly fixture: Fixture;
  readonly random: Random;
  readonly witness: Witness;
  readonly held = new Map<number, { release(): void }>();
  pruned = 0;
  /** Requests that failed though everything was deleted that might be. */
  failed = 0;
  #names = 0;

  constructor(fixture: Fixture, random: Random) {
    this.fixture = fixture;
    this.random = random;
    this.witness = new Witness(fixture.volume as DiskVolume);
  }

  /** Does what may prune, on `view`; `undone` where it found no room in the end. */
  async request(view: View, work: () => Promise<void>, undone: () => Promise<void>) {
    const { volume, model } = this.fixture;
    const before = candidates(volume);
    const order = victimsOf(before, (id) => id === view.id || this.held.has(id)).map(
      ({ id }) => id,
    );
    let failure: Error | null = null;
    try {
      await work();
    } catch (error) {
      assert.is((error as { code?: string }).code, "NoSpace", String(error));
      failure = error as Error;
    }
    const left = new Set(volume.snapshots.map(({ id }) => id));
    const gone = order.filter((id) => !left.has(id));
    assert.equal(gone, order.slice(0, gone.length), "they go in their order");
    const lost = before.filter(({ id }) => !left.has(id));
    assert.is(lost.length, gone.length, "nobody else goes");
    for (const id of gone) model.delete(id);
    this.pruned += gone.length;
    if (failure) {
      assert.is(gone.length, order.length, "it fails when none is left");
      const used = victimsOf(before, () => false).length - order.length;
      const [one, more] = [/1 victim is in use/, new RegExp(`${used} victims are in use`)];
      assert.match(failure.message, used === 0 ? /no victim is left/ : used === 1 ? one : more);
      this.failed++;
      await undone();
    }
    this.witness.mustHaveNeeded(gone);
  }

  async step(): Promise<void> {
    const { random, fixture } = this;
    const { volume, model, capabilities } = fixture;
    const views = [volume.origin, ...volume.snapshots];
    const view = random.chance(0.6) ? volume.origin : random.pick(views);
    const length = random.pick([700, CHUNK, 5 * CHUNK, 30 * CHUNK]);
    const offset = random.below(CHUNKS - 31) * CHUNK + random.pick([0, 0, 1000]);
    const act = random.weighted({ write: 70, zero: 4, trim: 3, make: 14, drop: 1, hold: 6 });
    const found = async () => {
      const bytes = new Uint8Array(length);
      await view.read(offset, bytes);
      model.write(view.id, offset, bytes);
    };
    if (act === "write") {
      const bytes = random.bytes(length);
      await this.request(view, () => fixture.write(view, offset, bytes), found);
    }
    if (act === "zero") {
      const zero = async () => {
        await view.writeZeroes(offset, length);
        model.writeZeroes(view.id, offset, length);
      };
      await this.request(view, zero, found);
    }
    if (act === "trim") {
      const trim = async () => {
        await view.trim(offset, length);
        model.trim(view.id, offset, length);
      };
      await this.request(view, trim, found);
    }
    if (act === "make" && views.length <= SNAPSHOTS_MAX) {
      const of = capabilities.ofSnapshots ? view : volume.origin;
      const name = drawName(random, ++this.#names);
      await this.request(
        of,
        async () => void (await fixture.snapshot(name, of)),
        async () => {},
      );
    }
    if (act === "hold") this.#holdOrRelease();
    if (act === "drop" && views.length > 1) {
      const snapshot = random.pick(views.slice(1));
      await fixture.delete(snapshot);
      this.witness.mustHaveNeededNothing(snapshot.id);
    }
  }

  #holdOrRelease(): void {
    const { random, held } = this;
    if (held.size > 0 && random.chance(0.6)) {
      const id = random.pick([...held.keys()]);
      held.get(id)?.release();
      held.delete(id);
      return;
    }
    const views = this.fixture.volume.snapshots.filter(({ id }) => !held.has(id));
    if (views.length === 0) return;
    const view = random.pick(views);
    held.set(view.id, view.hold());
  }
}

async function history(kind: StoreKind, mode: OriginMode, seed: number): Promise<History> {
  const random = new Random(seed);
  const fixed = random.chance(0.3) ? { storeSize: 4 * 2 ** 20 } : {};
  const fixture = await make(kind, random, { mode, ...fixed });
  const played = new History(fixture, random);
  try {
    for (let step = 1; step <= STEPS; step++) {
      await played.step();
      if (step % VERIFY_EVERY === 0) await fixture.verify();
    }
    const { pruned, counters } = fixture.volume.status();
    assert.is(pruned?.snapshots ?? 0, played.pruned);
    assert.is(counters.pruned, played.pruned);
    await fixture.volume.close();
    await fixture.reopen();
    await fixture.verify();
    await fixture.volume.close();
    return played;
  } catch (error) {
    const replay = `KIND=${kind} MODE=${mode} SEED=${seed} npx tsx test/policy/history.test.ts`;
    throw new Error(`${(error as Error).stack}\n  ${replay}`, { cause: error });
  }
}

for (const { kind, capabilities } of pruning) {
  const test = suite(`victims of a full store: ${kind}`);
  for (const mode of capabilities.origins.filter((one) => one === (process.env.MODE ?? one))) {
    test(mode, async () => {
      let [pruned, failed] = [0, 0];
      const seeds = process.env.SEED ? [Number(process.env.SEED)] : [1, 2, 3];
      for (const seed of seeds) {
        const played = await history(kind, mode, seed);
        pruned += played.pruned;
        failed += played.failed;
      }
      if (process.env.SEED) return;
      assert.ok(pruned > 30, `${pruned} pruned`);
      assert.ok(failed > 5, `${failed} failed`);
    });
  }
  test.run();
}
