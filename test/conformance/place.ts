/** Where the conformance suite runs: an origin mode, a chunk size and a kind of medium. */

import type { Capabilities } from "../../src/stores/store.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { same } from "../model/bytes.ts";
import { mustBeClean, mustHold } from "../model/fixture.ts";
import { type Medium, type MediumKind, medium, mediumKinds } from "../model/media.ts";
import { Model, type OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import {
  againOptions,
  begin,
  beginAgain,
  type Media,
  openOn,
  type Subject,
  type VolumeOptions,
} from "../model/subjects.ts";

export interface Place {
  mode: OriginMode;
  chunk: number;
  medium: MediumKind;
}

/** Chunks so large that what media do with requests is seen with smaller ones. */
const LARGE = 2 ** 20;

function mediaFor(chunk: number, least: number): readonly MediumKind[] {
  if (chunk === LARGE) return ["memory"];
  return mediumKinds.filter((kind) => kind !== "file" || chunk === least);
}

/** Where a store of these capabilities can be: each origin, each size of chunks, each medium. */
export function placesOf({ origins, chunk: [least, most] }: Capabilities): Place[] {
  const sizes = [512, 4096, 65536, LARGE].filter((size) => size >= least && size <= most);
  return origins.flatMap((mode) =>
    sizes.flatMap((chunk) => mediaFor(chunk, least).map((medium) => ({ mode, chunk, medium }))),
  );
}

const CHUNKS_MIN = 4;
const BYTES_MIN = 16384;
/** The last chunk is short, unless chunks are smaller than that. */
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

/** A volume of four and a bit chunks (of more small ones), and the model beside it. */
export class Setting {
  readonly place: Place;
  readonly random = new Random(11);
  readonly size: number;
  readonly subject: Subject;
  #media: Media | null = null;
  #volume: Volume | null = null;
  #model: Model | null = null;

  constructor(subject: Subject, place: Place) {
    this.subject = subject;
    this.place = place;
    this.size = Math.max(CHUNKS_MIN * place.chunk, BYTES_MIN) + TAIL;
  }

  get volume(): Volume {
    return this.#volume as Volume;
  }

  get model(): Model {
    return this.#model as Model;
  }

  get can(): Capabilities {
    return this.subject.capabilities;
  }

  /** Synchronous calls work. */
  get answersAtOnce(): boolean {
    return this.subject.remote?.synchronous ?? this.place.medium !== "late";
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
    this.#volume = await openOn(this.subject.open, mode, this.#media, this.#options());
    this.#model = new Model(this.origin.id, this.size, chunk, mode, image);
    begin(this.#model, this.can);
  }

  #options(): VolumeOptions {
    return { create: { size: this.size, chunk: this.place.chunk }, cacheBytes: 2 ** 20 };
  }

  /** A store that is gone at close is made again. */
  async reopen(): Promise<void> {
    await this.volume.close();
    const options = againOptions(this.can, this.#options());
    const media = this.#media as Media;
    this.#volume = await openOn(this.subject.open, this.place.mode, media, options);
    beginAgain(this.model, this.can);
  }

  /** Closes the volume and gives its bytes up, whatever became of it. */
  async discard(): Promise<void> {
    await this.#volume?.close().catch(() => {});
    await this.#media?.store.discard();
    await this.#media?.under?.discard();
  }

  async write(view: View, offset: number, length: number): Promise<void> {
    const bytes = new Uint8Array(length);
    for (let at = 0; at < length; at += 2 ** 20) {
      bytes.set(this.random.bytes(Math.min(2 ** 20, length - at)), at);
    }
    const before = bytes.slice();
    await view.write(offset, bytes);
    if (!same(before, bytes)) throw new Error("write changed its source");
    this.model.write(view.id, offset, bytes);
  }

  /** A snapshot of the origin: the one that is there already, or a new one. */
  async anySnapshot(name: string): Promise<View> {
    return this.volume.snapshots[0] ?? (await this.snapshot(this.origin, name));
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
