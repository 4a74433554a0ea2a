/** What the lost entries of a column cost: which chunks of which views. */
import type { Loss } from "../../store.ts";
import type { Column } from "./columns.ts";
import type { Findings } from "./findings.ts";
import type { Salvage } from "./salvage.ts";
import type { SavedView } from "./saved-views.ts";

const ORIGIN = 1;
/** Views that a loss names. */
const NAMED_MAX = 16;

export class Losses {
  readonly #salvage: Salvage;
  readonly #findings: Findings;
  readonly #decoder = new TextDecoder();
  readonly #views = new Map<number, SavedView>();
  /** Views that have entries: all that live, but for an attached origin. */
  readonly #kept: number;
  readonly #hasOrigin: boolean;

  constructor(salvage: Salvage, findings: Findings) {
    this.#salvage = salvage;
    this.#findings = findings;
    this.#hasOrigin = salvage.image.mode !== "attached";
    let live = 0;
    for (const view of salvage.timeline ?? []) {
      this.#views.set(view.id, view);
      if (view.isLive) live++;
    }
    this.#kept = this.#hasOrigin ? live : live - 1;
  }

  /** Reports what is lost of a column. */
  column(column: Column): void {
    const { entries, lost, first, count } = column;
    const { rules, timeline } = this.#salvage;
    if (timeline === null) {
      const isLost =
        rules.originsOwn(entries) === null || lost.some((one) => rules.mayBeOrigins(one));
      if (this.#hasOrigin && isLost) this.#add("all", first, count);
      return;
    }
    if (lost.length === 0) return;
    const ids = new Set<number>();
    for (const stretch of lost) {
      for (const id of rules.losers(entries, stretch)) {
        if (id !== ORIGIN || this.#hasOrigin) ids.add(id);
      }
    }
    if (ids.size > 0) this.views(ids, first, count);
  }

  /** Reports what those lose who see entry `index` of a column. */
  entry({ entries, first, count }: Column, index: number): void {
    const ids = this.#salvage.rules.seers(entries, index);
    const own = ids.filter((id) => id !== ORIGIN || this.#hasOrigin);
    if (own.length > 0) this.views(new Set(own), first, count);
  }

  /** Some chunks, or all, of every snapshot. */
  allSnapshots(first = 0, count = this.#salvage.chunks): void {
    this.#add("snapshots", first, count);
  }

  /** `count` chunks of these views are lost. */
  views(ids: ReadonlySet<number>, first: number, count: number): void {
    if (ids.size === this.#kept) this.#add(this.#hasOrigin ? "all" : "snapshots", first, count);
    else this.#add([...ids], first, count);
  }

  #add(views: "all" | "snapshots" | number[], first: number, count: number): void {
    const { chunk } = this.#salvage.image;
    const offset = first * chunk;
    const bytes = Math.min(count * chunk, Math.max(0, this.#bytes(views) - offset));
    if (bytes === 0) return;
    const named = typeof views === "string" ? views : views.slice(0, NAMED_MAX).map(this.#named);
    const viewCount = typeof views === "string" ? this.#kept : views.length;
    const chunks = Math.ceil(bytes / chunk);
    const loss: Loss = {
      views: named,
      viewCount,
      chunk: first,
      count: chunks,
      offset,
      length: bytes,
    };
    this.#findings.loss(loss);
  }

  /** Bytes of the largest of some views. */
  #bytes(views: "all" | "snapshots" | number[]): number {
    if (typeof views === "string") return this.#salvage.chunks * this.#salvage.image.chunk;
    const own = this.#salvage.image.u64("SUPER_SIZE");
    return views.reduce((most, id) => Math.max(most, this.#views.get(id)?.size ?? own), 0);
  }

  #named = (id: number): { id: number; name: string | null } => {
    const name = this.#views.get(id)?.name;
    const stored = id === ORIGIN || !name ? null : this.#decoder.decode(name);
    return { id, name: stored };
  };
}
