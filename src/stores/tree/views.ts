/** The views of a store in the tree: their records, and how they come and get other names. */
import type { Engine } from "../../engine/engine.ts";
import { EXISTS, INVALID, UNSUPPORTED } from "../../engine/status.ts";
import { MultisnapError } from "../../errors.ts";
import { isHidden } from "../hidden.ts";
import type { ViewRecord } from "../store.ts";
import { joinName, splitName } from "./stored-names.ts";

const READ_ONLY_FLAG = 2;
const LIVE_FLAG = 1;
const ORIGIN = 1;
/** "@" in UTF-8, where it is in no other character. */
const SIGN = 0x40;
const encoder = new TextEncoder();

export class TreeViews {
  readonly #engine: Engine;
  readonly #cell: Record<"created" | "flags" | "id" | "marks" | "parent" | "size", number>;
  /** Ids of views with a mark by their names; null until somebody asks. A view may be gone. */
  #marked: Map<string, number> | null = null;

  constructor(engine: Engine) {
    this.#engine = engine;
    this.#cell = {
      created: engine.constant("CELL_CREATED"),
      flags: engine.constant("CELL_FLAGS"),
      id: engine.constant("CELL_ID"),
      marks: engine.constant("CELL_MARK_BYTES"),
      parent: engine.constant("CELL_PARENT"),
      size: engine.constant("CELL_SIZE"),
    };
  }

  create(of: number, name: string, readOnly: boolean, created: number): number {
    this.#refuseTaken(name, 0);
    const length = this.#putName(name);
    const flags = readOnly ? READ_ONLY_FLAG : 0;
    return this.#answer(this.#engine.x.createSnapshot(of, flags, created, length), name);
  }

  /** Without a `mark` the view keeps the one that it has. */
  rename(id: number, name: string, mark = this.view(id)?.mark ?? null): number {
    this.#refuseTaken(name, id);
    const length = this.#putName(joinName(name, mark));
    const status = this.#answer(this.#engine.x.renameSnapshot(id, length), name);
    if (status === 1 && mark !== null) this.#marked?.set(name, id);
    return status;
  }

  /** `Exists` where another view has the name, and a mark with it. */
  #refuseTaken(name: string, id: number): void {
    const other = this.named(name);
    if (other && other.id !== id) this.#answer(EXISTS, name);
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
    if (status === EXISTS) {
      throw new MultisnapError("Exists", `a snapshot is called ${JSON.stringify(name)} already`);
    }
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
    if (cell !== 0) {
      const record = this.#record(cell);
      return record.name === name ? record : null;
    }
    return this.#named(name);
  }

  /** The engine finds whole stored names alone. */
  #named(name: string): ViewRecord | null {
    this.#marked ??= this.#findMarked();
    const id = this.#marked.get(name);
    if (id === undefined) return null;
    const record = this.view(id);
    if (record?.name === name) return record;
    this.#marked.delete(name);
    return null;
  }

  /** One look at every name: they are told by one byte. */
  #findMarked(): Map<string, number> {
    const { x, u8, at } = this.#engine;
    const found = new Map<string, number>();
    for (let cell = x.viewNext(0); cell !== 0; cell = x.viewNext(cell)) {
      const bytes = x.viewName(cell);
      if (!u8.subarray(at.name, at.name + bytes).includes(SIGN)) continue;
      const { id, name } = this.#record(cell);
      if (name !== null && !isHidden(name)) found.set(name, id);
    }
    return found;
  }

  /** Live ones in the order of the timeline. */
  all(): ViewRecord[] {
    const { x, u32 } = this.#engine;
    const found: ViewRecord[] = [];
    for (let cell = x.viewNext(0); cell !== 0; cell = x.viewNext(cell)) {
      if (u32[(cell + this.#cell.flags) >>> 2]! & LIVE_FLAG) found.push(this.#record(cell));
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
    const stored = id === ORIGIN ? null : this.#engine.takeName(x.viewName(cell));
    const { name, mark } = stored === null ? { name: null, mark: null } : splitName(stored);
    return {
      id,
      name,
      mark,
      parent: u32[(cell + this.#cell.parent) >>> 2]!,
      created: f64[(cell + this.#cell.created) >>> 3]!,
      size: this.#engine.u64At(cell + this.#cell.size),
      marks: this.#marks(cell),
      readOnly: (u32[(cell + this.#cell.flags) >>> 2]! & READ_ONLY_FLAG) !== 0,
    };
  }
}
