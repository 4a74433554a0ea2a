/** A store of some kind to compare kinds with: origin full, snapshots taken, then written. */
import { rmSync } from "node:fs";
import { fileDevice, openVolume, type StoreKind, type Volume } from "../../src/index.ts";
import { runSync } from "../io/requests.ts";
import { DATA_BYTE, writeAll } from "../io/stores.ts";
import { shuffled } from "../order.ts";
import type { Context } from "../row.ts";

const CHUNK = 4096;
export const CHUNKS = 2 ** 14;
const ORIGIN_BYTES = CHUNKS * CHUNK;
const ORIGIN_SEED = 31;
/** And the following ones, one a snapshot. */
const SNAPSHOT_SEED = 100;

export interface Layout {
  origin: "attached" | "inline";
  snapshots: number;
  /** Of the chunks, that each snapshot writes. */
  ownPart: number;
}

function originFile({ scratch }: Context): string {
  return scratch.file("kinds-origin.img");
}

/** The disk that attached origins are on: all of it data, again and again overwritten. */
export async function fillOrigin(context: Context): Promise<void> {
  const device = await fileDevice(originFile(context));
  const data = new Uint8Array(2 ** 20).fill(DATA_BYTE);
  for (let at = 0; at < ORIGIN_BYTES; at += data.length) device.write(data, 0, data.length, at);
  await device.close();
}

export class KindStore {
  readonly #layout: Layout;
  readonly #file: string;
  readonly #origin: string | null;
  #volume: Volume;

  private constructor(layout: Layout, file: string, origin: string | null, volume: Volume) {
    this.#layout = layout;
    this.#file = file;
    this.#origin = origin;
    this.#volume = volume;
  }

  /** With its snapshots taken, all of them of the same full origin. */
  static async make(context: Context, kind: StoreKind, layout: Layout): Promise<KindStore> {
    const file = context.scratch.file("kinds.msnap");
    const origin = layout.origin === "attached" ? originFile(context) : null;
    const volume = await openVolume({
      ...(await devices(file, origin)),
      create: { kind, chunk: CHUNK, size: ORIGIN_BYTES },
    });
    if (origin === null) await writeAll(volume);
    for (let i = 1; i <= layout.snapshots; i++) await volume.snapshot(`s${i}`);
    return new KindStore(layout, file, origin, volume);
  }

  /** Bytes of metadata once it is closed; opens it again. */
  async settledMetadata(): Promise<number> {
    await this.#volume.close();
    this.#volume = await openVolume(await devices(this.#file, this.#origin));
    return this.#volume.usage().metadataBytes;
  }

  get exceptions(): number {
    return this.#volume.usage().exceptions;
  }

  /** Each snapshot writes random chunks of its own. */
  async writeSnapshots(): Promise<void> {
    const count = CHUNKS * this.#layout.ownPart;
    for (const [index, view] of this.#volume.snapshots.entries()) {
      const order = shuffled(CHUNKS, SNAPSHOT_SEED + index);
      await runSync({ view, what: "write", order, unit: CHUNK, count, bytes: CHUNK });
    }
  }

  /** Each chunk of the origin once, in random order: operations a second. */
  writeOrigin(): Promise<number> {
    const order = shuffled(CHUNKS, ORIGIN_SEED);
    const view = this.#volume.origin;
    return runSync({ view, what: "write", order, unit: CHUNK, count: CHUNKS, bytes: CHUNK });
  }

  async remove(): Promise<void> {
    await this.#volume.close();
    rmSync(this.#file);
  }
}

async function devices(file: string, origin: string | null) {
  const store = await fileDevice(file);
  return origin === null ? { store } : { store, origin: await fileDevice(origin) };
}
