/**
 * A power cut at any device write of a volume with persistent snapshots: what the COW devices and
 * the origin then say to the strict reader, and to the library.
 */
import { CrashLog, Wreck } from "../crash/log.ts";
import type { Effort } from "../crash/tear.ts";
import { firstUnexplained, type Patch } from "../model/explain.ts";
import { mustHold } from "../model/fixture.ts";
import type { Image } from "../model/image.ts";
import { lateDevice } from "../model/late.ts";
import type { Random } from "../model/prng.ts";
import { Attached, bytesOf, type How, mustBe, nameOf, ORIGIN, openCows } from "./attached.ts";
import { view as viewOf } from "./format.ts";

/** What may be there from device event `since` on. */
interface Expected {
  since: number;
  /** Of each view: what is durable, and what was written behind it. */
  views: { durable: Uint8Array; pending: Patch[] }[];
  /** The origin's view is that of the first snapshot; its device is on the way there. */
  merging: boolean;
}

/** A volume whose device events are recorded, one request at a time. */
export class Recorded {
  readonly log: CrashLog;
  readonly attached: Attached;
  readonly #history: Expected[] = [];

  private constructor(attached: Attached, log: CrashLog) {
    this.attached = attached;
    this.log = log;
    this.#flushed(0);
  }

  static async open(images: readonly Image[], late?: Random): Promise<Recorded> {
    const log = new CrashLog();
    const device: How["device"] = (image, how) => {
      const logged = log.device(image, how);
      return late ? lateDevice(logged, late.fork()) : logged;
    };
    return new Recorded(await Attached.open(images, { device }), log);
  }

  async write(number: number, offset: number, bytes: Uint8Array): Promise<void> {
    const { views, merging } = this.#history.at(-1) as Expected;
    const shown = merging && number === ORIGIN ? 1 : number;
    const patched = views.map(({ durable, pending }, view) => {
      return { durable, pending: view === shown ? [...pending, { view, offset, bytes }] : pending };
    });
    this.#history.push({ since: this.log.now, views: patched, merging });
    await this.attached.view(number).write(offset, bytes);
    this.attached.contents[shown]?.set(bytes, offset);
  }

  async flush(): Promise<void> {
    await this.attached.volume.flush();
    this.#flushed();
  }

  /** Begins to merge the first snapshot; answers once it has begun. */
  async beginMerge(): Promise<{ ended: Promise<void> }> {
    let began = () => {};
    const beginning = new Promise<void>((resolve) => {
      began = resolve;
    });
    const last = this.#history.at(-1) as Expected;
    this.#history.push({ ...last, since: this.log.now, merging: true });
    const ended = this.attached.volume.merge({ progress: () => began() });
    await Promise.race([beginning, ended]);
    return { ended };
  }

  #flushed(since = this.log.now): void {
    const views = this.attached.contents.map((bytes) => ({ durable: bytes.slice(), pending: [] }));
    this.#history.push({ since, views, merging: this.#history.at(-1)?.merging ?? false });
  }

  /** What may be there when the power goes behind event number `point`. */
  at(point: number): Expected {
    return this.#history.findLast(({ since }) => since <= point) as Expected;
  }
}

export interface Depth extends Effort {
  /** Share of the states that the library opens, too. */
  opened: number;
}

/** Looks at what a crash behind each event may leave; answers the number of states. */
export async function crashEverywhere(
  recorded: Recorded,
  random: Random,
  depth: Depth,
): Promise<number> {
  const { log } = recorded;
  const wreck = new Wreck(log);
  let states = 0;
  for (let point = 0; point <= log.events.length; point++) {
    const event = log.events[point - 1];
    if (event) wreck.advance(event);
    const expected = recorded.at(point);
    for (const images of wreck.states(random, depth)) {
      states++;
      try {
        mustExplain(images, expected);
        if (random.chance(depth.opened)) await mustOpen(images);
      } catch (error) {
        const where = `crash behind event ${point} of ${log.events.length}, state ${states}`;
        const last = event && `${event.kind} of device ${event.device}`;
        throw new Error(`${(error as Error).message}\n${where}: ${last}`, { cause: error });
      }
    }
  }
  return states;
}

function mustExplain(images: readonly Image[], { views, merging }: Expected): void {
  const [origin, ...cows] = images.map(bytesOf) as [Uint8Array, ...Uint8Array[]];
  const found = [origin, ...cows.map((cow) => viewOf(origin, cow, { torn: true }))];
  for (const [number, { durable, pending }] of views.entries()) {
    if (merging && number === ORIGIN) continue;
    const at = firstUnexplained(durable, pending, found[number] as Uint8Array, 0, "inOrder");
    const name = number === ORIGIN ? "the origin" : nameOf(number);
    if (at >= 0) throw new Error(`${name} at byte ${at}: not what may be there`);
  }
}

/** The library reads what the reader reads, and can go on. */
async function mustOpen(images: readonly Image[]): Promise<void> {
  const [origin, ...cows] = images.map(bytesOf) as [Uint8Array, ...Uint8Array[]];
  const snapshots = cows.map((cow) => viewOf(origin, cow, { torn: true }));
  const volume = await openCows(images);
  const holds = async () => {
    await mustHold(volume.origin, 0, origin);
    for (const [index, content] of snapshots.entries()) {
      await mustHold(volume.get(nameOf(index + 1)), 0, content);
    }
  };
  await holds();
  origin.fill(0x77, 300, 1000);
  await volume.origin.write(300, origin.subarray(300, 1000));
  await volume.flush();
  await holds();
  for (const [index, content] of snapshots.entries()) {
    const cow = bytesOf(images[index + 1] as Image);
    mustBe(viewOf(bytesOf(images[ORIGIN] as Image), cow), content, `${nameOf(index + 1)}, later`);
  }
  await volume.close();
}
