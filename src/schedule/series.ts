/**
 * The snapshots of a series, for who looks at them again and again: all of a volume are looked at
 * once, afterwards those that are newer. Of one volume, whoever opens it anew meanwhile.
 *
 * Memory: the name of each snapshot of the series.
 */
import { newerThan } from "../volume/newest.ts";
import type { View, Volume } from "../volume/types.ts";
import { type Mark, markOf } from "./mark.ts";

interface Known {
  id: number;
  name: string;
  mark: Mark;
}

export class Series {
  readonly #name: string;
  readonly #of: number | null;
  /** In the order in which they were taken. */
  readonly #known: Known[] = [];
  /** Ids up to this one have been looked at. */
  #upTo = 0;

  /** `of`: id of the view that they are snapshots of; null: of any. */
  constructor(name: string, of: number | null = null) {
    this.#name = name;
    this.#of = of;
  }

  /** When the last one was taken; null: there is none. */
  lastMark(volume: Volume): Mark | null {
    for (const { mark } of this.#there(volume)) return mark;
    return null;
  }

  /** Each as it is asked for. */
  *newestFirst(volume: Volume): Generator<View> {
    for (const { view } of this.#there(volume)) yield view;
  }

  *#there(volume: Volume): Generator<{ view: View; mark: Mark }> {
    this.#look(volume);
    for (let at = this.#known.length - 1; at >= 0; at--) {
      const { id, name, mark } = this.#known[at]!;
      const view = viewOf(volume, { id, name });
      if (view) yield { view, mark };
      else this.#known.splice(at, 1);
    }
  }

  #look(volume: Volume): void {
    const { found, upTo } = newerThan(volume, this.#upTo);
    while ((this.#known.at(-1)?.id ?? 0) > this.#upTo) this.#known.pop();
    for (const view of found) {
      if (this.#of !== null && view.parent !== this.#of) continue;
      const mark = markOf(view, this.#name);
      if (mark) this.#known.push({ id: view.id, name: view.name as string, mark });
    }
    this.#upTo = upTo;
  }
}

/** The snapshot, if it is there and is called so still. */
export function viewOf(volume: Volume, { id, name }: { id: number; name: string }): View | null {
  const view = volume.has(name) ? volume.get(name) : null;
  return view?.id === id ? view : null;
}
