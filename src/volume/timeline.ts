/**
 * Changes of the timeline: snapshots made, deleted and renamed, views rolled back, between two
 * writes, durable when they end.
 */
import { MultisnapError } from "../errors.ts";
import { ROLLBACK_NAME, ROLLBACK_SNAPSHOT } from "../stores/hidden.ts";
import type { ExceptionStore, ViewRecord } from "../stores/store.ts";
import { isTaken } from "../stores/taken.ts";
import type { Task } from "../task.ts";
import { type Core, ORIGIN } from "./core.ts";
import type { CopyBack } from "./life/copy-back.ts";
import { interrupted, inUse } from "./life/interrupted.ts";
import { parseMarks } from "./life/marks.ts";
import type { Rolling } from "./life/rolling.ts";
import type { SyncPlan } from "./life/sync.ts";
import { seldom } from "./part.ts";
import type { OriginWriter } from "./requests/copyout.ts";
import type { ProgressOptions, ResizeOptions } from "./types.ts";

/** What the volume does for it. */
export interface Hands {
  originWriter: OriginWriter;
  /** Makes everything durable. */
  flush(): Task<void>;
  /** Reclaims all that is deleted, between two writes. */
  reclaim(): Task<void>;
  /** Makes what was written to the origin's device durable. */
  flushOrigin(): Task<void>;
  /** Runs a piece of what is done in the background for the origin; `alone`: between two writes. */
  work(step: () => Task<void>, alone: boolean): Promise<void>;
  /** Does something for a view between two writes, and again where room has to be made first. */
  between<T>(view: number, work: () => Task<T>): Task<T>;
  /** Work that writes to a view: see `Given.moved`. */
  moved<T>(view: number, work: () => Task<T>): Task<T>;
}

export class Timeline {
  readonly #core: Core;
  readonly #hands: Hands;

  constructor(core: Core, hands: Hands) {
    this.#core = core;
    this.#hands = hands;
  }

  /**
   * A snapshot of view `source`; answers its id. `name` null: it is called after that. `made` is
   * told the id before any write can follow. `created`: milliseconds since 1970.
   */
  *snapshot(
    source: number,
    name: string | null,
    readOnly: boolean,
    made: (id: number) => void,
    created = this.#core.env.now(),
  ): Task<number> {
    this.#core.assertWritable();
    const create = () => this.create(source, name, readOnly, created);
    const id = yield* this.#hands.between(source, create);
    made(id);
    yield* this.#hands.flush();
    return id;
  }

  /** The same, inside the barrier; not durable yet. */
  *create(
    source: number,
    name: string | null,
    readOnly: boolean,
    created = this.#core.env.now(),
  ): Task<number> {
    const { store } = this.#core;
    const given = name ?? ownName(store);
    yield* this.#allow(source);
    const missing = source === ORIGIN ? this.#core.missing : null;
    if (missing && store.named(given)) throw isTaken(given);
    const first = missing ? ROLLBACK_SNAPSHOT : given;
    yield* this.#core.change(() => store.createSnapshot(source, first, readOnly, created));
    const id = store.nextId() - 1;
    if (missing) yield* this.#complete(missing, id, given);
    this.#core.traffic.watchers?.made(id, given);
    return id;
  }

  /** A snapshot of an origin that is being rolled back has its name when it is whole. */
  *#complete(missing: Rolling, id: number, name: string): Task<void> {
    const { store } = this.#core;
    try {
      yield* missing.giveTo(id);
      yield* this.#core.change(() => store.renameSnapshot(id, name));
    } catch (error) {
      if (error instanceof MultisnapError && !store.failure) {
        yield* this.#core.change(() => store.deleteSnapshot(id));
      }
      throw error;
    }
  }

  /** What the kind of the store does not have is refused. */
  *#allow(source: number): Task<void> {
    const { store } = this.#core;
    const { fixed, ofSnapshots, snapshots: most } = store.capabilities;
    if (fixed) return;
    const kind = `a store of kind ${store.kind}`;
    if (source !== ORIGIN && !ofSnapshots) {
      const message = `${kind} has no snapshots of snapshots: take one of the origin`;
      throw new MultisnapError("Unsupported", message);
    }
    const { snapshots, reclaiming } = store.usage();
    if (snapshots >= most) {
      throw new MultisnapError("NoSpace", `${kind} has at most ${most} snapshots: delete one`);
    }
    if (snapshots + reclaiming >= most) yield* this.#hands.reclaim();
  }

  /** All of them or none. */
  *delete(ids: number[]): Task<void> {
    this.#core.assertWritable();
    yield* this.#core.between(() => this.deleteNow(ids));
  }

  /** The same, inside the barrier. */
  *deleteNow(ids: number[]): Task<void> {
    this.#mayDelete(ids);
    yield* this.#durably(this.#deleteEach(ids));
  }

  /** Errors: `NotFound`, `Busy` (one is being rolled back to, or held). */
  #mayDelete(ids: readonly number[]): void {
    for (const id of ids) {
      const view = this.#core.store.view(id);
      if (!view) throw new MultisnapError("NotFound", "the snapshot has been deleted");
      if (this.#core.isWanted(id)) throw isWanted(view);
      mustBeFree(view);
    }
  }

  *#deleteEach(ids: number[]): Task<void> {
    const { store } = this.#core;
    const doomed = ids.map((id) => ({ id, name: store.view(id)?.name ?? null }));
    const [first] = ids;
    if (ids.length === 1) yield* this.#core.change(() => store.deleteSnapshot(first!));
    else yield* store.deleteTogether(ids);
    for (const { id, name } of doomed) {
      this.#core.traffic.watchers?.deleted(id, name);
      this.#core.changes++;
    }
  }

  *rename(id: number, name: string): Task<void> {
    this.#core.assertWritable();
    const from = this.#core.store.view(id)?.name ?? null;
    yield* this.#core.change(() => this.#core.store.renameSnapshot(id, name));
    this.#core.traffic.watchers?.renamed(id, from, name);
    yield* this.#hands.flush();
  }

  /**
   * View `id` becomes what `to` is; what it was is kept under a name, or deleted. False, and
   * nothing has changed: it is not as it has to be (`isReady`, asked in the same moment).
   */
  *rollback(
    id: number,
    to: number,
    keepAs: string | null,
    options: ProgressOptions,
    isReady: (() => Task<boolean>) | null = null,
  ): Task<boolean> {
    this.#core.assertWritable();
    const free = () => {
      const { missing } = this.#core;
      const isInvolved = id === ORIGIN || to === ORIGIN || id === missing?.to;
      if (missing && isInvolved) throw isWanted(this.#core.store.view(missing.to)!);
    };
    const canExchange = this.#core.store.canRollBack(id);
    const copyBack = canExchange ? null : yield* this.#copyBack(options, id);
    const change = () =>
      copyBack?.run(id, to, keepAs) ?? this.#durably(this.#exchange(id, to, keepAs));
    const { between, moved } = this.#hands;
    return yield* between(id, function* () {
      free();
      if (isReady !== null && !(yield* isReady())) return false;
      yield* moved(id, change);
      return true;
    });
  }

  *#exchange(id: number, to: number, keepAs: string | null): Task<void> {
    const { store, traffic, env } = this.#core;
    const created = env.now();
    yield* this.#become(() => store.rollback(id, to, keepAs, created));
    traffic.watchers?.wrote(id, 0, store.view(id)!.size);
    if (keepAs !== null) traffic.watchers?.made(store.named(keepAs)!.id, keepAs);
  }

  *#copyBack(options: ProgressOptions, id: number): Task<CopyBack> {
    const { CopyBack, Rolling } = yield* seldom.get();
    const { originWriter, flush } = this.#hands;
    const snapshot = (of: number, name: string) => this.create(of, name, false);
    const begun =
      id === ORIGIN && this.#core.origin ? (by: ViewRecord) => this.#roll(Rolling, by) : null;
    return new CopyBack(this.#core, { originWriter, flush, snapshot, begun }, options);
  }

  /** Goes on with a rollback that was interrupted, if there is one; reads need to know of it. */
  *goOn(): Task<void> {
    const core = this.#core;
    const by = inUse(core);
    if (by) this.#roll((yield* seldom.get()).Rolling, by);
    if (core.readOnly) return;
    core.missing?.start();
    yield* this.#dropLeft(by?.id ?? 0);
    const found = interrupted(core);
    if (!found) return;
    const { id, to } = found;
    core.rolling = to;
    const copyBack = yield* this.#copyBack({}, id);
    yield* this.#hands.between(id, () => copyBack.run(id, to.id, null));
    core.missing?.start();
  }

  #roll(Rolls: typeof Rolling, by: ViewRecord): void {
    const { originWriter, flush, flushOrigin, work } = this.#hands;
    const writing = (step: () => Task<void>) => work(step, false);
    const between = (step: () => Task<void>) => work(step, true);
    const hands = { originWriter, flush, flushOrigin, writing, between };
    const core = this.#core;
    core.missing = new Rolls(core, by, hands);
    core.changes++;
    core.remade++;
  }

  /** Of a snapshot that a crash left without its name. */
  *#dropLeft(by: number): Task<void> {
    const { store } = this.#core;
    const left = [ROLLBACK_NAME, ROLLBACK_SNAPSHOT].map((name) => store.named(name)?.id ?? by);
    const ids = left.filter((id) => id !== by);
    if (ids.length === 0) return;
    yield* this.#core.between(() => this.#durably(this.#deleteEach(ids)));
  }

  /** A change of what is said of a view, between two writes and durable. */
  *become(id: number, call: () => number): Task<void> {
    this.#core.assertWritable();
    yield* this.#hands.between(id, () => this.#durably(this.#describe(id, call)));
  }

  *#describe(id: number, call: () => number): Task<void> {
    yield* this.#become(call);
    this.#core.traffic.watchers?.described(id, this.#core.store.view(id)?.name ?? null);
  }

  *resize(id: number, size: number, options: ResizeOptions): Task<void> {
    this.#core.assertWritable();
    const { shrink = false } = options;
    const { originWriter, flush } = this.#hands;
    const { checkResize, Resize } = yield* seldom.get();
    const resize = new Resize(this.#core, { originWriter, flush }, options);
    yield* this.#hands.between(id, () => {
      const { missing } = this.#core;
      if (missing && id === ORIGIN) throw isWanted(this.#core.store.view(missing.to)!);
      const from = this.#core.store.view(id)!.size;
      checkResize(this.#core, size, from, shrink);
      return resize.run(id, from, size);
    });
  }

  *setMaxSize(bytes: number | null): Task<void> {
    const { store } = this.#core;
    yield* this.#core.between(() => store.setMaxSize(bytes));
  }

  /** Carries out what `planSync` found. */
  *sync({ doomed, missing }: SyncPlan): Task<void> {
    this.#core.assertWritable();
    yield* this.#core.between(() => this.#durably(this.#syncEach(doomed, missing)));
  }

  *#syncEach(doomed: number[], missing: number[]): Task<void> {
    this.#mayDelete(doomed);
    yield* this.#deleteEach(doomed);
    for (const id of missing) {
      this.#core.store.skipIds(id);
      yield* this.create(ORIGIN, null, false);
    }
  }

  /** A change of what views are. */
  *#become(call: () => number): Task<void> {
    yield* this.#core.change(call);
    this.#core.changes++;
    this.#core.remade++;
  }

  /** Several changes: durable, as far as they went. */
  *#durably(changes: Task<void>): Task<void> {
    try {
      yield* changes;
    } catch (error) {
      // Some may be done already: no write may run before that is durable.
      if (error instanceof MultisnapError && !this.#core.store.failure) yield* this.#hands.flush();
      throw error;
    }
    yield* this.#hands.flush();
  }
}

function isWanted({ name }: ViewRecord): MultisnapError {
  const why = `a view is being rolled back to @${name}`;
  return new MultisnapError("Busy", `${why}: call rollback again, which waits for its end`);
}

/** `Busy` for a snapshot that somebody holds. */
function mustBeFree({ name, marks }: ViewRecord): void {
  const { holds } = parseMarks(marks);
  if (holds.length === 0) return;
  const reasons = holds.map((reason) => JSON.stringify(reason)).join(", ");
  throw new MultisnapError("Busy", `@${name} is held (${reasons}): release it first`);
}

/** The number that the next snapshot gets, for its name. */
function ownName(store: ExceptionStore): string {
  const name = String(store.nextId());
  if (!store.named(name)) return name;
  const wanted = `the new snapshot would be called ${JSON.stringify(name)}, after its id`;
  throw new MultisnapError("Exists", `${wanted}, and another one is called so: rename that first`);
}

/** `Invalid` for what cannot be the name of a snapshot. */
export function checkName(name: unknown): asserts name is string {
  if (typeof name === "string") {
    const bytes = new TextEncoder().encode(name);
    const whole = new TextDecoder().decode(bytes) === name;
    const fits = bytes.length > 0 && bytes.length <= 255;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
    if (whole && fits && !/[\u0000-\u001f\u007f@]/.test(name)) return;
  }
  const wanted = '1 to 255 bytes of UTF-8 without control characters and "@"';
  throw new MultisnapError("Invalid", `${JSON.stringify(name)} is not a name: ${wanted}`);
}
