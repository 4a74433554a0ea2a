/** The timeline in engine memory as it is saved: all views in order, deleted ones among them. */
import type { Engine } from "../../engine/engine.ts";
import type { ViewFields } from "./check/saved-views.ts";

/** Without the mark of a reclaim walk: a walk that is cut off begins anew. */
const FLAGS = 0x3f03;

export class SavedViews implements Iterable<ViewFields> {
  readonly #engine: Engine;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  *[Symbol.iterator](): Iterator<ViewFields> {
    const { x, u32, f64, u8, at } = this.#engine;
    const field = (cell: number, name: string) => cell + this.#engine.constant(name);
    for (let cell = x.viewNext(0); cell !== 0; cell = x.viewNext(cell)) {
      const bytes = x.viewName(cell);
      const name = u8.slice(at.name, at.name + bytes);
      const marks = u8.slice(at.name, at.name + x.viewMarks(cell));
      yield {
        id: u32[field(cell, "CELL_ID") >>> 2]!,
        seat: u32[cell >>> 2]!,
        parent: u32[field(cell, "CELL_PARENT") >>> 2]!,
        flags: u32[field(cell, "CELL_FLAGS") >>> 2]! & FLAGS,
        name,
        marks,
        created: f64[field(cell, "CELL_CREATED") >>> 3]!,
        size: this.#engine.u64At(field(cell, "CELL_SIZE")),
      };
    }
  }
}
