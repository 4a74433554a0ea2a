/** The steps of a random history of a store that the reader reads now and then. */
import type { View } from "../../src/volume/types.ts";
import type { Fixture } from "../model/fixture.ts";
import type { Random } from "../model/prng.ts";
import { keepsWhatWas, rollsBack } from "../model/subjects.ts";

const VIEWS_MAX = 12;

/** One step, any, of the volume and the model; `number` makes names differ. */
export async function step(fixture: Fixture, random: Random, number: number): Promise<void> {
  const { volume, model } = fixture;
  const views = [volume.origin, ...volume.snapshots];
  const view = random.pick(views.filter(({ readOnly }) => !readOnly));
  const length = random.between(1, 5 * volume.chunk);
  const offset = random.below(view.size - length);
  const act = random.weighted({
    write: 46,
    trim: 8,
    zero: 6,
    clone: 13,
    make: 10,
    drop: 6,
    back: 5,
    name: 3,
    reclaim: 3,
    flush: 5,
  });
  if (act === "write") await fixture.write(view, offset, random.bytes(length));
  if (act === "trim") {
    await view.trim(offset, length);
    model.trim(view.id, offset, length);
  }
  if (act === "zero") {
    await view.writeZeroes(offset, length);
    model.writeZeroes(view.id, offset, length);
  }
  if (act === "flush") await volume.flush();
  if (act === "reclaim") await volume.reclaimed();
  if (act === "clone") {
    const first = random.below(Math.floor(view.size / volume.chunk));
    await clone(fixture, view, random.pick(views), first, random.between(1, 4));
  }
  if (act === "make" && views.length < VIEWS_MAX) {
    const of = fixture.capabilities.ofSnapshots ? random.pick(views) : volume.origin;
    const name = `${number}, ${"é".repeat(random.below(60))}`;
    const readOnly = random.chance(0.2);
    model.snapshot(of.id, (await volume.snapshot(name, { of, readOnly })).id, name, readOnly);
  }
  if (act === "back") await back(fixture, view, random.pick(views), random, number);
  if (views.length < 3) return;
  const snapshot = random.pick(views.slice(1));
  if (act === "drop") await fixture.delete(snapshot);
  if (act === "name") {
    await volume.rename(snapshot, `renamed ${number}`);
    model.rename(snapshot.id, `renamed ${number}`);
  }
}

/** A view becomes what another one is, where the store can do that. */
async function back(
  { volume, model, capabilities }: Fixture,
  view: View,
  to: View,
  random: Random,
  number: number,
): Promise<void> {
  const isOrigin = view.id === model.origin;
  if (view.id === to.id || !rollsBack(capabilities, model.mode, isOrigin)) return;
  const canKeep = keepsWhatWas(capabilities, isOrigin);
  const keepAs = canKeep && random.chance(0.5) ? `kept ${number}` : undefined;
  await volume.rollback(to, { of: view, ...(keepAs && { keepAs }) });
  const kept = keepAs ? { id: volume.get(keepAs).id, name: keepAs } : null;
  model.rollback(view.id, to.id, kept);
}

/** `count` chunks from `first`, as far as the view goes. */
export async function clone(
  { volume, model }: Fixture,
  target: View,
  source: View,
  first: number,
  count: number,
): Promise<void> {
  const offset = first * volume.chunk;
  const length = Math.min(count * volume.chunk, target.size - offset);
  await target.cloneFrom(source, offset, length);
  model.write(target.id, offset, model.read(source.id, offset, length));
}
