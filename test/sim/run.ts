/**
 * Runs a plan: its lives, one after the other, each on what a power cut left of the one before, and
 * the power cuts of each at many moments. The invariants of the design, and what holds them:
 *
 * - I1, I2, I3: `check` after every power cut, and every view compared with the oracle.
 * - I4, I6: states in which any writes since the last flush are missing or torn; a place that was
 *   named before its data, or used again too early, shows in the view that has it.
 * - I5: origin and store lose independently; snapshots of an attached origin are compared.
 * - I7: reads among concurrent requests are explained by some order of them.
 * - I8, I9: full stores: only `NoSpace` is answered, every snapshot is compared; deletes, flushes
 *   and closes go on.
 * - I10: stores whose devices lied: whatever is left, no answer but an error of ours.
 * - I11: the digest of all device events and all that was read; a seed has one.
 */

import type { Effort } from "../crash/tear.ts";
import type { Image } from "../model/image.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { Digest } from "./digest.ts";
import { type Lies, noLies, verifyLie } from "./lies.ts";
import { Life } from "./life.ts";
import { crowded, firstImages, Machine, storeImage } from "./machine.ts";
import { Oracle } from "./oracle.ts";
import { countSteps, type Plan } from "./plan.ts";
import { runSteps } from "./steps.ts";
import { type Expectation, isGivenUp, type Scene, verifyCut } from "./verify.ts";
import { Wreck } from "./wreck.ts";

export interface Depth {
  effort: Effort;
  /** Moments of a life that are looked at. */
  points: number;
  /** Share of the states whose recovery is cut, too. */
  again: number;
}

export const usual: Depth = {
  effort: { allUpTo: 3, samples: 4, torn: 2 },
  points: 16,
  again: 0.04,
};

export interface Outcome {
  hash: string;
  crashes: number;
  operations: number;
  refused: number;
  events: number;
  lies: Lies;
}

/** Where a plan went wrong: shrinking needs not look at what came before. */
export class SimFailure extends Error {
  readonly life: number;

  constructor(life: number, where: string, cause: unknown) {
    const message = cause instanceof Error ? cause.message : String(cause);
    super(`${message}\n  ${where}`, { cause });
    this.life = life;
  }
}

/** What one life leaves for the next. */
interface Left {
  images: Image[];
  expectation: Expectation;
}

class Run {
  readonly outcome: Outcome;
  readonly #subject: Subject;
  readonly #plan: Plan;
  readonly #depth: Depth;
  readonly #digest = new Digest();
  readonly #random: Random;

  constructor(subject: Subject, plan: Plan, depth: Depth) {
    this.#subject = subject;
    this.#plan = plan;
    this.#depth = depth;
    this.#random = new Random(plan.seed);
    const counts = { crashes: 0, operations: 0, refused: 0, events: 0 };
    this.outcome = { hash: "", ...counts, lies: noLies() };
  }

  /** Lives before number `from` are not cut but where the next one begins. */
  async all(from: number): Promise<Outcome> {
    const { lives, world } = this.#plan;
    const images = await firstImages(this.#subject, world, this.#random.fork());
    let left: Left | null = null;
    if (world.crowd > 0) {
      const first = await crowded(this.#subject, world, images, this.#random.fork());
      const oracle = new Oracle(first);
      left = { images, expectation: { oracle, isUnmade: false, isWorthless: false } };
    }
    for (const index of lives.keys()) {
      left = await this.#life(index, left ?? images, index >= from);
      if (left === null) break;
    }
    this.outcome.hash = this.#digest.hex;
    return this.outcome;
  }

  async #life(index: number, left: Left | Image[], isCut: boolean): Promise<Left | null> {
    const { world, lives } = this.#plan;
    const { steps, closes, cuts } = lives[index]!;
    const [images, before] = Array.isArray(left) ? [left, null] : [left.images, left.expectation];
    const isLost = this.#subject.capabilities.crash === "lost";
    if (before && isLost) images[0] = storeImage(world);
    const first = images.map((image) => image.copy());
    const timing = { random: this.#random.fork(), late: world.late };
    const machine = new Machine(world, images, this.#digest, timing);
    let where = `life ${index + 1}: opening`;
    try {
      const life = await Life.begin(this.#subject, machine, before === null || isLost);
      where = `life ${index + 1}`;
      await this.#live(life, steps, closes);
      where = `life ${index + 1}: power cuts of it`;
      const cutter = new Cutter(this.#scene(cuts), life, first, before, this.#depth);
      if (life.isLiar) return await cutter.lies(this.outcome.lies);
      return await cutter.all(isCut);
    } catch (error) {
      if (before && isGivenUp(error, before)) return null;
      throw new SimFailure(index, where, error);
    }
  }

  #scene(cuts: number): Scene {
    const count = { count: 0 };
    const { outcome } = this;
    const counting = {
      get count() {
        return count.count;
      },
      set count(value) {
        outcome.crashes += value - count.count;
        count.count = value;
      },
    };
    const random = new Random(cuts);
    return {
      subject: this.#subject,
      world: this.#plan.world,
      digest: this.#digest,
      random,
      cuts: counting,
    };
  }

  async #live(life: Life, steps: Plan["lives"][0]["steps"], closes: boolean): Promise<void> {
    const { power } = life.machine;
    try {
      await runSteps(life, steps);
      if (closes && !life.isOver) {
        const key = life.mark({ do: "flush" });
        const isDone = await power.settled(
          life.owed(() => life.volume.close()),
          "close",
        );
        life.mark({ do: "flushed", isDone }, key);
      }
    } finally {
      this.outcome.operations += life.tally.operations;
      this.outcome.refused += life.tally.refused;
      this.outcome.events += power.events.length;
      power.records = false;
      power.cut();
      void life.volume.close().catch(() => {});
    }
  }
}

/** The power cuts of one life. */
class Cutter {
  readonly #scene: Scene;
  readonly #life: Life;
  readonly #first: Image[];
  readonly #before: Expectation | null;
  readonly #depth: Depth;

  constructor(scene: Scene, life: Life, first: Image[], before: Expectation | null, depth: Depth) {
    this.#scene = scene;
    this.#life = life;
    this.#first = first;
    this.#before = before;
    this.#depth = depth;
  }

  /** What may be found when the power goes after event number `point`. */
  #expected(point: number): Expectation {
    const { marks, first, opened, isWorthless, machine } = this.#life;
    if (point < opened && this.#before) return this.#before;
    const until = machine.power.events[point]?.tick ?? Number.POSITIVE_INFINITY;
    const oracle = new Oracle(first);
    for (const mark of marks) {
      if (mark.tick > until) break;
      oracle.apply(mark);
    }
    return { oracle, isUnmade: point < opened, isWorthless };
  }

  /** Answers what the next life begins with. */
  async all(isCut: boolean): Promise<Left> {
    const { random } = this.#scene;
    // What comes next does not depend on how much is looked at.
    const own = random.fork();
    const { events } = this.#life.machine.power;
    const share = this.#depth.points / Math.max(1, events.length);
    const next = this.#life.opened + own.below(events.length + 1 - this.#life.opened);
    const wreck = new Wreck(this.#first);
    let left: Left | null = null;
    for (let point = 0; point <= events.length; point++) {
      const event = events[point - 1];
      if (event) wreck.advance(event);
      const isChosen = random.chance(share) || point === events.length;
      if (point === next) left = { images: wreck.one(own), expectation: this.#expected(point) };
      if (isCut && isChosen && point > 0) await this.#cut(wreck, point);
    }
    const [images, expectation] = [this.#life.machine.images, this.#expected(events.length)];
    const copies = images.map((image) => image.copy());
    // Without a power cut: a process that ended, or a cause that is gone.
    if (isCut) await verifyCut(this.#scene, copies, expectation, 0);
    return left ?? { images, expectation };
  }

  async #cut(wreck: Wreck, point: number): Promise<void> {
    const { random } = this.#scene;
    const expectation = this.#expected(point);
    let state = 0;
    try {
      for (const images of wreck.states(random, this.#depth.effort)) {
        state++;
        const depth = random.chance(this.#depth.again) ? random.between(1, 3) : 0;
        await verifyCut(this.#scene, images, expectation, depth);
      }
    } catch (error) {
      const { events } = this.#life.machine.power;
      const where = `after device event ${point} of ${events.length}, state ${state}`;
      throw new Error(`${(error as Error).message}\n  ${where}`, { cause: error });
    }
  }

  /** Devices have lied: whatever is left, it is told or right. No life comes after that. */
  async lies(sums: Lies): Promise<null> {
    const { random, subject } = this.#scene;
    if (subject.capabilities.crash === "lost") return null;
    const { events } = this.#life.machine.power;
    const share = this.#depth.points / Math.max(1, events.length);
    const wreck = new Wreck(this.#first);
    const [about, ...more] = this.#life.machine.faults.lied;
    const found = sums[about === undefined || more.length > 0 ? "several" : about];
    for (let point = 1; point <= events.length; point++) {
      wreck.advance(events[point - 1]!);
      if (point <= (this.#life.firstFault ?? 0) || !random.chance(share)) continue;
      const expected = (moment: number) => this.#expected(moment);
      await verifyLie(this.#scene, wreck.one(random), { expected, point }, found);
    }
    return null;
  }
}

/** Errors are `SimFailure`. */
export function runPlan(subject: Subject, plan: Plan, depth = usual, from = 0): Promise<Outcome> {
  if (countSteps(plan) === 0 && plan.lives.length === 0) throw new Error("an empty plan");
  return new Run(subject, plan, depth).all(from);
}
