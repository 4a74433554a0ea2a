/**
 * Feeds an engine with views and entries and ends with one superblock: a store built anew from what
 * was saved of one. Nothing that the device holds is overwritten before that superblock, and that
 * goes to the slot that the old one does not lie in: whatever cuts this off, the old one stands.
 *
 * Memory: the cache, a bit for each chunk in use below the floor, and one column.
 */
import type { Device } from "../../../devices/device.ts";
import { Engine } from "../../../engine/engine.ts";
import { INVALID, NO_SPACE } from "../../../engine/status.ts";
import { MultisnapError } from "../../../errors.ts";
import { settle, type Task } from "../../../task.ts";
import type { ViewFields } from "../check/saved-views.ts";
import { Superblock } from "../layout.ts";
import { type Setup, sizesOf, type TreeKind } from "../open.ts";
import type { TreeStore } from "../tree-store.ts";
import { type Entry, HOLE, putEntry } from "../walk.ts";
import { highestRecord } from "./old-records.ts";
import { noRoom, type Room } from "./room.ts";

const BLOCK = 4096;
/** As the engine's (`assembly/memory.ts`): it looks for no slabs itself. */
const NOWHERE = 2 ** 48;
const ENTRIES_A_BLOCK = 160;
const FLAGS = 15;
/** Of one step: as many as one operation of the journal has. */
const SUMS_MAX = 64;
/** Bytes of the superblock that say where checksums of data lie. */
const SUMS = [
  [200, 204],
  [208, 216],
] as const;
/** Of the first slab: number 0, and what the space map needs to say that the slab is in use. */
const FIRST_BLOCKS = 8;

export interface Base {
  device: Device;
  kind: TreeKind;
  setup: Setup;
  /** The fields that stay: uuid, size, kind, paths, next id, sequence, area and so on. */
  superblock: Uint8Array;
  /** Of the superblock that ends it. Its parity is the slot. */
  generation: number;
  room: Room;
  /** Entries, about: for the message where there is no room. */
  entries: number;
}

export class Restorer {
  readonly engine: Engine;
  readonly #base: Base;
  readonly #fields: Superblock;
  readonly #new: number;
  /** Places of the column at work that are taken. */
  readonly #taken = new Set<number>();
  #column = -1;

  constructor(base: Base) {
    const { device, setup, superblock, generation, room } = base;
    this.#base = base;
    const engine = new Engine(setup.module, sizesOf(setup, chunkOf(superblock)));
    engine.attach(device);
    engine.u8.set(superblock, engine.at.super);
    // Where they lie is of the old store; those that `sums` gives come into a map of their own.
    for (const [from, end] of SUMS)
      engine.u8.fill(0, engine.at.super + from, engine.at.super + end);
    engine.x.restoreBegin(room.options.limit, generation);
    engine.setU64("SPACE_FLOOR", NOWHERE);
    this.engine = engine;
    this.#fields = new Superblock(engine, engine.at.super);
    this.#new = engine.constant("NEW");
  }

  /** All views, in the order of the timeline; before the first entry. */
  *views(views: readonly ViewFields[]): Task<void> {
    const { x } = this.engine;
    yield* this.#slab(FIRST_BLOCKS);
    for (const { id, seat, parent, flags, created, size, name, marks } of views) {
      yield* this.until(() => {
        const length = this.engine.putName(name);
        return x.restoreView(id, seat, parent, flags, created, size, length);
      });
      if (marks.length === 0) continue;
      yield* this.until(() => x.restoreMarks(this.engine.putName(marks)));
    }
    yield* this.until(() => x.restoreTimeline());
  }

  /** The next entries of the tree, in its order. */
  *entries(entries: readonly Entry[]): Task<void> {
    const { x } = this.engine;
    for (const entry of entries) {
      const { first, place } = entry;
      if (first !== this.#column) this.#taken.clear();
      this.#column = first;
      const take = (entry.flags & HOLE) === 0 && !this.#taken.has(place);
      if (take) this.#taken.add(place);
      yield* this.until(() => {
        putEntry(this.engine.u8, this.#new, { ...entry, flags: entry.flags & FLAGS });
        return x.restoreEntry(take);
      });
    }
  }

  /** Checksums of places from `place` on, 0 for none; after the entries that name them. */
  *sums(place: number, sums: Uint32Array): Task<void> {
    for (let at = 0; at < sums.length; at += SUMS_MAX) {
      const part = sums.subarray(at, at + SUMS_MAX);
      if (part.every((sum) => sum === 0)) continue;
      yield* this.until(() => {
        this.engine.u32.set(part, this.#new >>> 2);
        return this.engine.x.restoreSums(place + at, part.length);
      });
    }
  }

  /** Calls `step` until it has done its work; gives it what it asks for. */
  *until(step: () => number): Task<number> {
    for (;;) {
      const status = step();
      if (status === NO_SPACE) yield* this.#slab(1);
      else if (status === INVALID) throw this.#notOurs();
      else if (status < 0) yield* settle(this.engine.serve(status));
      else return status;
    }
  }

  #notOurs(): MultisnapError {
    const { name } = this.#base.device;
    return new MultisnapError("Corrupt", `${name}: what is to be restored says what no store says`);
  }

  /** A slab of at least so many blocks. */
  *#slab(blocks: number): Task<void> {
    const { room, device, entries } = this.#base;
    const least = Math.ceil((blocks * BLOCK) / chunkOf(this.#base.superblock));
    const run = room.next(this.#fields.u64("SUPER_TOP"), least);
    if (!run) throw noRoom(device.name, (128 + Math.ceil(entries / ENTRIES_A_BLOCK)) * BLOCK);
    // A file that is short, or a file system that is full, shows now.
    const chunk = chunkOf(this.#base.superblock);
    const zeros = new Uint8Array(run.count * chunk);
    yield* settle(device.write(zeros, 0, zeros.length, run.place * chunk));
    for (;;) {
      const status = this.engine.x.restoreSlab(run.place, run.count);
      if (status > 0) return;
      yield* settle(this.engine.serve(status));
    }
  }

  /**
   * The superblock is written, then the other slot's, which may be damaged: durable when it ends.
   */
  *end(): Task<TreeStore> {
    const { engine } = this;
    const { kind } = this.#base;
    // No record of before follows on the new checkpoint, whatever there is in the areas.
    const sequence = engine.u64At(engine.constant("JOURNAL_SEQUENCE"));
    engine.setU64("JOURNAL_SEQUENCE", (yield* highestRecord(engine, sequence)) + 1);
    engine.setState("REPLAYING", 0);
    engine.x.replayDone();
    yield* this.until(() => engine.x.restoreRoom());
    const store = kind.over(engine);
    yield* store.checkpoint(false);
    yield* store.checkpoint(false);
    return store;
  }
}

function chunkOf(superblock: Uint8Array): number {
  return 2 ** superblock[56]!;
}
