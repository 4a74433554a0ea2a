/**
 * A short random history of a volume whose devices may fail at any moment. It knows what each
 * request was answered, and so what every view must hold: at once, and after the volume is opened
 * again.
 */
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import type { View } from "../../src/volume/types.ts";
import { type Deed, type ExpectedView, Oracle } from "../crash/oracle.ts";
import { firstUnexplained, type Patch } from "../model/explain.ts";
import { Fixture, type FixtureOptions, readAll } from "../model/fixture.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";

export const CHUNK = 4096;
const SNAPSHOTS_MAX = 5;

const weights = {
  write: 40,
  read: 12,
  zero: 4,
  trim: 4,
  clone: 4,
  flush: 10,
  snapshot: 14,
  delete: 5,
  rename: 2,
  reclaimed: 3,
};
const fixedWeights = { ...weights, clone: 0, snapshot: 0, delete: 0, rename: 0, reclaimed: 0 };

export type What = keyof typeof weights;

/** How a request ended; null: well. */
export interface Outcome {
  what: What;
  error: MultisnapError | null;
}

type Open<D> = D extends Deed ? Omit<D, "start" | "end"> : never;

export async function errorOf(work: Promise<unknown>): Promise<MultisnapError | null> {
  try {
    await work;
    return null;
  } catch (error) {
    assert.instance(error, MultisnapError, String((error as Error).stack));
    return error as MultisnapError;
  }
}

export class Story {
  readonly fixture: Fixture;
  readonly lines: string[] = [];
  readonly #subject: Subject;
  readonly #random: Random;
  readonly #oracle: Oracle;
  readonly #size: number;
  #now = 0;
  #names = 0;
  #lastId: number;

  private constructor(subject: Subject, fixture: Fixture, random: Random, size: number) {
    this.#subject = subject;
    this.fixture = fixture;
    this.#random = random;
    this.#size = size;
    const ids = [...fixture.model.views.keys()];
    this.#lastId = Math.max(...ids);
    const names = fixture.model.snapshots;
    this.#oracle = new Oracle(
      ids.map((id) => ({
        id,
        name: names.get(id)?.name ?? null,
        bytes: fixture.model.read(id, 0, size),
      })),
    );
  }

  /** Of `chunks` times 4 KiB, which is a chunk unless said otherwise. Same seed: same story. */
  static async begin(
    subject: Subject,
    seed: number,
    world: Omit<FixtureOptions, "size"> & { chunks: number },
  ): Promise<Story> {
    const size = world.chunks * CHUNK;
    const fixture = await Fixture.make(subject.open, { chunk: CHUNK, ...world, size });
    return new Story(subject, fixture, new Random(seed), size);
  }

  /** One random request. */
  async step(): Promise<Outcome> {
    const { fixed, ofSnapshots } = this.#subject.capabilities;
    const random = this.#random;
    const what = random.weighted(fixed ? fixedWeights : weights);
    const snapshots = [...this.fixture.model.snapshots.keys()];
    const view = random.pick([this.fixture.model.origin, ...snapshots]);
    const chunks = this.#size / CHUNK;
    const first = random.below(chunks);
    const offset = first * CHUNK;
    const length = CHUNK * random.between(1, Math.min(8, chunks - first));
    if (what === "snapshot" && snapshots.length < SNAPSHOTS_MAX) {
      return this.snapshot(ofSnapshots ? view : this.fixture.model.origin);
    }
    if (what === "delete" || what === "snapshot") {
      return snapshots.length > 0 ? this.delete(random.pick(snapshots)) : this.flush();
    }
    switch (what) {
      case "write":
        return random.chance(0.5)
          ? this.write(view, offset, random.bytes(length))
          : this.write(view, Math.max(0, offset - 700), random.bytes(random.between(1, CHUNK)));
      case "read":
        return this.#read(view, offset, length);
      case "zero":
      case "trim":
        return this.#clear(what, view, offset, length);
      case "clone":
        return this.#clone(view, random.pick([this.fixture.model.origin, ...snapshots]), first);
      case "rename":
        return snapshots.length > 0 ? this.#rename(random.pick(snapshots)) : this.flush();
      case "reclaimed":
        return this.reclaimed();
      default:
        return this.flush();
    }
  }

  write(view: number, offset: number, bytes: Uint8Array): Promise<Outcome> {
    const patch = { view, offset, bytes };
    return this.#patch("write", patch, this.#view(view).write(offset, bytes));
  }

  async #read(view: number, offset: number, length: number): Promise<Outcome> {
    const found = new Uint8Array(length);
    const error = await errorOf(this.#view(view).read(offset, found));
    this.#note(`read ${view} ${offset}+${length}`, error);
    const { model } = this.fixture;
    if (error === null) assert.equal(found, model.read(view, offset, length), "what was written");
    return { what: "read", error };
  }

  #clear(what: "zero" | "trim", view: number, offset: number, length: number): Promise<Outcome> {
    const { model } = this.fixture;
    const [first, end] =
      what === "zero" ? [offset, offset + length] : model.wholeChunks(view, offset, length);
    const patch = { view, offset: first, bytes: new Uint8Array(end - first) };
    const target = this.#view(view);
    const work = what === "zero" ? target.writeZeroes(offset, length) : target.trim(offset, length);
    return this.#patch(what, patch, work);
  }

  #clone(view: number, source: number, chunk: number): Promise<Outcome> {
    const bytes = this.fixture.model.read(source, chunk * CHUNK, CHUNK);
    const work = this.#view(view).cloneFrom(this.#view(source), chunk * CHUNK, CHUNK);
    return this.#patch("clone", { view, offset: chunk * CHUNK, bytes }, work);
  }

  /** What failed has changed any of its sectors, in the volume as it is now, and nothing else. */
  async #patch(what: What, patch: Patch, work: Promise<void>): Promise<Outcome> {
    const { view, offset, bytes } = patch;
    const deed = this.#begin({ do: "patch", ...patch });
    const error = await errorOf(work);
    this.#note(`${what} ${view} ${offset}+${bytes.length}`, error);
    const { model, volume } = this.fixture;
    if (error === null) {
      model.write(view, offset, bytes);
      this.#answered(deed);
    } else if (volume.status().error === null) {
      const found = new Uint8Array(bytes.length);
      if (await errorOf(this.#view(view).read(offset, found))) return { what, error };
      const old = model.read(view, offset, bytes.length);
      const strange = firstUnexplained(old, [patch], found, offset, "some");
      assert.is(strange, -1, `a failed ${what} left what is neither old nor new at ${strange}`);
      model.write(view, offset, found);
      Object.assign(deed, { bytes: found });
      this.#answered(deed);
    }
    return { what, error };
  }

  async snapshot(of: number): Promise<Outcome> {
    const { model, volume } = this.fixture;
    const name = `s${++this.#names}`;
    const deed = this.#begin({ do: "snapshot", of, id: ++this.#lastId, name });
    const error = await errorOf(volume.snapshot(name, { of: this.#view(of) }));
    this.#note(`snapshot ${name} of ${of}`, error);
    if (error === null) {
      const { id } = volume.get(name);
      Object.assign(deed, { id });
      this.#lastId = id;
      model.snapshot(of, id, name);
      this.#answered(deed);
    } else if (volume.status().error === null) {
      assert.not(volume.has(name), `snapshot ${name} failed and is there`);
      this.#withdraw(deed);
    }
    return { what: "snapshot", error };
  }

  async delete(...ids: number[]): Promise<Outcome> {
    const { model, volume } = this.fixture;
    const views = ids.map((id) => this.#view(id));
    const deed = this.#begin({ do: "delete", ids });
    const error = await errorOf(volume.delete(...views));
    this.#note(`delete ${ids}`, error);
    if (error === null) {
      for (const id of ids) model.delete(id);
      this.#answered(deed);
    } else if (volume.status().error === null) this.#withdraw(deed);
    return { what: "delete", error };
  }

  async #rename(id: number): Promise<Outcome> {
    const { model, volume } = this.fixture;
    const name = `s${++this.#names}`;
    const deed = this.#begin({ do: "rename", id, name });
    const error = await errorOf(volume.rename(this.#view(id), name));
    this.#note(`rename ${id} ${name}`, error);
    if (error === null) {
      model.rename(id, name);
      this.#answered(deed);
    } else if (volume.status().error === null) this.#withdraw(deed);
    return { what: "rename", error };
  }

  async flush(): Promise<Outcome> {
    const deed = this.#begin({ do: "flush" });
    const error = await errorOf(this.fixture.volume.flush());
    this.#note("flush", error);
    if (error === null) this.#answered(deed);
    return { what: "flush", error };
  }

  async reclaimed(): Promise<Outcome> {
    const error = await errorOf(this.fixture.volume.reclaimed());
    this.#note("reclaimed", error);
    return { what: "reclaimed", error };
  }

  async close(): Promise<MultisnapError | null> {
    const deed = this.#begin({ do: "flush" });
    const error = await errorOf(this.fixture.volume.close());
    this.#note("close", error);
    if (error === null) this.#answered(deed);
    return error;
  }

  /** Every view holds what was promised, and any part of what was not. */
  async verifyViews(): Promise<void> {
    const { volume } = this.fixture;
    const expected = this.#oracle.at(this.#now + 1);
    const found = [volume.origin, ...volume.snapshots];
    for (const view of found) await mustBe(view, expected.get(view.id));
    for (const [id, { must }] of expected) {
      assert.ok(!must || found.some((view) => view.id === id), `view ${id} is lost`);
    }
  }

  /** The error with what led to it. */
  explain(error: unknown, replay: string): Error {
    const last = this.lines.slice(-40).map((line) => `  ${line}`);
    return new Error([(error as Error).stack, ...last, replay].join("\n"), { cause: error });
  }

  #view(id: number): View {
    const { model, volume } = this.fixture;
    const name = model.snapshots.get(id)?.name;
    return name === undefined ? volume.origin : volume.get(name);
  }

  #note(line: string, error: MultisnapError | null): void {
    this.lines.push(error === null ? line : `${line}: ${error.code}: ${error.message}`);
  }

  #begin(deed: Open<Deed>): Deed {
    const begun = { ...deed, start: ++this.#now, end: Number.POSITIVE_INFINITY } as Deed;
    this.#oracle.deeds.push(begun);
    return begun;
  }

  #answered(deed: Deed): void {
    deed.end = this.#now;
  }

  /** It has had no effect. */
  #withdraw(deed: Deed): void {
    this.#oracle.deeds.splice(this.#oracle.deeds.indexOf(deed), 1);
  }
}

async function mustBe(view: View, expected: ExpectedView | undefined): Promise<void> {
  const what = `view ${view.id} (${view.name})`;
  if (expected === undefined) throw new Error(`${what} should not be there`);
  assert.ok(expected.names.has(view.name), `${what} has another's name`);
  const found = await readAll(view);
  const at = firstUnexplained(expected.durable, expected.pending, found, 0, "inOrder");
  assert.is(at, -1, `${what} at ${at}: not what may be there`);
}
