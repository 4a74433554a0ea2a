/**
 * Repair: what can be read of the checkpoint that counts, and what its journal adds, as a store
 * that is sound. It is built anew in chunks that nothing is in and takes over with one superblock,
 * so a repair that is cut off has changed nothing, and can be run again.
 *
 * Memory: the timeline, three bits a place, the cache, a leaf or some.
 */
import type { Device } from "../../../devices/device.ts";
import { isFull } from "../../../errors.ts";
import { settle, type Task } from "../../../task.ts";
import type { ProgressOptions, RepairReport } from "../../store.ts";
import { Blocks } from "../check/blocks.ts";
import { checkDevice } from "../check/checker.ts";
import { Findings } from "../check/findings.ts";
import { JournalReader } from "../check/journal.ts";
import { Losses } from "../check/losses.ts";
import { bestImage } from "../check/lost-super.ts";
import type { Salvage } from "../check/salvage.ts";
import { recordLosses, strayLosses } from "../check/strays.ts";
import { eachSums } from "../check/sums.ts";
import { readSupers, type SuperImage, type Supers } from "../check/supers.ts";
import { limitOf } from "../limit.ts";
import type { Setup, TreeKind } from "../open.ts";
import { Restorer } from "../restore/restorer.ts";
import { Room } from "../restore/room.ts";
import { lostNow } from "./lost-now.ts";
import { Replay, Stopped } from "./replay.ts";
import { feed, loadSalvage } from "./source.ts";
import { isGone, type Survey, survey, surveyJournal } from "./survey.ts";

export interface RepairOptions extends ProgressOptions {
  /** Also where check finds nothing. */
  always?: boolean;
  /** The device's limit does not count: nothing is really written to it. */
  inMemory?: boolean;
}

/**
 * Errors: `NoSpace` where there is no room for new metadata; `Corrupt`, `Invalid`, `Unsupported`
 * where no superblock can be read; those of the device. Then nothing has changed.
 */
export function* repairTree(
  device: Device,
  kinds: Record<"range" | "bitmap", TreeKind>,
  setup: Setup,
  options: RepairOptions,
): Task<RepairReport> {
  const report = yield* checkDevice(device, setup.module, options);
  if (report.clean && !options.always) return { ...report, repaired: [] };
  const repair = yield* Repair.begin(device, kinds, setup, options);
  const { losses, lossCount, repaired } = yield* repair.run();
  return { ...report, losses, lossCount, repaired };
}

const LOSSES_MAX = 1000;
/** So often fewer records are tried, then none. */
const STOPS_MAX = 8;

type Outcome = Pick<RepairReport, "losses" | "lossCount" | "repaired">;

interface Attempt {
  /** Records that are replayed, at most. */
  records: number;
  /** Nothing is put behind what the store holds: its device does not grow. */
  below: boolean;
}

class Repair {
  readonly #blocks: Blocks;
  readonly #supers: Supers;
  readonly #image: SuperImage;
  readonly #survey: Survey;
  readonly #kind: TreeKind;
  readonly #setup: Setup;
  readonly #options: RepairOptions;

  private constructor(
    blocks: Blocks,
    supers: Supers,
    image: SuperImage,
    found: Survey,
    kind: TreeKind,
    setup: Setup,
    options: RepairOptions,
  ) {
    this.#blocks = blocks;
    this.#supers = supers;
    this.#image = image;
    this.#survey = found;
    this.#kind = kind;
    this.#setup = setup;
    this.#options = options;
  }

  /** Looks at everything once. */
  static *begin(
    device: Device,
    kinds: Record<"range" | "bitmap", TreeKind>,
    setup: Setup,
    options: RepairOptions,
  ): Task<Repair> {
    const blocks = new Blocks(device, setup.module);
    const supers = yield* readSupers(blocks);
    const image = yield* bestImage(blocks, supers);
    const found = yield* survey(blocks, image, options);
    return new Repair(blocks, supers, image, found, kinds[image.kind], setup, options);
  }

  *run(): Task<Outcome> {
    let records = Infinity;
    let below = false;
    let stops = 0;
    for (;;) {
      try {
        return yield* this.#attempt({ records, below });
      } catch (error) {
        if (error instanceof Stopped && error.records < records) {
          records = ++stops < STOPS_MAX ? error.records : 0;
          yield* surveyJournal(this.#blocks, this.#image, this.#options, this.#survey, records);
        } else if (isFull(error) && !below) below = true;
        else throw error;
      }
    }
  }

  *#attempt({ records, below }: Attempt): Task<Outcome> {
    const blocks = this.#blocks;
    const findings = new Findings(this.#options);
    const salvage = yield* loadSalvage(blocks, this.#image, this.#options);
    const restorer = this.#restorer(below);
    const fed = yield* feed(salvage, this.#survey, restorer);
    yield* eachSums(salvage.meta, (place, sums) => restorer.sums(place, sums));
    const journal = new JournalReader(blocks, this.#image, findings);
    const replay = new Replay(restorer, {
      originOnly: salvage.timeline === null,
      isGone: (place) => isGone(this.#survey, place),
    });
    const losses = new Losses(salvage, findings);
    const end = yield* journal.run(true, ({ bytes }) => {
      if (replay.done < records) return replay.take(bytes);
      recordLosses(bytes, losses);
    });
    const store = yield* restorer.end();
    yield* settle(blocks.device.flush());
    // What records say that cannot be replayed, and names that are lost, are lost without a trace.
    if (salvage.timeline === null) losses.allSnapshots();
    yield* strayLosses(blocks, end, losses);
    const now = yield* lostNow(store);
    return {
      losses: [...now.losses, ...findings.losses].slice(0, LOSSES_MAX),
      lossCount: now.lossCount + findings.lossCount,
      repaired: this.#said(salvage, fed, replay, end.accepted + end.strays.length),
    };
  }

  #restorer(below: boolean): Restorer {
    const { device } = this.#blocks;
    const { bytes, chunk, generation } = this.#image;
    const { slots, newest } = this.#supers;
    const slot = slots.find(({ image }) => image === newest)!.slot;
    const limit = this.#image.u64("SUPER_LIMIT");
    const { inMemory = false } = this.#options;
    const most = inMemory || limit === 0 ? null : limit;
    const superblock = bytes.slice();
    const limitAt = this.#blocks.constant("SUPER_LIMIT");
    if (inMemory) superblock.fill(0, limitAt, limitAt + 8);
    // One number is left to a later checkpoint whose superblock is lost.
    const next = generation + 2;
    return new Restorer({
      device,
      kind: this.#kind,
      setup: this.#setup,
      superblock,
      generation: next % 2 === slot ? next + 1 : next,
      room: new Room({
        floor: Math.max(this.#image.fixedChunks, Math.min(this.#survey.top, this.#survey.end)),
        limit: limitOf(device, most, chunk),
        slab: this.#image.slabBlocks / this.#image.blocksPerChunk,
        used: this.#survey.isWhole ? this.#survey.used : null,
        below,
      }),
      entries: this.#survey.entries,
    });
  }

  #said(salvage: Salvage, fed: { entries: number }, replay: Replay, records: number): string[] {
    const isRebuilt = this.#image !== this.#supers.newest;
    const said = [
      ...(isRebuilt ? ["the newest superblock was made anew of what its checkpoint says"] : []),
      `the tree was built anew of the ${fed.entries} entries that could be read, the space map ` +
        "of the tree",
    ];
    if (salvage.timeline === null) said.push("the list of snapshots is lost: the origin is left");
    if (replay.done > 0) said.push(`${replay.done} records of the journal were replayed`);
    if (replay.done < records) {
      said.push(`${records - replay.done} records of the journal could not be replayed`);
    }
    return said;
  }
}
