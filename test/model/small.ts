/**
 * Runs sequences of a small world on one volume and the model; afterwards the volume is empty
 * again, or, where snapshots cannot be deleted, at its end.
 */
import type { Capabilities } from "../../src/stores/store.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { firstDifference, same } from "./explain.ts";
import type { Model } from "./model.ts";
import { CHUNKS, describeStep, type Step, type Target } from "./small-world.ts";
import { FIXED } from "./subjects.ts";

const patterns = Array.from({ length: 251 }, (_, i) => new Uint8Array(8192).fill(i + 1));

export class SmallWorld {
  readonly volume: Volume;
  readonly model: Model;
  readonly #can: Capabilities;
  readonly #found: Uint8Array;
  #stamp = 0;
  #names = 0;

  constructor(volume: Volume, model: Model, can: Capabilities) {
    this.#can = can;
    this.volume = volume;
    this.model = model;
    this.#found = new Uint8Array(model.size);
  }

  async run(sequence: Step[]): Promise<void> {
    try {
      for (const step of sequence) {
        await this.step(step);
        await this.compare();
      }
      await this.#mustBeClean();
      if (!this.#can.fixed) await this.#empty();
      else if (this.#can.merge) await this.#merge();
    } catch (error) {
      const steps = sequence.map(describeStep).join(", ");
      throw new Error(`${(error as Error).message}\n  after: ${steps}`, { cause: error });
    }
  }

  view(target: Target): View {
    if (target === "origin") return this.volume.origin;
    return this.volume.snapshots.at(target === "newest" ? -1 : 0) as View;
  }

  async step(step: Step): Promise<void> {
    const { volume, model } = this;
    const chunk = model.chunk;
    switch (step.do) {
      case "flush":
        return await volume.flush();
      case "reclaim":
        return await volume.reclaimed();
      case "delete": {
        const victim = this.view(step.which);
        await volume.delete(victim);
        return model.delete(victim.id);
      }
      case "rollback": {
        const [of, to] = [this.view(step.of), this.view(step.to)];
        const name = `s${++this.#names}`;
        await volume.rollback(to, { of, ...(step.keep && { keepAs: name }) });
        const kept = step.keep ? { id: volume.get(name).id, name } : null;
        return model.rollback(of.id, to.id, kept);
      }
      case "snapshot": {
        const of = this.view(step.of);
        const name = `s${++this.#names}`;
        const made = await volume.snapshot(name, { of });
        return model.snapshot(of.id, made.id, name);
      }
      case "trim": {
        const view = this.view(step.to);
        await view.trim(step.chunk * chunk, chunk);
        return model.trim(view.id, step.chunk * chunk, chunk);
      }
      case "write": {
        const view = this.view(step.to);
        const [offset, length] = extent(step.chunk, chunk);
        const pattern = patterns[this.#stamp++ % patterns.length] as Uint8Array;
        const bytes = pattern.subarray(0, length);
        await view.write(offset, bytes);
        model.write(view.id, offset, bytes);
      }
    }
  }

  async compare(): Promise<void> {
    for (const id of this.model.views.keys()) {
      const snapshot = this.model.snapshots.get(id);
      const view = snapshot === undefined ? this.volume.origin : this.volume.get(snapshot.name);
      this.#found.fill(0xee);
      await view.read(0, this.#found);
      const expected = this.model.read(id, 0, this.model.size);
      if (same(expected, this.#found)) continue;
      const at = firstDifference(expected, this.#found);
      const bytes = `found ${this.#found[at]}, expected ${expected[at]}`;
      throw new Error(`${snapshot?.name ?? "origin"} at byte ${at}: ${bytes}`);
    }
  }

  async #mustBeClean(): Promise<void> {
    const report = await this.volume.check({ data: true });
    if (!report.clean) throw new Error(`check: ${JSON.stringify(report.problems)}`);
  }

  /** The origin becomes what the snapshot is. */
  async #merge(): Promise<void> {
    const { volume, model } = this;
    await volume.merge();
    model.views.set(model.origin, new Map(model.pages(FIXED.id)));
    model.delete(FIXED.id);
    await this.compare();
    await this.#mustBeClean();
    const { exceptions } = volume.usage();
    if (exceptions !== 0) throw new Error(`${exceptions} exceptions after a merge`);
  }

  /** Back to zeros everywhere; what is in use then has leaked. */
  async #empty(): Promise<void> {
    const { volume, model } = this;
    await volume.delete(...volume.snapshots);
    for (const id of [...model.snapshots.keys()]) model.delete(id);
    await volume.reclaimed();
    if (model.mode === "attached") await volume.origin.writeZeroes(0, model.size);
    else await volume.origin.trim(0, model.size);
    model.writeZeroes(model.origin, 0, model.size);
    const { dataBytes, exceptions } = volume.usage();
    if (dataBytes !== 0) throw new Error(`leak: ${dataBytes} bytes of data in an empty volume`);
    if (model.mode !== "base" && exceptions !== 0)
      throw new Error(`leak: ${exceptions} exceptions`);
  }
}

function extent(part: 0 | 1 | "both" | "half", chunk: number): [offset: number, length: number] {
  if (part === "both") return [0, CHUNKS * chunk];
  if (part === "half") return [chunk / 4, chunk / 2];
  return [part * chunk, chunk];
}
