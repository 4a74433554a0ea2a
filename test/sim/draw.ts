/** Draws the plan of a seed: a world, and what clients do in it, with the faults that it has. */
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import type { StoreKind } from "../../src/stores/store.ts";
import { Random } from "../model/prng.ts";
import type { Call, Wrong } from "./faults.ts";
import type { Action, Life, Plan, SimWorld, Step } from "./plan.ts";

/** What may go wrong besides power cuts. */
export type Trouble = "none" | "io" | "full" | "liar";

export interface Wanted {
  /** All steps of the plan. */
  steps?: number;
  kind?: StoreKind;
  trouble?: Trouble;
}

const OTHERS = [[512], [4096], [1024, 2048]];
const VICTIMS = ["s*", "s1*=2, s?=1", "s2*, s3=5"];
const DISK_BYTES = 3 * 2 ** 20;
/** Superblocks, two journal areas of 64 blocks, two slabs and a reserve of two. */
const LEAST_STORE_BYTES = 4096 * (2 + 2 * 64 + 4 * 64);

const weights: Record<Action["do"], number> = {
  write: 40,
  read: 8,
  trim: 4,
  zero: 4,
  clone: 3,
  snapshot: 10,
  message: 2,
  delete: 6,
  rollback: 4,
  resize: 3,
  describe: 1,
  rename: 2,
  flush: 10,
  reclaimed: 2,
  check: 1,
  costs: 1,
  status: 1,
  diff: 2,
  extents: 2,
  reopen: 2,
  join: 5,
  merge: 0,
  fault: 0,
  full: 0,
  heal: 0,
};

/** Of clients who are after each other's chunks. */
const racing = {
  ...weights,
  read: 40,
  rollback: 2,
  zero: 2,
  clone: 1,
  join: 2,
  diff: 0,
  extents: 0,
  reopen: 1,
};

const fixed = {
  snapshot: 0,
  message: 0,
  delete: 0,
  rollback: 0,
  resize: 0,
  describe: 0,
  rename: 0,
};

export function drawPlan(seed: number, wanted: Wanted = {}): Plan {
  const random = new Random(seed);
  const kinds = { range: 45, bitmap: 25, persistent: 22, transient: 8 };
  const kind = wanted.kind ?? random.weighted(kinds);
  const trouble = wanted.trouble ?? random.weighted({ none: 50, io: 20, full: 20, liar: 10 });
  const world = drawWorld(random, kind, trouble);
  const left = wanted.steps ?? drawLength(random);
  const clients = world.late ? random.pick([1, 2, 4, 8]) : random.pick([1, 1, 2]);
  const draw = new Drawing(random, world, trouble, clients);
  const lives: Life[] = [];
  for (let steps = left; steps > 0; ) {
    const count = Math.min(steps, random.chance(0.2) ? left : random.between(5, 40));
    lives.push(draw.life(count));
    steps -= count;
  }
  return { seed, world, lives };
}

/** Mostly short; now and then long enough for the journal to fill. */
function drawLength(random: Random): number {
  return random.chance(0.9) ? random.between(10, 60) : random.pick([150, 300]);
}

function drawWorld(random: Random, kind: StoreKind, trouble: Trouble): SimWorld {
  const { chunk: bounds, origins, crash } = CAPABILITIES[kind];
  const [least] = bounds;
  const chunk = random.pick(least < 4096 ? [512, 512, 1024, 4096] : [4096, 4096, 8192]);
  const crowd = kind === "range" && random.chance(0.04) ? random.pick([60, 140, 200]) : 0;
  const most = crowd > 0 ? 3 : chunk < 4096 ? 60 : 10;
  const mode = random.pick(origins);
  const disk = random.chance(0.1) ? DISK_BYTES : null;
  const isTree = CAPABILITIES[kind].delete;
  const isTight = trouble === "full" && isTree && crowd === 0 && random.chance(0.5);
  const maxSize = isTight ? LEAST_STORE_BYTES + chunk * random.between(1, 16) : null;
  const joins = kind === "persistent" && trouble === "none" && random.chance(0.3);
  return {
    kind,
    mode,
    chunk,
    size: chunk * random.between(2, most),
    crowd,
    others: joins ? random.pick(OTHERS) : [],
    // A crowd takes more than the disk has.
    disk: crash === "lost" || crowd > 0 ? null : disk,
    maxSize,
    late: random.chance(0.5),
    checksums: isTree && random.chance(0.3),
    copySlots: random.pick([1, 2, 8]),
    queueDepth: random.pick([1, 4, 256]),
    preserves: trouble === "none" || random.chance(0.7),
    victims: isTree && trouble === "full" && random.chance(0.3) ? random.pick(VICTIMS) : null,
  };
}

class Drawing {
  readonly #random: Random;
  readonly #world: SimWorld;
  readonly #trouble: Trouble;
  readonly #clients: number;
  /** Where most requests go, so that they meet. */
  readonly #near: number;
  readonly #isRace: boolean;
  #names = 0;

  constructor(random: Random, world: SimWorld, trouble: Trouble, clients: number) {
    this.#random = random;
    this.#world = world;
    this.#trouble = trouble;
    this.#clients = clients;
    this.#isRace = clients > 1 && random.chance(0.4);
    this.#near = random.below(world.size / world.chunk) * world.chunk;
  }

  life(count: number): Life {
    const random = this.#random;
    const steps: Step[] = [];
    while (steps.length < count) {
      steps.push({ client: random.below(this.#clients), ...this.#action() });
    }
    return { steps, cuts: random.u32(), closes: random.chance(0.7) };
  }

  #action(): Action {
    const random = this.#random;
    if (this.#trouble !== "none" && random.chance(0.08)) return this.#wrong();
    const capabilities = CAPABILITIES[this.#world.kind];
    const odds = { ...(this.#isRace ? racing : weights), ...(capabilities.fixed && fixed) };
    if (capabilities.merge) odds.merge = 1;
    const what = random.weighted(odds);
    const view = random.chance(0.5) ? 0 : random.below(8);
    const other = random.below(8);
    switch (what) {
      case "write":
        return { do: what, view, ...this.#range(), data: random.u32(), how: this.#how() };
      case "read":
        return { do: what, view: this.#isRace ? other : view, ...this.#range(), how: this.#how() };
      case "trim":
      case "zero":
      case "extents":
        return { do: what, view, ...this.#range() };
      case "clone":
        return { do: what, view, source: other, ...this.#chunks() };
      case "snapshot": {
        const readOnly = random.chance(0.15);
        return { do: what, view: this.#source(), name: this.#name(), readOnly };
      }
      case "message": {
        const verbs = capabilities.ofSnapshots ? [2, 1, 1] : [3, 0, 1];
        const [create = 0, create_subsnap = 0, gone = 0] = verbs;
        const verb = random.weighted({ create, create_subsnap, delete: gone });
        return { do: what, verb, view: 1 + random.below(7) };
      }
      case "delete":
        return { do: what, views: this.#several() };
      case "rollback": {
        const keepAs = random.chance(0.5) ? this.#name() : null;
        return { do: what, view, to: other, keepAs, waits: random.chance(0.3) };
      }
      case "resize":
        return { do: what, size: this.#size() };
      case "describe":
        return { do: what, view: other, note: `n${random.below(1000)}` };
      case "rename":
        return { do: what, view: other, name: this.#name() };
      case "diff":
        return { do: what, from: view, to: other };
      case "reopen": {
        const how = random.weighted({ close: 4, readOnly: 2, sync: capabilities.fixed ? 0 : 2 });
        return { do: what, how, views: this.#several() };
      }
      case "fault":
      case "full":
        return this.#wrong();
      default:
        return { do: what };
    }
  }

  #wrong(): Action {
    const random = this.#random;
    if (random.chance(0.25)) return { do: "heal" };
    if (this.#trouble === "full") return { do: "full", blocks: random.pick([0, 0, 1, 2, 4, 16]) };
    const device = this.#world.mode === "inline" || random.chance(0.6) ? 0 : 1;
    const calls: Record<Call, number> = { read: 1, write: 2, flush: 2 };
    if (this.#trouble === "liar") calls.read = 0;
    const call = random.weighted(calls);
    const wrongs: Wrong[] = call === "flush" ? ["lie"] : ["astray", "dropped"];
    const wrong = this.#trouble === "io" ? "eio" : random.pick(wrongs);
    const times = random.pick([1, 1, 2, 0]);
    return { do: "fault", device, call, wrong, after: random.below(8), times };
  }

  /** The device of an attached origin keeps its size. */
  #size(): number {
    const { size, mode, chunk } = this.#world;
    const unit = this.#random.pick([512, chunk]);
    const most = mode === "attached" ? size : 1.5 * size;
    return unit * this.#random.between(1, Math.floor(most / unit));
  }

  /** Of the origin, or of any view where that is possible. */
  #source(): number {
    const canAll = CAPABILITIES[this.#world.kind].ofSnapshots;
    return canAll && this.#random.chance(0.4) ? this.#random.below(8) : 0;
  }

  #several(): number[] {
    const views = [this.#random.below(8)];
    while (this.#random.chance(0.3)) views.push(this.#random.below(8));
    return views;
  }

  #how(): "async" | "start" | "sync" {
    return this.#random.weighted({ async: 6, start: 2, sync: this.#world.late ? 0 : 2 });
  }

  #name(): string {
    return `s${++this.#names}`;
  }

  #range(): { offset: number; length: number } {
    const random = this.#random;
    const { chunk, size } = this.#world;
    const unit = random.pick([chunk, chunk, chunk, 512, 512, 100]);
    const isNear = this.#clients > 1 && random.chance(this.#isRace ? 0.9 : 0.4);
    const start = isNear
      ? this.#near + random.below(chunk / unit) * unit
      : random.below(size / unit) * unit;
    const offset = Math.min(size - 512, start);
    const longest = random.pick([chunk, chunk, 2 * chunk, size]);
    const length = unit * random.between(1, Math.max(1, Math.floor(longest / unit)));
    return { offset, length: Math.min(length, size - offset) };
  }

  #chunks(): { offset: number; length: number } {
    const { chunk, size } = this.#world;
    const first = this.#random.below(size / chunk);
    const count = this.#random.between(1, size / chunk - first);
    return { offset: first * chunk, length: count * chunk };
  }
}
