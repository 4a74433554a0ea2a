/**
 * What a power cut leaves. Each device loses independently: a write that no flush has reached is
 * there, or not, or in part (whole sectors of 512 bytes), whatever became of those before and after
 * it.
 */

import { apply, type Effort, tear } from "../crash/tear.ts";
import type { Image } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import type { DeviceEvent } from "./power.ts";

type Change = Exclude<DeviceEvent, { kind: "flush" }>;

export class Wreck {
  readonly #durable: Image[];
  #pending: Change[] = [];

  /** `first`: what the devices held before the first event. */
  constructor(first: readonly Image[]) {
    this.#durable = first.map((image) => image.copy());
  }

  advance(event: DeviceEvent): void {
    if (event.kind !== "flush") {
      this.#pending.push(event);
      return;
    }
    const { covers, device } = event;
    const reached = new Set<Change>();
    for (const [i, change] of this.#pending.entries()) {
      if (change.device !== device || !covers.has(change.id)) continue;
      reached.add(change);
      // What it was written over, in flight together with it, does not come back.
      for (const before of this.#pending.slice(0, i)) {
        if (overlap(before, change)) reached.add(before);
      }
    }
    for (const change of this.#pending) if (reached.has(change)) apply(this.#durable, change);
    this.#pending = this.#pending.filter((change) => !reached.has(change));
  }

  /** Copies in which some of the pending writes are missing or torn. */
  *states(random: Random, { allUpTo, samples, torn }: Effort): Generator<Image[]> {
    const count = this.#pending.length;
    if (count <= allUpTo) {
      for (let mask = 0; mask < 2 ** count; mask++) {
        yield this.#with((i) => (mask >> i) % 2 === 1);
      }
    } else {
      yield this.#with(() => false);
      yield this.#with(() => true);
      for (let i = 0; i < samples; i++) yield this.one(random);
    }
    for (let i = 0; i < torn && count > 0; i++) yield this.#torn(random);
  }

  /** Any of them. */
  one(random: Random): Image[] {
    if (this.#pending.length > 0 && random.chance(0.3)) return this.#torn(random);
    const share = random.pick([0, 0.1, 0.5, 0.9, 1]);
    return this.#with(() => random.chance(share));
  }

  #torn(random: Random): Image[] {
    const share = random.pick([0, 0.5, 1]);
    const torn = random.below(this.#pending.length);
    return this.#with((at) => at === torn || random.chance(share), torn, random);
  }

  #with(isKept: (index: number) => boolean, torn = -1, random?: Random): Image[] {
    const images = this.#durable.map((image) => image.copy());
    this.#pending.forEach((change, i) => {
      if (i === torn && random !== undefined) tear(images, change, random);
      else if (isKept(i)) apply(images, change);
    });
    return images;
  }
}

function overlap(a: Change, b: Change): boolean {
  if (a.device !== b.device || a.kind !== "write" || b.kind !== "write") return false;
  return a.offset < b.offset + b.bytes.length && b.offset < a.offset + a.bytes.length;
}
