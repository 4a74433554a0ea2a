/** The views of a store in the tree: their records, and how they come and get other names. */
import type { Engine } from "../../engine/engine.ts";
import { EXISTS, INVALID, UNSUPPORTED } from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import { HIDDEN_SIGN } from "../hidden.ts";
import type { ViewRecord } from "../store.ts";
import { isTaken } from "../taken.ts";

const READ_ONLY_FLAG = 2;
const LIVE_FLAG = 1;
const ORIGIN = 1;
const HIDDEN = HIDDEN_SIGN.charCodeAt(0);
const encoder = new TextEncoder();

export class TreeViews {
  readonly #engine: Engine;
  readonly #cell: Record<"created" | "flags" | "id" | "marks" | "name" | "parent" | "size", number>;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#cell = {
      created: engine.constant("CELL_CREATED"),
      flags: engine.constant("CELL_FLAGS"),
      id: engine.constant("CELL_ID"),
      marks: engine.constant("CELL_MARK_BYTES"),
      name: engine.constant("CELL_NAME"),
      parent: engine.constant("CELL_PARENT"),
      size: engine.constant("CELL_SIZE"),
    };
  }

  create(of: number, name: string, readOnly: boolean, created: number): number {
    const length = this.#putName(name);
    const flags = readOnly ? READ_ONLY_FLAG : 0;
    return this.#answer(this.#engine.x.createSnapshot(of, flags, created, length), name);
  }

  rename(id: number, name: string): number {
    const length = this.#putName(name);
    return this.#answer(this.#engine.x.renameSnapshot(id, length), name);
  }

  /** `name` null: what the view was is deleted. */
  rollback(id: number, to: number, name: string | null, created: number): number {
    const length = name === null ? 0 : this.#putName(name);
    return this.#answer(this.#engine.x.rollbackView(id, to, created, length), name ?? "");
  }

  resize(id: number, size: number): number {
    const status = this.#engine.x.resizeView(id, size);
    if (status !== UNSUPPORTED) return status;
    const what = `${this.#engine.device.name} was made for smaller views than ${size} bytes`;
    throw new MultisnapError("Unsupported", `${what}: copy the volume to a new store`);
  }

  mark(id: number, marks: string): number {
    const length = this.#engine.putName(encoder.encode(marks));
    return this.#answer(this.#engine.x.setMarks(id, length), "");
  }

  #answer(status: number, name: string): number {
    if (status === EXISTS) throw isTaken(name);
    if (status === INVALID) {
      throw new MultisnapError("Invalid", "a name has 1 to 255 bytes of UTF-8");
    }
    if (status === UNSUPPORTED) {
      const what = `${this.#engine.device.name} has no number or no room for a name left`;
      throw new MultisnapError("Unsupported", `${what}: copy the volume to a new store`);
    }
    return status;
  }

  #putName(name: string): number {
    const bytes = encoder.encode(name);
    if (bytes.length === 0 || bytes.length > 255) return bytes.length === 0 ? 0 : 256;
    return this.#engine.putName(bytes);
  }

  view(id: number): ViewRecord | null {
    const cell = this.#engine.x.viewCell(id);
    return cell === 0 ? null : this.#record(cell);
  }

  named(name: string): ViewRecord | null {
    const length = this.#putName(name);
    if (length === 0 || length > 255) return null;
    const cell = this.#engine.x.viewNamed(length);
    return cell === 0 ? null : this.#record(cell);
  }

  /** Live ones in the order of the timeline. */
  all(): ViewRecord[] {
    return this.#live().map((cell) => this.#record(cell));
  }
  hidden(): ViewRecord[] {
    return this.#live(true).map((cell) => this.#record(cell));
  }
  /** Ids of the snapshots that are not hidden. */
  ids(): number[] {
    return this.#live(false).map((cell) => this.#engine.u32[(cell + this.#cell.id) >>> 2]!);
  }

  /** Cells; `isHidden`: of the snapshots that are, or are not, as the first byte of a name says. */
  #live(isHidden: boolean | null = null): number[] {
    const { x, u8, u32 } = this.#engine;
    const { flags, id, name } = this.#cell;
    const found: number[] = [];
    for (let cell = x.viewNext(0); cell !== 0; cell = x.viewNext(cell)) {
      const isWanted =
        isHidden === null ||
        (u32[(cell + id) >>> 2] !== ORIGIN && (u8[cell + name] === HIDDEN) === isHidden);
      if (isWanted && u32[(cell + flags) >>> 2]! & LIVE_FLAG) found.push(cell);
    }
    return found;
  }

  #marks(cell: number): string {
    const bytes = this.#engine.u32[(cell + this.#cell.marks) >>> 2]!;
    return bytes === 0 ? "" : this.#engine.takeName(this.#engine.x.viewMarks(cell));
  }

  #record(cell: number): ViewRecord {
    const { u32, f64, x } = this.#engine;
    const id = u32[(cell + this.#cell.id) >>> 2]!;
    return {
      id,
      name: id === ORIGIN ? null : this.#engine.takeName(x.viewName(cell)),
      parent: u32[(cell + this.#cell.parent) >>> 2]!,
      created: f64[(cell + this.#cell.created) >>> 3]!,
      size: this.#engine.u64At(cell + this.#cell.size),
      marks: this.#marks(cell),
      readOnly: (u32[(cell + this.#cell.flags) >>> 2]! & READ_ONLY_FLAG) !== 0,
    };
  }
}
