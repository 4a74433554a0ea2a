/**
 * A volume on a small store that prunes, watched: every snapshot that goes is the one that a naive
 * statement of the rule says, and went because what was wanted did not fit.
 */
import * as assert from "uvu/assert";
import { seededEnv } from "../../src/env.ts";
import type { StoreKind, View } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { Fixture, type FixtureOptions } from "../model/fixture.ts";
import { subjects } from "../model/openers.ts";
import type { Random } from "../model/prng.ts";

export const CHUNK = 4096;
export const CHUNKS = 512;
/** Full after some hundred chunks. */
export const LIMIT = 4 * 2 ** 20;

/** Kinds whose snapshots can be deleted. */
export const pruning = subjects.filter(({ capabilities }) => capabilities.delete);

/** The same rule twice: as a user writes it, and naively. */
export const VICTIMS = "tmp-?=-3, tmp-*=2, a*=2, *-old";
const RULES: [name: RegExp, priority: number][] = [
  [/^tmp-.$/, -3],
  [/^tmp-.*$/, 2],
  [/^a.*$/, 2],
  [/^.*-old$/, 0],
];
const NAMES = ["tmp-", "tmp-x", "auto-", "keep-", "kept", "tmpx", "b-old", "keep-old-"];

export function drawName(random: Random, number: number): string {
  const name = random.pick(NAMES);
  return name.endsWith("-old") ? `${number}${name}` : `${name}${number}`;
}

export function priorityOf(name: string): number | null {
  return RULES.find(([pattern]) => pattern.test(name))?.[1] ?? null;
}

export interface Candidate {
  id: number;
  name: string;
  created: number;
}

/** Who may go, in the order of their going. */
export function victimsOf(snapshots: readonly Candidate[], isUsed: (id: number) => boolean) {
  const key = ({ id, name, created }: Candidate) => [priorityOf(name) as number, created, id];
  return snapshots
    .filter(({ id, name }) => priorityOf(name) !== null && !isUsed(id))
    .sort((a, b) => {
      const [x, y] = [key(a), key(b)];
      return x.map((part, i) => part - (y[i] as number)).find((less) => less !== 0) ?? 0;
    });
}

export function candidates(volume: { snapshots: View[] }): Candidate[] {
  return volume.snapshots.map(({ id, name, created }) => ({ id, name: name as string, created }));
}

/** `env`: times that go back and come twice. */
export function make(
  kind: StoreKind,
  random: Random,
  how: Omit<FixtureOptions, "size">,
): Promise<Fixture> {
  const subject = pruning.find((one) => one.kind === kind);
  const clock = random.fork();
  const env = { ...seededEnv(1), now: () => 1.25e12 + clock.below(6) };
  return Fixture.make((subject as (typeof pruning)[0]).open, {
    ...how,
    size: CHUNKS * CHUNK,
    create: { maxSize: LIMIT, ...how.create },
    options: { victims: VICTIMS, env, ...how.options },
  });
}

/** What the store answered, in order: that it is full, with nothing left to reclaim; deletes. */
export class Witness {
  readonly events: ("full" | "full, but behind" | number)[] = [];

  constructor(volume: DiskVolume) {
    const { store } = volume.core;
    const { deleteSnapshot, serve } = store;
    store.deleteSnapshot = (id) => {
      const status = deleteSnapshot.call(store, id);
      if (status === 1) this.events.push(id);
      return status;
    };
    const watch = this.events;
    store.serve = function* (status, visit) {
      try {
        return yield* serve.call(store, status, visit);
      } catch (error) {
        if ((error as { code?: string }).code === "NoSpace") {
          watch.push(store.usage().reclaiming > 0 ? "full, but behind" : "full");
        }
        throw error;
      }
    };
  }

  /** Each of those went after the store had been full once more, with nothing left to reclaim. */
  mustHaveNeeded(gone: readonly number[]): void {
    assert.equal(
      this.events.filter((event) => typeof event === "number"),
      gone,
    );
    this.events.forEach((event, at) => {
      if (typeof event === "number") assert.is(this.events[at - 1], "full", "before it went");
    });
    this.events.length = 0;
  }

  /** Deleted on purpose. */
  mustHaveNeededNothing(id: number): void {
    assert.equal(this.events.splice(0), [id]);
  }
}
