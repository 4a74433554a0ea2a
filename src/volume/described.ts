/** What is said of a view: as it was when it was made, and as it is now. */
import { MultisnapError } from "../errors.ts";
import type { ViewRecord } from "../stores/store.ts";
import { type Core, ORIGIN } from "./core.ts";
import { type Marks, parseMarks } from "./life/marks.ts";

export class Described {
  readonly id: number;
  readonly parent: number | null;
  readonly created: number;
  /** Of the store that the view is in. */
  readonly core: Core;
  readonly #isReadOnly: () => boolean;
  #size: number;
  #readOnly: boolean;
  /** Of `core`, when these were looked up. */
  #remade: number;

  readonly #isInMaking: boolean;

  /** `isReadOnly`: the whole volume is. `isInMaking`: who makes it writes to what is read-only. */
  constructor(record: ViewRecord, core: Core, isReadOnly: () => boolean, isInMaking: boolean) {
    this.core = core;
    this.id = record.id;
    this.parent = record.id === ORIGIN ? null : record.parent;
    this.created = record.created;
    this.#isReadOnly = isReadOnly;
    this.#isInMaking = isInMaking;
    this.#size = record.size;
    this.#readOnly = this.#isClosed(record);
    this.#remade = core.remade;
  }

  get isOrigin(): boolean {
    return this.id === ORIGIN;
  }

  /** As it is now: a view can be rolled back. */
  get size(): number {
    if (this.#remade !== this.core.remade) this.#refresh();
    return this.#size;
  }

  get readOnly(): boolean {
    if (this.#remade !== this.core.remade) this.#refresh();
    return this.#readOnly;
  }

  #refresh(): void {
    this.#remade = this.core.remade;
    const record = this.core.store.view(this.id);
    if (!record) return;
    this.#size = record.size;
    this.#readOnly = this.#isClosed(record);
  }

  #isClosed({ readOnly }: ViewRecord): boolean {
    return (readOnly && !this.#isInMaking) || this.#isReadOnly();
  }

  get note(): string | null {
    return this.#marks.note;
  }
  get tags(): readonly string[] {
    return this.#marks.tags;
  }
  get holds(): readonly string[] {
    return this.#marks.holds;
  }
  get #marks(): Marks {
    return parseMarks(this.core.store.view(this.id)?.marks ?? "");
  }

  get name(): string | null {
    if (this.isOrigin) return null;
    const record = this.core.store.view(this.id);
    if (!record) throw new MultisnapError("NotFound", "the snapshot has been deleted");
    return record.name;
  }
}
