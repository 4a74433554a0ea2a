/**
 * What a disk may hold after a kill: all that was answered for, and of the steps in doubt (those up
 * to the next that answers for them) any part, sector by sector.
 */
import { ORIGIN, SECTOR, SIZE, type Step, stampOf, stepsOf } from "./steps.ts";

/** Stamps, sector by sector, of each view. */
export type Views = Map<string, number[]>;

const SECTORS = SIZE / SECTOR;

export class Oracle {
  #views: Views = new Map([[ORIGIN, new Array(SECTORS).fill(0)]]);
  #life = 0;
  #steps: Generator<Step> | null = null;
  #next = 0;
  /** Steps that were answered for, in all lives. */
  answered = 0;

  /** Compares, and begins the next life on what was found. Answers what is wrong. */
  found(views: Views): string[] {
    const wrong = this.#steps === null ? [] : this.#compare(views);
    this.#views = views;
    this.#life++;
    this.#next = 0;
    this.#steps = stepsOf(this.#life, [...views.keys()].slice(1));
    return wrong;
  }

  get life(): number {
    return this.#life;
  }

  /** The step `done` of this life answered, for all before it. */
  told(done: number): void {
    for (; this.#next <= done; this.#next++) {
      this.#take(this.#views, this.#step(), stampOf(this.#life, this.#next));
      this.answered++;
    }
  }

  #step(): Step {
    return this.#steps!.next().value as Step;
  }

  #take(views: Views, step: Step, stamp: number): void {
    if (step.do === "snapshot") views.set(step.name, [...views.get(ORIGIN)!]);
    else if (step.do === "delete") views.delete(step.name);
    else if (step.do === "write") {
      views.get(step.view)!.fill(stamp, step.sector, step.sector + step.count);
    }
  }

  #compare(found: Views): string[] {
    const doubt: { step: Step; stamp: number }[] = [];
    let last: Step;
    do {
      last = this.#step();
      doubt.push({ step: last, stamp: stampOf(this.#life, this.#next++) });
    } while (last.do === "write");
    const before = this.#views;
    const after: Views = new Map([...before].map(([name, stamps]) => [name, [...stamps]]));
    for (const { step, stamp } of doubt) this.#take(after, step, stamp);
    const names = (views: Views) => [...views.keys()].join();
    const changed = last.do !== "flush" && names(found) === names(after);
    if (!changed && names(found) !== names(before)) {
      return [`views ${names(found)}: neither ${names(before)} nor ${names(after)}`];
    }
    // A snapshot that is there, or one that is not, is as durable as what was before it.
    if (changed) return differences(found, (name, sector) => [after.get(name)![sector]!]);
    return differences(found, (name, sector) => [
      before.get(name)![sector]!,
      ...doubt.filter(({ step }) => covers(step, name, sector)).map(({ stamp }) => stamp),
    ]);
  }
}

function covers(step: Step, view: string, sector: number): boolean {
  if (step.do !== "write" || step.view !== view) return false;
  return sector >= step.sector && sector < step.sector + step.count;
}

function differences(found: Views, possible: (name: string, sector: number) => number[]): string[] {
  const wrong: string[] = [];
  for (const [name, stamps] of found) {
    for (const [sector, stamp] of stamps.entries()) {
      const allowed = possible(name, sector);
      if (allowed.includes(stamp)) continue;
      wrong.push(
        `view "${name}" sector ${sector}: found ${stamp}, expected ${allowed.join(" or ")}`,
      );
    }
  }
  return wrong.slice(0, 5);
}
