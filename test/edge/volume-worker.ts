/**
 * A Durable Object that keeps a volume, as a user would write it: over the entry for edge
 * platforms, told what to do by requests. Sectors carry stamps, so that what is there can be told
 * in few bytes.
 */
import { httpDevice, openVolume, sqlDevice, type View, type Volume } from "../../src/edge.ts";
import type { Order } from "./orders.ts";

type Context = { storage: Parameters<typeof sqlDevice>[0] };
type Namespace = {
  idFromName(name: string): unknown;
  get(id: unknown): { fetch(request: Request): Promise<Response> };
};

const SECTOR = 512;

export class Box {
  readonly #context: Context;
  #volume: Promise<Volume> | null = null;

  constructor(context: Context) {
    this.#context = context;
  }

  async fetch(request: Request): Promise<Response> {
    try {
      const order = (await request.json()) as Order;
      this.#volume ??= this.#open(order);
      return await obey(await this.#volume, order);
    } catch (error) {
      return new Response((error as Error).stack, { status: 500 });
    }
  }

  async #open({ flush, size, base }: Order): Promise<Volume> {
    const store = sqlDevice(this.#context.storage, { flush });
    const under = base === undefined ? {} : { base: await httpDevice(base) };
    const create = store.size() === 0 ? { create: base === undefined ? { size } : {} } : {};
    return openVolume({ store, ...under, ...create });
  }
}

async function obey(volume: Volume, { writes, snapshot, stamps, read }: Order): Promise<Response> {
  const view = (name: string | null): View => (name === null ? volume.origin : volume.get(name));
  if (stamps) return new Response(await stampsOf(volume));
  if (read) {
    const bytes = new Uint8Array(read.length);
    await view(read.view).read(read.offset, bytes);
    return new Response(bytes);
  }
  await Promise.all(
    (writes ?? []).map(async ({ view: name, sector, count, stamp }) => {
      await view(name).write(sector * SECTOR, new Uint8Array(count * SECTOR).fill(0).map(fill));
      function fill(_: number, index: number): number {
        return index % SECTOR < 4 ? (stamp >>> (8 * (index % SECTOR))) & 255 : stamp & 255;
      }
    }),
  );
  if (snapshot) await volume.snapshot(snapshot);
  else await volume.flush();
  return new Response("done");
}

/** JSON: names of views, and a stamp for each sector of each; -1 for one that is torn. */
async function stampsOf(volume: Volume): Promise<string> {
  const { clean, problems } = await volume.check({ data: true });
  const views: Record<string, number[]> = {};
  const bytes = new Uint8Array(volume.origin.size);
  for (const view of [volume.origin, ...volume.snapshots]) {
    await view.read(0, bytes);
    const found: number[] = [];
    for (let at = 0; at < bytes.length; at += SECTOR) {
      const stamp = new DataView(bytes.buffer).getInt32(at, true);
      const whole = bytes.subarray(at + 4, at + SECTOR).every((byte) => byte === (stamp & 255));
      found.push(whole ? stamp : -1);
    }
    views[view.name ?? ""] = found;
  }
  return JSON.stringify({ clean, problems, views, memory: volume.status().counters });
}

export default {
  fetch(request: Request, env: { BOX: Namespace }): Promise<Response> {
    const name = new URL(request.url).pathname;
    return env.BOX.get(env.BOX.idFromName(name)).fetch(request);
  },
};
