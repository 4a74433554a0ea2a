/**
 * Stands in for a store that has failed, when its attached origin goes on without it: nothing is
 * copied out any more, every snapshot is lost.
 *
 * The views are listed as they were, so that who asks for one is told what became of it.
 */
import { RUN_READY } from "../engine/status.ts";
import { MultisnapError } from "../errors.ts";
import { settle, type Task } from "../task.ts";
import { isHidden } from "./hidden.ts";
import { plainReport } from "./plain-report.ts";
import type {
  Capabilities,
  CheckReport,
  ExceptionStore,
  OriginMode,
  Policy,
  StoreKind,
  StoreUsage,
  ViewCost,
  ViewRecord,
  Visit,
} from "./store.ts";

export class GivenUpStore implements ExceptionStore {
  readonly kind: StoreKind;
  readonly capabilities: Capabilities;
  readonly device: ExceptionStore["device"];
  readonly chunkShift: number;
  readonly mode: OriginMode;
  readonly uuid: string;
  readonly originPath: string | null;
  readonly basePath: string | null;
  readonly policy: Policy;
  readonly memory: Uint8Array;
  readonly copies: number;
  readonly commits: number;
  readonly checkpoints: number;
  readonly flushes: number;
  readonly sums = null;
  readonly mergeable = null;
  readonly merging = false;
  readonly paused = false;
  readonly uncommitted = false;
  /** Of the origin: it is all that is left. */
  failure: Error | null = null;
  readonly #lost: ExceptionStore;
  readonly #views: ViewRecord[];
  readonly reason: string;
  #count = 0;

  /** `views`: those that it had. */
  constructor(lost: ExceptionStore, views: ViewRecord[], reason: string) {
    this.kind = lost.kind;
    this.capabilities = lost.capabilities;
    this.device = lost.device;
    this.chunkShift = lost.chunkShift;
    this.mode = lost.mode;
    this.uuid = lost.uuid;
    this.originPath = lost.originPath;
    this.basePath = lost.basePath;
    this.policy = lost.policy;
    this.memory = lost.memory;
    this.copies = lost.copies;
    this.commits = lost.commits;
    this.checkpoints = lost.checkpoints;
    this.flushes = lost.flushes;
    this.#lost = lost;
    this.#views = views;
    this.reason = reason;
  }

  #error(): MultisnapError {
    const what = "the snapshots were given up so that the origin could go on, because";
    return new MultisnapError("Corrupt", `${what}: ${this.reason}`);
  }

  // ---- requests: who is in the other store still is counted there

  enter(): Visit {
    return this.#lost.enter();
  }
  leave(visit: Visit): void {
    this.#lost.leave(visit);
  }
  *serve(): Task<boolean> {
    yield* this.gate();
    throw this.#error();
  }
  *gate(): Task<void> {}

  lookup(): number {
    throw this.#error();
  }
  planCopyOut(_chunk: number, count: number): number {
    this.#count = count;
    return 1;
  }
  runKind(): number {
    return RUN_READY;
  }
  runCount(): number {
    return this.#count;
  }
  runPlace(): number {
    return 0;
  }

  allocate(): number {
    throw this.#error();
  }
  allocated(): number {
    throw this.#error();
  }
  giveBack(_place: number, count: number): number {
    return count;
  }
  refused(): boolean {
    return false;
  }
  map(): number {
    throw this.#error();
  }
  mapShared(): number {
    throw this.#error();
  }
  copyOut(): number {
    throw this.#error();
  }
  isZero(): boolean {
    return false;
  }

  /** No copy is in flight, and no snapshot reads the origin. */
  pendingAdd(): number {
    throw this.#error();
  }
  pendingAddAll(): number {
    throw this.#error();
  }
  pendingNamed(): void {}
  pendingRemove(slot: number): void {
    this.#lost.pendingRemove(slot);
  }
  conflicts(): boolean {
    return false;
  }

  // ---- views

  createSnapshot(): number {
    throw this.#error();
  }
  nextId(): number {
    return this.#lost.nextId();
  }
  skipIds(): void {}
  deleteSnapshot(): number {
    throw this.#error();
  }
  // biome-ignore lint/correctness/useYield: it refuses
  *deleteTogether(): Task<void> {
    throw this.#error();
  }
  renameSnapshot(): number {
    throw this.#error();
  }
  resize(): number {
    throw this.#error();
  }
  setReadOnly(): number {
    throw this.#error();
  }
  setMarks(): number {
    throw this.#error();
  }
  // biome-ignore lint/correctness/useYield: it is refused
  *setMaxSize(): Task<void> {
    throw this.#error();
  }
  canRollBack(): boolean {
    return false;
  }
  rollback(): number {
    throw this.#error();
  }
  view(id: number): ViewRecord | null {
    return this.#views.find((view) => view.id === id) ?? null;
  }
  named(name: string): ViewRecord | null {
    return this.#views.find((view) => view.name === name) ?? null;
  }
  views(): ViewRecord[] {
    return [...this.#views];
  }
  hiddenViews(): ViewRecord[] {
    return this.#views.filter(({ name }) => isHidden(name));
  }

  reclaimBegin(): number {
    return 0;
  }
  reclaimStep(): number {
    return 0;
  }

  // ---- durability: there is nothing to make durable

  *commit(): Task<void> {}
  *checkpoint(): Task<void> {}
  *shrink(): Task<void> {}
  still<T>(work: Task<T>): Task<T> {
    return work;
  }
  touched(): void {}

  fail(error: unknown): void {
    this.failure ??= error instanceof Error ? error : new Error(String(error));
  }
  *invalidate(): Task<void> {}
  poison(error: unknown): MultisnapError {
    const message = error instanceof Error ? error.message : String(error);
    const failure = new MultisnapError("Internal", `${message}; reopen the volume`, {
      cause: error,
    });
    this.fail(failure);
    return failure;
  }

  // ---- reports

  usage(): StoreUsage {
    return this.#lost.usage();
  }
  dmStatus(): string {
    return this.#lost.dmStatus();
  }
  *costs(): Task<ViewCost[]> {
    yield* this.gate();
    throw this.#error();
  }
  *check(): Task<CheckReport> {
    yield* this.gate();
    const problems = [{ where: "views", message: this.#error().message }];
    return plainReport(problems, { blocks: 0, exceptions: 0, chunks: 0 });
  }

  *close(): Task<void> {
    yield* settle(this.device.close());
  }
}
