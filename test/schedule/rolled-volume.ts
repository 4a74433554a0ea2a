/** A small volume in memory with a schedule on a test's clock; it can be killed. */
import { memoryDevice } from "../../src/devices/memory.ts";
import { type KeepRule, parseKeep } from "../../src/schedule/keep.ts";
import { parsePeriod } from "../../src/schedule/period.ts";
import { type Roller, type RollerOptions, startRoller } from "../../src/schedule/roller.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { Volume } from "../../src/volume/types.ts";
import { kept } from "../model/media.ts";
import { TestClock } from "./clock.ts";

const SIZE = 64 * 4096;
const CACHE_BYTES = 2 ** 20;

export class RolledVolume {
  readonly clock = new TestClock();
  readonly said: string[] = [];
  readonly #store = memoryDevice();
  #volume: Volume | null = null;
  #roller: Roller | null = null;

  static async make(): Promise<RolledVolume> {
    const made = new RolledVolume();
    await made.open({ size: SIZE });
    return made;
  }

  /** Without `create` the store as it is; what was open before died without closing. */
  async open(create?: { size: number }): Promise<void> {
    const { env } = this.clock;
    const store = kept(this.#store);
    this.#volume = await openVolume({ store, env, create, cacheBytes: CACHE_BYTES });
  }

  get volume(): Volume {
    return this.#volume as Volume;
  }

  get roller(): Roller {
    return this.#roller as Roller;
  }

  get names(): string[] {
    return this.volume.snapshots.map(({ name }) => name as string);
  }

  /** Answers when the first turn is over. */
  async start(
    every: string,
    keep?: string,
    options: Partial<RollerOptions> = {},
    on = this.volume,
  ): Promise<void> {
    const rules: KeepRule[] | undefined = keep === undefined ? undefined : parseKeep(keep);
    this.#roller = startRoller(on, {
      every: parsePeriod(every),
      keep: rules,
      env: this.clock.env,
      sleep: this.clock.sleep,
      say: (line) => this.said.push(line),
      ...options,
    });
    await this.clock.pass(1);
  }

  async pass(period: string, times = 1): Promise<void> {
    await this.clock.pass(times * parsePeriod(period));
  }

  async stop(): Promise<void> {
    await this.roller.stop();
  }

  async end(): Promise<void> {
    await this.stop();
    await this.volume.close();
  }
}

/** `volume` with some of its methods replaced. */
export function replaced(volume: Volume, methods: Partial<Volume>): Volume {
  return new Proxy(volume, {
    get(target, key) {
      const own = methods[key as keyof Volume] ?? Reflect.get(target, key, target);
      return typeof own === "function" ? own.bind(target) : own;
    },
  });
}
