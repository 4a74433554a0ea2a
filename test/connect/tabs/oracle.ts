/**
 * What a volume that many tabs share must answer. It is told of everything that tabs begin and end,
 * lets one of them at a time at a block, and knows which tabs live.
 *
 * A value that a block may have: the last one that is certain (durable, or answered to a tab that
 * lives), or one after it (answered to a tab that died before a flush; or not answered at all).
 * What a tab asked for before it died may be under way yet, and done after what others write then.
 */
export interface Step {
  tab: number;
  op: "take" | "wrote" | "read" | "flush" | "flushed" | "name" | "named" | "failed";
  /** Blocks that are taken; what was read of each; names. */
  first?: number;
  count?: number;
  value?: number;
  values?: number[];
  token?: number;
  name?: string;
  /** What is done to a name. */
  change?: "make" | "delete";
  /** Whether the blocks are to be written with `value`. */
  writes?: boolean;
  error?: string;
}

interface Entry {
  value: number;
  tab: number;
  /** When it was begun, and when it was done at the latest. */
  from: number;
  at: number;
  answered: boolean;
  durable: boolean;
}

interface Taken {
  first: number;
  count: number;
  value: number | null;
  from: number;
}

interface Snapshot {
  state: "there" | "gone" | "unknown";
  /** By block: what it may be. */
  blocks: Map<number, number[]>;
}

export class Oracle {
  readonly #blocks: Entry[][];
  readonly #taken = new Map<number, Taken>();
  readonly #busy = new Set<number>();
  readonly #alive = new Set<number>();
  readonly #flushes = new Map<number, { at: number; alive: number[] }>();
  readonly #snapshots = new Map<string, Snapshot>();
  /** What each tab does to a name. */
  readonly #naming = new Map<number, { name: string; change: string; token: number }>();
  readonly problems: string[] = [];
  readonly errors: string[] = [];
  readonly counts = { writes: 0, reads: 0, flushes: 0, names: 0 };
  #time = 0;

  /** That it was told of. */
  get steps(): number {
    return this.#time;
  }

  constructor(blocks: number) {
    this.#blocks = Array.from({ length: blocks }, () => [
      { value: 0, tab: -1, from: 0, at: 0, answered: true, durable: true },
    ]);
  }

  begin(tab: number): void {
    this.#alive.add(tab);
  }

  /** It is about to go, and answers for nothing any more. */
  end(tab: number): void {
    this.#alive.delete(tab);
    this.#letGo(tab, false);
    const naming = this.#naming.get(tab);
    if (naming) this.#unknown(naming.name);
    this.#flushes.delete(tab);
  }

  /** Nothing that it asked for is under way any more. */
  gone(tab: number): void {
    this.#naming.delete(tab);
    for (const entry of this.#blocks.flat()) {
      if (entry.tab === tab && !entry.answered) entry.at = Math.min(entry.at, this.#time);
    }
  }

  lives(tab: number): boolean {
    return this.#alive.has(tab);
  }

  /** Answers what the tab must know to go on. */
  tell(step: Step): unknown {
    const { tab, op } = step;
    if (!this.#alive.has(tab)) return { ok: false, dead: true };
    this.#time++;
    if (op === "take") return { ok: this.#take(tab, step) };
    if (op === "wrote") this.#wrote(tab);
    else if (op === "read") this.#read(tab, step.values!);
    else if (op === "flush") this.#flush(tab);
    else if (op === "flushed") this.#flushed(tab);
    else if (op === "name") return { ok: this.#name(tab, step.name!, step.change!) };
    else if (op === "named") this.#named(tab, step.value === 1);
    else if (op === "failed") this.#failed(tab, step.error!);
    return { ok: true };
  }

  #take(tab: number, { first = 0, count = 1, value, writes }: Step): boolean {
    for (let block = first; block < first + count; block++) {
      if (this.#busy.has(block)) return false;
    }
    for (let block = first; block < first + count; block++) this.#busy.add(block);
    this.#taken.set(tab, { first, count, value: writes ? value! : null, from: this.#time });
    return true;
  }

  #wrote(tab: number): void {
    this.counts.writes++;
    this.#letGo(tab, true);
  }

  #letGo(tab: number, answered: boolean): void {
    const taken = this.#taken.get(tab);
    if (!taken) return;
    this.#taken.delete(tab);
    const { first, count, value, from } = taken;
    const at = answered ? this.#time : Number.POSITIVE_INFINITY;
    for (let block = first; block < first + count; block++) {
      this.#busy.delete(block);
      const entry = { value: value ?? 0, tab, from, at, answered, durable: false };
      if (value !== null) this.#blocks[block]!.push(entry);
    }
  }

  #candidates(block: number): number[] {
    const isCertain = ({ tab, answered, durable }: Entry) =>
      durable || (answered && this.#alive.has(tab));
    const entries = this.#blocks[block]!;
    return since(entries, entries.findLastIndex(isCertain)).map(({ value }) => value);
  }

  #read(tab: number, values: readonly number[]): void {
    this.counts.reads++;
    const { first } = this.#taken.get(tab)!;
    for (const [index, value] of values.entries()) {
      const block = first + index;
      const candidates = this.#candidates(block);
      if (!candidates.includes(value)) {
        this.#problem(`tab ${tab} read ${value} in block ${block}, not ${candidates.join(" or ")}`);
      }
    }
    this.#letGo(tab, false);
  }

  #flush(tab: number): void {
    this.#flushes.set(tab, { at: this.#time, alive: [...this.#alive] });
  }

  #flushed(tab: number): void {
    this.counts.flushes++;
    const { at, alive } = this.#flushes.get(tab)!;
    const through = alive.filter((one) => this.#alive.has(one));
    for (const entries of this.#blocks) {
      for (const entry of entries) {
        if (entry.answered && entry.at < at && through.includes(entry.tab)) entry.durable = true;
      }
      // What is before the last durable one is never looked at.
      const last = entries.findLastIndex(({ durable }) => durable);
      entries.splice(0, entries.length, ...since(entries, last));
    }
  }

  #name(tab: number, name: string, change: "make" | "delete"): boolean {
    for (const other of this.#naming.values()) {
      // Two may ask for the same snapshot at once; one of them gets it.
      if (other.name === name && (change !== "make" || other.change !== "make")) return false;
    }
    const { state } = this.#snapshots.get(name) ?? { state: "gone" };
    if (change === "delete" && state !== "there") return false;
    this.#flush(tab);
    this.#naming.set(tab, { name, change, token: this.#time });
    return true;
  }

  #named(tab: number, done: boolean): void {
    this.counts.names++;
    const { name, change } = this.#naming.get(tab)!;
    this.#naming.delete(tab);
    const known = this.#snapshots.get(name);
    if (change === "delete") {
      if (done) this.#snapshots.set(name, { state: "gone", blocks: new Map() });
      else this.#problem(`tab ${tab} did not find the snapshot ${name}`);
    } else if (done) {
      if (known?.state === "there") this.#problem(`two tabs made the snapshot ${name}`);
      this.#snapshots.set(name, { state: "there", blocks: this.#taking(tab) });
    } else if (!known || known.state === "gone") {
      const others = [...this.#naming.values()].some((other) => other.name === name);
      if (!others) this.#problem(`tab ${tab}: ${name} is said to exist, and nobody made it`);
    }
    // A change of names is durable when it is answered, and what was written before with it.
    if (done) this.#flushed(tab);
    this.#letGo(tab, false);
  }

  #taking(tab: number): Map<number, number[]> {
    const { first, count } = this.#taken.get(tab)!;
    const blocks = Array.from({ length: count }, (_, index) => first + index);
    return new Map(blocks.map((block) => [block, this.#candidates(block)]));
  }

  /** Its tab died, or was not told. */
  #unknown(name: string): void {
    this.#snapshots.set(name, { state: "unknown", blocks: new Map() });
  }

  #failed(tab: number, error: string): void {
    this.errors.push(`tab ${tab}: ${error}`);
    this.#letGo(tab, false);
    const naming = this.#naming.get(tab);
    this.#naming.delete(tab);
    if (naming) this.#unknown(naming.name);
  }

  #problem(text: string): void {
    this.problems.push(text);
  }

  /** What a volume has in the end, opened anew, with no tab left. */
  verify(origin: readonly number[], snapshots: ReadonlyMap<string, readonly number[]>): void {
    for (const [block, value] of origin.entries()) {
      const candidates = this.#candidates(block);
      if (candidates.includes(value)) continue;
      this.#problem(`at the end block ${block} has ${value}, not ${candidates.join(" or ")}`);
    }
    for (const [name, { state, blocks }] of this.#snapshots) {
      const found = snapshots.get(name);
      if (state === "there" && !found) this.#problem(`the snapshot ${name} is lost`);
      if (state === "gone" && found)
        this.#problem(`the snapshot ${name} was deleted, and is there`);
      for (const [block, candidates] of found ? blocks : []) {
        const value = found![block]!;
        if (candidates.includes(value)) continue;
        this.#problem(`block ${block} of ${name} has ${value}, not ${candidates.join(" or ")}`);
      }
    }
    for (const name of snapshots.keys()) {
      if (!this.#snapshots.has(name)) this.#problem(`nobody made the snapshot ${name}`);
    }
  }
}

/** What may have been done after the entry at `index` was, which is certain. */
function since(entries: readonly Entry[], index: number): Entry[] {
  const { from } = entries[index]!;
  return entries.filter(({ answered, at }, other) => other >= index || (!answered && at >= from));
}
