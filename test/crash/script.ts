/**
 * Short histories on devices that remember: what was asked and answered between which device
 * events.
 */
import { seededEnv } from "../../src/env.ts";
import type { View, Volume } from "../../src/volume/types.ts";
import { Image } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import { Model, type OriginMode } from "../model/model.ts";
import type { Random } from "../model/prng.ts";
import type { Opener } from "../model/subjects.ts";
import { CrashLog } from "./log.ts";
import { type Deed, Oracle } from "./oracle.ts";
import { devicesOn } from "./verify.ts";

export interface CrashWorld {
  mode: OriginMode;
  chunk: number;
  size: number;
  /** Devices that answer late. */
  late: Random | null;
}

type Open<D> = D extends Deed ? Omit<D, "start" | "end"> : never;

export class Script {
  readonly log = new CrashLog();
  readonly world: CrashWorld;
  readonly model: Model;
  readonly oracle: Oracle;
  /** Device events before this one made the store. */
  created: number;
  readonly lines: string[] = [];
  volume: Volume;
  readonly #open: Opener;
  readonly #images: Image[];
  #names = 0;

  constructor(open: Opener, world: CrashWorld, volume: Volume, log: CrashLog, images: Image[]) {
    const first = new Uint8Array(world.size);
    images[1]?.read(first, 0, world.size, 0);
    this.#open = open;
    this.#images = images;
    this.world = world;
    this.volume = volume;
    this.log = log;
    this.created = log.now;
    this.model = new Model(volume.origin.id, world.size, world.chunk, world.mode, first);
    this.oracle = new Oracle(volume.origin.id, first);
  }

  static async start(open: Opener, world: CrashWorld, image: Uint8Array): Promise<Script> {
    const images = world.mode === "inline" ? [new Image()] : [new Image(), Image.of(image)];
    const log = new CrashLog();
    const devices = devicesOn(world.mode, images, (one, how) => {
      const device = log.device(one, how);
      return world.late === null ? device : lateDevice(device, world.late);
    });
    const create = { size: world.size, chunk: world.chunk };
    const options = { create, cacheBytes: 2 ** 20, env: seededEnv(1) };
    return new Script(open, world, await open(devices, options), log, images);
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
    const name = `s${++this.#names}`;
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
    const name = `s${++this.#names}`;
    this.lines.push(`rename ${id} ${name}`);
    const deed = this.#begin({ do: "rename", id, name });
    await this.volume.rename(this.view(id), name);
    this.#answered(deed);
    this.model.rename(id, name);
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
    const { mode, late } = this.world;
    const devices = devicesOn(mode, this.#images, (image, how) => {
      const device = this.log.again(this.#images.indexOf(image), image, how);
      return late === null ? device : lateDevice(device, late);
    });
    this.volume = await this.#open(devices, { cacheBytes: 2 ** 20, env: seededEnv(3) });
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
