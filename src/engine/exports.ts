/** What `assembly/index.ts` exports, as the host sees it. */

type Address = WebAssembly.Global;

/**
 * Operations answer a count or a status below zero (see `status.ts`). Chunks and places are whole
 * f64.
 */
export interface EngineExports {
  init(end: number, slots: number, journal: number, transfer: number, copies: number): void;
  memoryFor(slots: number, journal: number, transfer: number, copies: number): number;
  format(limit: number): number;
  superCheck(at: number, slot: number): number;
  openSuper(limit: number): number;
  streamRead(kind: number): number;
  streamAsk(): number;
  streamTake(kind: number): number;

  cacheRequest(): number;
  cacheInsert(page: number, block: number): void;
  cacheDrop(page: number): void;
  cacheWriting(page: number): void;
  cacheWritten(page: number): void;
  cacheGrow(end: number): void;
  verifyPage(page: number, block: number): number;

  lookup(view: number, chunk: number, count: number, writing: boolean): number;
  lookupBatch(count: number): number;
  diff(a: number, b: number, chunk: number, count: number): number;
  mapStep(view: number, chunk: number, count: number, place: number, how: number): number;
  planCopyOut(chunk: number, count: number): number;
  copyOutStep(chunk: number, count: number, place: number, hole: boolean, address: number): number;
  sumRun(place: number, count: number): number;
  sumVerify(place: number, count: number, address: number): number;
  sumStep(place: number, count: number, address: number): number;
  allocate(most: number): number;
  allocated(): number;
  giveBack(place: number, count: number): number;
  releaseHeld(): number;
  trimFloor(): number;
  slabFilled(): void;
  slabDropped(): void;
  spaceRefused(place: number, size: number): void;
  spaceRetry(): number;

  pendingAdd(chunk: number, count: number, view: number, kind: number, place: number): number;
  pendingAddAll(chunk: number, count: number, kind: number, place: number): number;
  /** For a store without a tree: bit 0 is the origin, the others are its snapshots. */
  pendingAddBits(chunk: number, count: number, bits: number, kind: number, place: number): number;
  conflictsBits(chunk: number, count: number, bits: number, overwrites: boolean): number;
  pendingNamed(slot: number, done: number): void;
  pendingRemove(slot: number): void;
  conflicts(chunk: number, count: number, view: number, overwrites: boolean): number;

  createSnapshot(source: number, flags: number, created: number, name: number): number;
  deleteSnapshot(id: number): number;
  deleteRoom(count: number): number;
  deleteNow(id: number, logged: boolean): number;
  renameSnapshot(id: number, name: number): number;
  resizeView(id: number, size: number): number;
  setReadOnly(id: number, readOnly: boolean): number;
  setMarks(id: number, length: number): number;
  setLimit(chunks: number, bytes: number): void;
  rollbackView(id: number, to: number, created: number, name: number): number;
  reclaimBegin(): number;
  reclaimStep(): number;
  spaceCut(): number;
  viewCell(id: number): number;
  viewNamed(length: number): number;
  viewNext(cell: number): number;
  viewName(cell: number): number;
  viewMarks(cell: number): number;

  journalPending(): number;
  journalSeal(): number;
  journalDurable(): void;
  journalAsk(length: number): number;
  journalLength(): number;
  journalAccept(): number;
  journalRewind(): void;
  replayStep(): number;
  replayOnly(length: number): void;
  replayNamed(chunk: number, count: number, place: number): number;
  replayDone(): void;

  restoreBegin(limit: number, generation: number): void;
  restoreSlab(place: number, count: number): number;
  restoreView(
    id: number,
    seat: number,
    parent: number,
    flags: number,
    created: number,
    size: number,
    name: number,
  ): number;
  restoreMarks(length: number): number;
  restoreTimeline(): number;
  restoreRoom(): number;
  restoreEntry(take: boolean): number;
  restoreSums(place: number, count: number): number;

  checkpointBegin(trim: boolean): void;
  checkpointStep(): number;
  checkpointSeal(): void;
  checkpointFinish(): number;

  peekBlock(block: number): number;
  slabBase(index: number): number;
  slabCount(index: number): number;
  sumBlock(group: number): number;
  crc32c(address: number, length: number, seed: number): number;
  isZero(address: number, length: number): number;
}

/** Constants of `memory.ts`, `layout.ts`, `status.ts` and `timeline.ts`, exported as globals. */
export type EngineConstants = Record<string, Address>;
