/**
 * Which views a volume may show and what they may hold, at each tick of its machine's clock.
 * Durability is promised by flush, snapshot, delete, rename and close. What clients ask for and are
 * answered goes in as marks; played again up to some tick, they tell what a power cut then may
 * leave.
 */
import { Content, type Patch } from "./content.ts";

export type Mark = { tick: number; key: number } & (
  | { do: "patch"; view: number; offset: number; bytes: Uint8Array }
  | { do: "patched"; isDone: boolean }
  /** `name` null: it is called after its id. */
  | { do: "snapshot"; of: number; name: string | null }
  | { do: "snapped"; id: number | null }
  | { do: "delete"; ids: readonly number[] }
  | { do: "deleted"; isDone: boolean }
  | { do: "rename"; id: number; name: string }
  | { do: "renamed"; isDone: boolean }
  /** `keepAs` null: what the view was goes. */
  | { do: "rollback"; id: number; to: number; keepAs: string | null }
  /** It ends as a rollback does. */
  | { do: "resize"; id: number; size: number }
  | { do: "rolled"; outcome: "done" | "refused" | "unknown"; kept: number | null }
  | { do: "flush" }
  | { do: "flushed"; isDone: boolean }
  /** Snapshots may be given up for the origin; or are no more. */
  | { do: "risk" }
  | { do: "gone"; ids: readonly number[] }
  /** Snapshots may be invalid for good from now on. */
  | { do: "spoiled" }
);

export interface Expected {
  /** null: not known yet. */
  id: number | null;
  /** A null besides the origin's: any number. */
  names: Set<string | null>;
  /** False while its creation or its deletion is in flight, or when that failed. */
  must: boolean;
  content: Content;
  /** It may have been rolled back to this, or have this size; then, and only then, `kept` is. */
  instead?: { content: Content; kept: Expected | null };
}

/** A view that is there when the life begins, the origin first. */
export interface FirstView {
  id: number;
  name: string | null;
  bytes: Uint8Array;
}

interface Unfinished {
  mark: Mark;
  patch?: Patch;
  view?: Expected;
}

export class Oracle {
  readonly origin: number;
  readonly views: Expected[];
  #isAtRisk = false;
  #isSpoiled = false;
  readonly #unfinished = new Map<number, Unfinished>();
  /** Snapshots in flight, and since when. */
  readonly #coming = new Map<Expected, { of: number; since: number }>();

  constructor(first: readonly FirstView[]) {
    this.origin = first[0]?.id ?? 1;
    this.views = first.map(({ id, name, bytes }) => ({
      id,
      names: new Set([name]),
      must: true,
      content: new Content(bytes.slice()),
    }));
  }

  view(id: number): Expected | undefined {
    return this.views.find((view) => view.id === id);
  }

  /** What a view that was found may be: of snapshots in flight more than one can be called so. */
  candidates(id: number, name: string | null): Expected[] {
    const known = this.view(id);
    if (known) return [known];
    const isNumber = name !== null && /^\d+$/.test(name);
    return this.views.filter(
      (view) => view.id === null && (view.names.has(name) || (isNumber && view.names.has(null))),
    );
  }

  mustBeThere(view: Expected): boolean {
    return view.must && !(this.#isAtRisk && view.id !== this.origin);
  }

  get isSpoiled(): boolean {
    return this.#isSpoiled;
  }

  mayBeSpoiled(view: Expected): boolean {
    return view.id !== this.origin && this.#isSpoiled;
  }

  apply(mark: Mark): void {
    switch (mark.do) {
      case "patch":
        this.#patch(mark);
        break;
      case "snapshot":
        this.#snapshot(mark);
        break;
      case "delete":
        for (const id of mark.ids) this.#mayGo(id);
        this.#unfinished.set(mark.key, { mark });
        break;
      case "rename":
        this.view(mark.id)?.names.add(mark.name);
        this.#unfinished.set(mark.key, { mark });
        break;
      case "rollback":
        this.#rollback(mark);
        break;
      case "resize":
        this.#resize(mark);
        break;
      case "flush":
        this.#unfinished.set(mark.key, { mark });
        break;
      case "risk":
        this.#isAtRisk = true;
        break;
      case "spoiled":
        this.#isSpoiled = true;
        break;
      case "gone":
        this.#remove(mark.ids);
        break;
      default:
        this.#ended(mark);
    }
  }

  #mayGo(id: number): void {
    const view = this.view(id);
    if (view) view.must = false;
  }

  #remove(ids: readonly number[]): void {
    const left = this.views.filter(({ id }) => id === null || !ids.includes(id));
    this.views.splice(0, this.views.length, ...left);
  }

  #patch(mark: Mark & { do: "patch" }): void {
    const { offset, bytes, tick: start } = mark;
    const patch: Patch = { offset, bytes, start, end: Number.POSITIVE_INFINITY, isVague: false };
    this.view(mark.view)?.content.add(patch);
    for (const [view, { of }] of this.#coming) if (of === mark.view) view.content.add(patch);
    this.#unfinished.set(mark.key, { mark, patch });
  }

  #snapshot(mark: Mark & { do: "snapshot" }): void {
    const content = this.view(mark.of)?.content.fork();
    if (!content) return;
    const view = { id: null, names: new Set([mark.name]), must: false, content };
    this.views.push(view);
    this.#coming.set(view, { of: mark.of, since: mark.tick });
    this.#unfinished.set(mark.key, { mark, view });
  }

  #rollback(mark: Mark & { do: "rollback" }): void {
    const [view, to] = [this.view(mark.id), this.view(mark.to)];
    if (!view || !to) return;
    const names = new Set<string | null>([mark.keepAs]);
    const content = view.content.fork();
    const kept = mark.keepAs === null ? null : { id: null, names, must: false, content };
    if (kept) this.views.push(kept);
    view.instead = { content: to.content.fork(), kept };
    this.#unfinished.set(mark.key, { mark, view });
  }

  /** What goes with the end of a view may be zeros before that is gone. */
  #resize(mark: Mark & { do: "resize" }): void {
    const view = this.view(mark.id);
    if (!view) return;
    view.instead = { content: view.content.resized(mark.size), kept: null };
    const bytes = new Uint8Array(Math.max(0, view.content.size - mark.size));
    const times = { start: mark.tick, end: Number.POSITIVE_INFINITY };
    const patch = { offset: mark.size, bytes, ...times, isVague: true };
    if (bytes.length > 0) view.content.add(patch);
    this.#unfinished.set(mark.key, { mark, view });
  }

  #rolled(view: Expected, mark: Mark & { do: "rolled" }): void {
    const { instead } = view;
    if (!instead || mark.outcome === "unknown") return;
    delete view.instead;
    const { content, kept } = instead;
    if (mark.outcome === "done") {
      view.content = content;
      if (kept) Object.assign(kept, { id: mark.kept, must: true });
    } else if (kept) this.views.splice(this.views.indexOf(kept), 1);
  }

  #ended(mark: Mark): void {
    const begun = this.#unfinished.get(mark.key);
    if (!begun) return;
    this.#unfinished.delete(mark.key);
    const { mark: first, patch, view } = begun;
    if (mark.do === "patched" && patch) {
      patch.end = mark.tick;
      patch.isVague = !mark.isDone;
    }
    if (mark.do === "snapped" && view) this.#snapped(view, mark.id, mark.tick);
    if (mark.do === "rolled" && view) {
      this.#rolled(view, mark);
      if (mark.outcome === "done") this.#promise(first.tick);
    }
    if (!("isDone" in mark) || !mark.isDone) return;
    if (first.do === "delete") this.#remove(first.ids);
    if (first.do === "rename") {
      const renamed = this.view(first.id);
      renamed?.names.clear();
      renamed?.names.add(first.name);
    }
    if (first.do === "flush") this.#promise(first.tick);
  }

  #snapped(view: Expected, id: number | null, tick: number): void {
    const { of, since } = this.#coming.get(view) ?? { of: 0, since: 0 };
    this.#coming.delete(view);
    view.content.close(since, tick);
    if (id === null) return;
    view.id = id;
    view.must = true;
    if (view.names.delete(null)) view.names.add(String(id));
    view.content.promise(since);
    this.view(of)?.content.promise(since);
  }

  #promise(before: number): void {
    for (const view of this.views) {
      const { since } = this.#coming.get(view) ?? { since: before };
      view.content.promise(Math.min(before, since));
    }
  }
}
