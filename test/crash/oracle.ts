/**
 * What may be found after a crash. Durability is promised by flush, snapshot, delete, rename and
 * close; each sector of each view holds what was there then, or what some of the writes since
 * then made of it.
 */
import type { Patch } from "../model/explain.ts";

/** From the first device event that a request may have caused to its answer. */
interface Span {
  start: number;
  /** Infinity until it answers. */
  end: number;
}

export type Deed = Span &
  (
    | ({ do: "patch" } & Patch)
    | { do: "snapshot"; of: number; id: number; name: string }
    | { do: "delete"; ids: number[] }
    | { do: "rename"; id: number; name: string }
    | { do: "rollback"; view: number; to: number; kept: { id: number; name: string } | null }
    | { do: "flush" }
  );

export interface ExpectedView {
  names: Set<string | null>;
  /** False while its creation or its deletion is in flight. */
  must: boolean;
  durable: Uint8Array;
  /** Not promised yet, in order. */
  pending: (Patch & Span)[];
  /** It may have been rolled back to this; then, and only then, there is the snapshot `kept`. */
  instead?: { durable: Uint8Array; pending: (Patch & Span)[]; kept: number | null };
}

function whole(view: ExpectedView, until: number): void {
  const settled = view.pending.filter((patch) => patch.end <= until);
  for (const { offset, bytes } of settled) view.durable.set(bytes, offset);
  view.pending = view.pending.filter((patch) => patch.end > until);
}

/** A view that is there when the history begins, the origin first. */
export interface FirstView {
  id: number;
  name: string | null;
  bytes: Uint8Array;
}

export class Oracle {
  readonly deeds: Deed[] = [];
  readonly #first: FirstView[];

  constructor(first: FirstView[]) {
    this.#first = first;
  }

  /**
   * Whether some request began or answered between these two moments, so that other things are
   * expected.
   */
  changes(from: number, to: number): boolean {
    const inside = (at: number) => at >= from && at <= to;
    return this.deeds.some((deed) => inside(deed.start) || inside(deed.end));
  }

  /** By view id, after the first `point` device events. */
  at(point: number): Map<number, ExpectedView> {
    const views = new Map<number, ExpectedView>();
    for (const { id, name, bytes } of this.#first) {
      views.set(id, { names: new Set([name]), must: true, durable: bytes.slice(), pending: [] });
    }
    for (const deed of this.deeds) {
      const answered = deed.end <= point;
      if (answered || deed.start < point) apply(views, deed, answered);
    }
    return views;
  }
}

function apply(views: Map<number, ExpectedView>, deed: Deed, answered: boolean): void {
  switch (deed.do) {
    case "patch":
      views.get(deed.view)?.pending.push(deed);
      return;
    case "flush":
      if (answered) for (const view of views.values()) whole(view, deed.start);
      return;
    case "snapshot": {
      const of = views.get(deed.of) as ExpectedView;
      if (answered) whole(of, deed.start);
      views.set(deed.id, {
        names: new Set([deed.name]),
        must: answered,
        durable: of.durable.slice(),
        pending: [...of.pending],
      });
      return;
    }
    case "delete":
      for (const id of deed.ids) {
        if (answered) views.delete(id);
        else (views.get(id) as ExpectedView).must = false;
      }
      return;
    case "rollback": {
      const view = views.get(deed.view) as ExpectedView;
      const to = views.get(deed.to) as ExpectedView;
      if (answered) for (const one of [view, to]) whole(one, deed.start);
      const { kept } = deed;
      if (kept) {
        const { durable, pending } = view;
        const names = new Set<string | null>([kept.name]);
        views.set(kept.id, { names, must: answered, durable, pending: [...pending] });
      }
      const now = { durable: to.durable.slice(), pending: [...to.pending] };
      if (answered) Object.assign(view, now);
      else view.instead = { ...now, kept: kept?.id ?? null };
      return;
    }
    case "rename": {
      const view = views.get(deed.id) as ExpectedView;
      if (answered) view.names.clear();
      view.names.add(deed.name);
    }
  }
}
