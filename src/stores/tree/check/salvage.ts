/**
 * One checkpoint, as far as it can be read. Nothing is written, no store is opened; what is wrong
 * goes to the findings.
 *
 * Memory: the timeline, two bits a place, a bit and some bytes a metadata block, the path, one
 * column. All of it is bounded by what is really on the device, whatever numbers stand there.
 */
import type { Task } from "../../../task.ts";
import type { Blocks } from "./blocks.ts";
import { type Column, Columns } from "./columns.ts";
import type { Findings } from "./findings.ts";
import { MetaBlocks } from "./meta.ts";
import { TreeWalk } from "./nodes.ts";
import { type EntryRules, rulesOf } from "./rules.ts";
import { readViews, type SavedView } from "./saved-views.ts";
import { Shape } from "./shape.ts";
import { Slabs } from "./slabs.ts";
import { readSpace, type SpaceMap } from "./space.ts";
import type { SuperImage } from "./supers.ts";
import { readTables } from "./tables.ts";

export class Salvage {
  readonly image: SuperImage;
  readonly meta: MetaBlocks;
  readonly timeline: readonly SavedView[] | null;
  readonly rules: EntryRules;
  readonly space: SpaceMap;
  readonly shape: Shape;

  private constructor(meta: MetaBlocks, timeline: readonly SavedView[] | null, space: SpaceMap) {
    this.meta = meta;
    this.image = meta.image;
    this.timeline = timeline;
    this.space = space;
    const origin = meta.image.u32("SUPER_ORIGIN_SEAT") || 1;
    this.rules = rulesOf(meta.image.kind, timeline, origin);
    this.shape = new Shape(meta.blocks, this.rules, meta.image.top);
  }

  /** Reads tables, views and space map; the tree is left to `columns`. */
  static *load(blocks: Blocks, image: SuperImage, findings: Findings): Task<Salvage> {
    const meta = new MetaBlocks(blocks, image, findings, new Slabs(image.slabBlocks));
    const groups = yield* readTables(meta);
    const timeline = yield* readViews(meta);
    const space = yield* readSpace(meta, groups);
    return new Salvage(meta, timeline, space);
  }

  /** Chunks of the largest view. */
  get chunks(): number {
    const bytes = this.image.u64("SUPER_SIZE");
    const most = (this.timeline ?? []).reduce((sum, { size }) => Math.max(sum, size), bytes);
    return Math.ceil(most / this.image.chunk);
  }

  /**
   * Every column in the order of the tree; what `visit` gets stays as it is. `block`: where the
   * column's last entry was read.
   */
  *columns(visit: (column: Column, block: number) => void): Task<void> {
    const columns = new Columns(this.rules, this.chunks, visit);
    const suspect = this.space.suspect.bind(this.space);
    yield* new TreeWalk(this.meta, this.shape, suspect, columns).run();
    columns.end();
  }
}
