/** Where the conformance suite runs: an origin mode, a chunk size and a kind of medium. */

import type { View, Volume } from "../../src/volume/types.ts";
import { mustBeClean, mustHold } from "../model/fixture.ts";
import { type Medium, type MediumKind, medium, mediumKinds } from "../model/media.ts";
import { Model, type OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import { type Media, type Opener, openOn } from "../model/subjects.ts";

export interface Place {
  mode: OriginMode;
  chunk: number;
  medium: MediumKind;
}

export const places: readonly Place[] = (["inline", "base", "attached"] as const).flatMap((mode) =>
  [4096, 65536, 2 ** 20].flatMap((chunk) =>
    mediumKinds.map((kind) => ({ mode, chunk, medium: kind })),
  ),
);

/** The last chunk is short. */
const CHUNKS = 4;
const TAIL = 1536;

async function under(place: Place, random: Random, size: number): Promise<Medium> {
  // A base may be shorter than the volume; it reads as zeros from its end on.
  const bytes = place.mode === "base" ? size - place.chunk : size;
  const made = medium(place.medium, { size: bytes, random: random.fork() });
  const device = await made.open();
  const image = random.bytes(Math.min(2 ** 20, bytes));
  for (let at = 0; at < bytes; at += image.length) {
    await device.write(image, 0, Math.min(image.length, bytes - at), at);
  }
  await device.close();
  return made;
}

/** A volume of four and a bit chunks, and the model beside it. */
export class Setting {
  readonly place: Place;
  readonly random = new Random(11);
  readonly size: number;
  readonly #open: Opener;
  #media: Media | null = null;
  #volume: Volume | null = null;
  #model: Model | null = null;

  constructor(open: Opener, place: Place) {
    this.#open = open;
    this.place = place;
    this.size = CHUNKS * place.chunk + TAIL;
  }

  get volume(): Volume {
    return this.#volume as Volume;
  }

  get model(): Model {
    return this.#model as Model;
  }

  get origin(): View {
    return this.volume.origin;
  }

  async make(): Promise<void> {
    const { mode, chunk, medium: kind } = this.place;
    const store = medium(kind, { random: this.random.fork() });
    this.#media = { store };
    if (mode !== "inline") this.#media.under = await under(this.place, this.random, this.size);
    const image = new Uint8Array(this.size);
    const device = await this.#media.under?.open({ readOnly: true });
    await device?.read(image, 0, this.size, 0);
    await device?.close();
    const create = { size: this.size, chunk };
    this.#volume = await openOn(this.#open, mode, this.#media, { create, cacheBytes: 2 ** 20 });
    this.#model = new Model(this.origin.id, this.size, chunk, mode, image);
  }

  async reopen(): Promise<void> {
    await this.volume.close();
    const options = { cacheBytes: 2 ** 20 };
    this.#volume = await openOn(this.#open, this.place.mode, this.#media as Media, options);
  }

  /** Closes the volume and gives its bytes up, whatever became of it. */
  async discard(): Promise<void> {
    await this.#volume?.close().catch(() => {});
    this.#media?.store.discard();
    this.#media?.under?.discard();
  }

  async write(view: View, offset: number, length: number): Promise<void> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 2 ** 20) {
      bytes.set(this.random.bytes(Math.min(2 ** 20, length - at)), at);
    }
    const before = bytes.slice();
    await view.write(offset, bytes);
    if (Buffer.compare(before, bytes) !== 0) throw new Error("write changed its source");
    this.model.write(view.id, offset, bytes);
  }

  async snapshot(of: View, name: string, readOnly = false): Promise<View> {
    const made = await of.snapshot(name, { readOnly });
    this.model.snapshot(of.id, made.id, name, readOnly);
    return made;
  }

  /** Every view wholly, and `check`. */
  async verify(): Promise<void> {
    for (const view of [this.origin, ...this.volume.snapshots]) {
      await mustHold(view, 0, this.model.read(view.id, 0, this.size));
    }
    if (this.volume.snapshots.length + 1 !== this.model.views.size)
      throw new Error("views are lost");
    await mustBeClean(this.volume);
  }
}
