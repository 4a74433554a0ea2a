/**
 * Short histories on devices that remember: what was asked and answered between which device
 * events.
 */
import { seededEnv } from "../../src/env.ts";
import type { Capabilities } from "../../src/stores/store.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { readAll } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import { Model } from "../model/model.ts";
import {
  againOptions,
  beginAgain,
  FIXED,
  type Subject,
  type VolumeOptions,
} from "../model/subjects.ts";
import { CrashLog } from "./log.ts";
import { type Deed, type FirstView, Oracle } from "./oracle.ts";
import { type CrashWorld, devicesOn, storeImage } from "./world.ts";

type Open<D> = D extends Deed ? Omit<D, "start" | "end"> : never;

interface Begun {
  subject: Subject;
  world: CrashWorld;
  images: Image[];
}

function optionsOf({ size, chunk, checksums }: CrashWorld): VolumeOptions {
  const create = { size, chunk, ...(checksums && { checksums }) };
  return { create, cacheBytes: 2 ** 20, env: seededEnv(1) };
}

export class Script {
  readonly log: CrashLog;
  readonly world: CrashWorld;
  readonly model: Model;
  readonly oracle: Oracle;
  /** Device events before this one made the store. */
  created: number;
  readonly lines: string[] = [];
  volume: Volume;
  readonly subject: Subject;
  readonly #images: Image[];
  #names = 0;

  private constructor(of: Begun, volume: Volume, log: CrashLog, first: FirstView[]) {
    this.subject = of.subject;
    this.world = of.world;
    this.#images = of.images;
    this.volume = volume;
    this.log = log;
    this.created = log.now;
    const { size, chunk, mode } = this.world;
    this.model = new Model(volume.origin.id, size, chunk, mode);
    this.oracle = new Oracle(first);
    for (const { id, name, bytes } of first) {
      const readOnly = name !== null && volume.get(name).readOnly;
      if (name !== null) this.model.snapshot(volume.origin.id, id, name, readOnly);
      this.model.write(id, 0, bytes);
    }
  }

  /** A new volume; `image` is what the base or the attached origin holds. */
  static async start(subject: Subject, world: CrashWorld, image: Uint8Array): Promise<Script> {
    const store = storeImage(world);
    const images = world.mode === "inline" ? [store] : [store, Image.of(image)];
    for (const chunk of world.others) {
      const other = new Image();
      const devices = { store: imageDevice(other), origin: imageDevice(images[1] as Image) };
      const volume = await subject.open(devices, { create: { size: world.size, chunk } });
      await volume.close();
      images.push(other);
    }
    return await Script.#on({ subject, world, images }, false);
  }

  /** Goes on with what a crash left. */
  static resume(subject: Subject, world: CrashWorld, images: Image[]): Promise<Script> {
    return Script.#on({ subject, world, images }, true);
  }

  static async #on(of: Begun, again: boolean): Promise<Script> {
    const { subject, world, images } = of;
    const log = new CrashLog();
    const devices = devicesOn(world, images, (one, how) => {
      const device = log.device(one, how);
      return world.late === null ? device : lateDevice(device, world.late);
    });
    const options = again ? againOptions(subject.capabilities, optionsOf(world)) : optionsOf(world);
    const volume = await subject.open(devices, options);
    const first: FirstView[] = [];
    for (const view of [volume.origin, ...volume.snapshots]) {
      first.push({ id: view.id, name: view.name, bytes: await readAll(view) });
    }
    return new Script(of, volume, log, first);
  }

  get can(): Capabilities {
    return this.subject.capabilities;
  }

  #newName(): string {
    do this.#names++;
    while (this.volume.has(`s${this.#names}`));
    return `s${this.#names}`;
  }

  view(id: number): View {
    const snapshot = this.model.snapshots.get(id);
    return snapshot === undefined ? this.volume.origin : this.volume.get(snapshot.name);
  }

  async write(id: number, offset: number, bytes: Uint8Array): Promise<void> {
    this.lines.push(`write ${id} ${offset}+${bytes.length}`);
    this.model.write(id, offset, bytes);
    const deed = this.#begin({ do: "patch", view: id, offset, bytes });
    await this.view(id).write(offset, bytes);
    this.#answered(deed);
  }

  async writeZeroes(id: number, offset: number, length: number): Promise<void> {
    this.lines.push(`writeZeroes ${id} ${offset}+${length}`);
    this.model.writeZeroes(id, offset, length);
    const deed = this.#begin({ do: "patch", view: id, offset, bytes: new Uint8Array(length) });
    await this.view(id).writeZeroes(offset, length);
    this.#answered(deed);
  }

  /** Whole chunks become what they are in another view. */
  async clone(id: number, source: number, offset: number, length: number): Promise<void> {
    this.lines.push(`clone ${id} of ${source} ${offset}+${length}`);
    const bytes = this.model.read(source, offset, length);
    this.model.write(id, offset, bytes);
    const deed = this.#begin({ do: "patch", view: id, offset, bytes });
    await this.view(id).cloneFrom(this.view(source), offset, length);
    this.#answered(deed);
  }

  async trim(id: number, offset: number, length: number): Promise<void> {
    this.lines.push(`trim ${id} ${offset}+${length}`);
    const [first, end] = this.model.wholeChunks(id, offset, length);
    this.model.trim(id, offset, length);
    const bytes = new Uint8Array(Math.max(0, end - first));
    const deed = this.#begin({ do: "patch", view: id, offset: first, bytes });
    await this.view(id).trim(offset, length);
    this.#answered(deed);
  }

  async snapshot(of: number, readOnly = false): Promise<number> {
    const name = this.#newName();
    this.lines.push(`snapshot ${name} of ${of}`);
    const deed = this.#begin({ do: "snapshot", of, id: 0, name });
    const { id } = await this.volume.snapshot(name, { of: this.view(of), readOnly });
    Object.assign(deed, { id });
    this.#answered(deed);
    this.model.snapshot(of, id, name, readOnly);
    return id;
  }

  async delete(...ids: number[]): Promise<void> {
    this.lines.push(`delete ${ids}`);
    const deed = this.#begin({ do: "delete", ids });
    await this.volume.delete(...ids.map((id) => this.view(id)));
    this.#answered(deed);
    for (const id of ids) this.model.delete(id);
  }

  async rename(id: number): Promise<void> {
    const name = this.#newName();
    this.lines.push(`rename ${id} ${name}`);
    const deed = this.#begin({ do: "rename", id, name });
    await this.volume.rename(this.view(id), name);
    this.#answered(deed);
    this.model.rename(id, name);
  }

  /** View `id` becomes what `to` is; `keeps`: what it was is a snapshot. */
  async rollback(id: number, to: number, keeps: boolean): Promise<void> {
    const name = keeps ? this.#newName() : null;
    this.lines.push(`rollback ${id} to ${to}${name === null ? "" : `, kept as ${name}`}`);
    const kept = name === null ? null : { id: 0, name };
    const deed = this.#begin({ do: "rollback", view: id, to, kept });
    const options = { of: this.view(id), ...(name !== null && { keepAs: name }) };
    await this.volume.rollback(this.view(to), options);
    if (kept) kept.id = this.volume.get(kept.name).id;
    this.#answered(deed);
    this.model.rollback(id, to, kept);
  }

  async flush(): Promise<void> {
    this.lines.push("flush");
    const deed = this.#begin({ do: "flush" });
    await this.volume.flush();
    this.#answered(deed);
  }

  async reclaimed(): Promise<void> {
    this.lines.push("reclaimed");
    await this.volume.reclaimed();
  }

  async reopen(): Promise<void> {
    this.lines.push("close and open");
    await this.close();
    const { late } = this.world;
    const devices = devicesOn(this.world, this.#images, (image, how) => {
      const device = this.log.again(this.#images.indexOf(image), image, how);
      return late === null ? device : lateDevice(device, late);
    });
    this.volume = await this.subject.open(devices, againOptions(this.can, optionsOf(this.world)));
    beginAgain(this.model, this.can);
  }

  /** The origin becomes what the snapshot is; opened again, the volume has a snapshot again. */
  async merge(): Promise<void> {
    this.lines.push("merge");
    const { model } = this;
    const bytes = model.read(FIXED.id, 0, model.size);
    const deed = this.#begin({ do: "patch", view: model.origin, offset: 0, bytes });
    await this.volume.merge();
    this.#answered(deed);
    this.#answered(this.#begin({ do: "flush" }));
    model.views.set(model.origin, new Map(model.pages(FIXED.id)));
    await this.reopen();
  }

  async close(): Promise<void> {
    const deed = this.#begin({ do: "flush" });
    await this.volume.close();
    this.#answered(deed);
  }

  #begin(deed: Open<Deed>): Deed {
    const begun = { ...deed, start: this.log.now, end: Number.POSITIVE_INFINITY } as Deed;
    this.oracle.deeds.push(begun);
    return begun;
  }

  #answered(deed: Deed): void {
    deed.end = this.log.now;
  }
}
