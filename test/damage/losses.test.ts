/**
 * Leaves of the tree are destroyed. Check names every chunk of every view that an entry in them was
 * for; none that can still be read; and whatever can be read is what was written.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { checkStore } from "../../src/volume/open/check-store.ts";
import type { CheckReport, View, Volume } from "../../src/volume/types.ts";
import { BLOCK, HEADER, StoreBlocks } from "../format/blocks.ts";
import { type Entry, readEntry, rulesOf } from "../format/entries.ts";
import { Timeline } from "../format/timeline.ts";
import { columns } from "../format/tree.ts";
import { same } from "../model/explain.ts";
import { Random } from "../model/prng.ts";
import { bytesDevice } from "./bytes.ts";
import { type Region, regionsOf } from "./regions.ts";
import { type DamageWorld, makeWorld, nameOf, openWorld, WORLDS } from "./world.ts";

const CHUNK = 4096;
const ENTRY = 24;
const LEAVES = Number(process.env.LEAVES ?? 3);
const SEED = Number(process.env.SEED ?? 1);

const test = suite("what is lost");

/** "view chunk" of every chunk whose place an entry of some leaves says, by the reader's rules. */
function seenThrough(store: Uint8Array, leaves: readonly Region[]): Set<string> {
  const blocks = new StoreBlocks(store);
  const timeline = new Timeline(blocks);
  const rules = rulesOf(blocks, timeline);
  const inside = new Set<string>();
  for (const { at } of leaves) {
    for (let i = 0; i < blocks.bytes.getUint16(at + 10, true); i++) {
      inside.add(keyOf(readEntry(blocks, at + HEADER + i * ENTRY)));
    }
  }
  const found = new Set<string>();
  for (const column of columns(blocks, rules)) {
    for (const [view, entry] of rules.seen(column)) {
      if (!inside.has(keyOf(entry))) continue;
      for (let chunk = entry.first; chunk <= entry.last; chunk++) found.add(`${view.id} ${chunk}`);
    }
  }
  return found;
}

function keyOf({ last, mask }: Entry): string {
  return `${last} ${mask}`;
}

/** The same of every chunk that a report names. */
function named({ losses, lossCount }: CheckReport, volume: Volume, mode: string): Set<string> {
  assert.is(losses.length, lossCount);
  const found = new Set<string>();
  for (const { views, viewCount, chunk, count, offset, length } of losses) {
    assert.is(offset, chunk * CHUNK);
    assert.is(Math.ceil(length / CHUNK), count);
    const all = [...(mode === "attached" ? [] : [volume.origin]), ...volume.snapshots];
    const ids = typeof views === "string" ? all.map(({ id }) => id) : views.map(({ id }) => id);
    assert.is(ids.length, viewCount);
    for (const id of ids) {
      for (let i = 0; i < count; i++) found.add(`${id} ${chunk + i}`);
    }
  }
  return found;
}

/** The same of every chunk that cannot be read; one that can has the right bytes. */
async function unreadable(volume: Volume, { model }: DamageWorld): Promise<Set<string>> {
  const found = new Set<string>();
  const views: View[] = [volume.origin, ...volume.snapshots];
  for (const view of views) {
    const expected = model.read(view.id, 0, view.size);
    for (let chunk = 0; chunk * CHUNK < view.size; chunk++) {
      const bytes = new Uint8Array(CHUNK);
      try {
        await view.read(chunk * CHUNK, bytes);
        const right = expected.subarray(chunk * CHUNK, (chunk + 1) * CHUNK);
        assert.ok(same(bytes, right), `view ${view.id}, chunk ${chunk} is not what was written`);
      } catch (error) {
        if (!(error instanceof MultisnapError) || error.code !== "Corrupt") throw error;
        found.add(`${view.id} ${chunk}`);
      }
    }
  }
  return found;
}

for (const [index, options] of WORLDS.filter(({ closed }) => closed).entries()) {
  test(nameOf(options), async () => {
    const world = await makeWorld(options);
    const leaves = regionsOf(world.store).filter(
      ({ kind, level }) => kind === "tree" && level === 0,
    );
    assert.ok(leaves.length > 1, "there are leaves enough");
    const random = new Random(SEED * 1000 + index);
    for (let i = 0; i < LEAVES; i++) {
      const bytes = world.store.slice();
      const some = [random.pick(leaves), ...(i > 0 ? [random.pick(leaves)] : [])];
      for (const { at } of some) bytes.set(random.bytes(BLOCK), at);
      const report = await checkStore({ store: bytesDevice(bytes) });
      const volume = await openWorld(world, bytes);
      const lost = named(report, volume, world.mode);
      const failed = await unreadable(volume, world);
      await volume.close();
      const what = `SEED=${SEED}, ${some.map(({ at }) => at)}`;
      assert.ok(failed.size > 0, what);
      const unnamed = [...seenThrough(world.store, some)].filter((one) => !lost.has(one));
      const readable = [...lost].filter((one) => !failed.has(one));
      assert.equal(unnamed, [], `${what}: lost, and not named`);
      assert.equal(readable, [], `${what}: named, and can be read`);
    }
  });
}

test.run();
