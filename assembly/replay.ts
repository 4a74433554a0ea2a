/**
 * Replays the operations of a record on the state of the last checkpoint. Same operations, same
 * state: places come from the record, frees follow from the tree. What is freed is free at once,
 * because the record that freed it is durable; metadata blocks lie in slabs that the records name,
 * or above every place that they name, so nothing collides.
 */
import * as m from "./memory";
import * as l from "./layout";
import { FAULT } from "./status";
import { assertThat, DAMAGED } from "./assert";
import { ensureSlots, SPARE_SLOTS } from "./cache";
import { ensureBlocks, replaySlab } from "./meta";
import { sumsBytes } from "./journal";
import { hasSums, sumClear, sumReplay } from "./sums";
import { heldRelease, spaceNeed, spaceTake } from "./space";
import { createSnapshot, deleteSnapshot, renameSnapshot } from "./snapshots";
import { copyOutStep, mapStep } from "./kinds";
import { cutAt, reclaimAt, reclaimBegin, reclaimStep } from "./reclaim";
import { cellOf, ORIGIN, removeDying, VIEW_READ_ONLY } from "./timeline";
import { arePlaces, areUsed, chunkEnd, isName, isSlab, isSlabNumber, isTime } from "./bounds";
import { isMasked } from "./bitmap/mask";
import { descend } from "./btree/path";
import { namedRun } from "./named";
import { here, lastChunk } from "./columns";

/** The record accepted last: 1 more to do, 0 all done, or a status. */
export function replayStep(): i32 {
  const slots = ensureSlots(SPARE_SLOTS);
  if (slots < 0) return slots;
  if (load<u32>(m.HELD_COUNT + (load<u32>(m.HELD_OPEN) << 2)) > 0) {
    const blocks = ensureBlocks(8, 0);
    if (blocks < 0) return blocks;
  }
  const released = heldRelease(load<u32>(m.HELD_OPEN));
  if (released != 0) return released;
  const record = load<u32>(m.JOURNAL_BUFFERS);
  const at = load<u32>(m.JOURNAL_CURSOR);
  const end = record + load<u32>(record + l.RECORD_LENGTH);
  if (at >= end) return 0;
  // The header first: it says how long the rest is.
  assertThat(at + l.OP_BYTES <= end && at + size(at) <= end, DAMAGED);
  const status = apply(at, load<u8>(at));
  if (status < 0) return status;
  if (status == 1) {
    store<u32>(m.JOURNAL_CURSOR, at + size(at));
    store<u64>(m.JOURNAL_DONE, 0);
    store<u32>(m.JOURNAL_STAGE, 0);
  }
  return 1;
}

/**
 * For a store that is built anew of a damaged one, whose operations are looked at one by one: of
 * the record in buffer 0 only `length` bytes count, header included. They are replayed next.
 */
export function replayOnly(length: u32): void {
  const record = load<u32>(m.JOURNAL_BUFFERS);
  store<u32>(record + l.RECORD_LENGTH, length);
  store<u32>(m.JOURNAL_CURSOR, record + l.RECORD_HEADER);
}

function size(at: u32): u32 {
  const kind = <u32>load<u8>(at);
  if (kind == l.OP_SUMS) return sumsBytes(load<u16>(at + l.OP_COUNT));
  const name = kind == l.OP_CREATE || kind == l.OP_RENAME ? <u32>load<u16>(at + l.OP_COUNT) : 0;
  return l.OP_BYTES + ((name + 7) & ~7);
}

/** 1: the operation is done; 0: call again; or a status. */
function apply(at: u32, kind: u32): i32 {
  const count = <u32>load<u16>(at + l.OP_COUNT);
  const view = load<u32>(at + l.OP_VIEW);
  const chunk = load<u64>(at + l.OP_CHUNK);
  const place = load<u64>(at + l.OP_PLACE);
  const flags = <u32>load<u8>(at + l.OP_FLAGS);
  if (kind == l.OP_MAP || kind == l.OP_COPY_OUT)
    return applyMap(kind, flags, count, view, chunk, place);
  if (kind == l.OP_CREATE || kind == l.OP_RENAME) {
    assertThat(count <= l.NAME_MAX, DAMAGED);
    memory.copy(m.NAME, at + l.OP_BYTES, count);
    assertThat(isName(count), DAMAGED);
    if (kind == l.OP_RENAME) return good(renameSnapshot(view, count));
    return applyCreate(view, <u32>chunk, flags, reinterpret<f64>(place), count);
  }
  if (kind == l.OP_DELETE) return good(deleteSnapshot(view));
  if (kind == l.OP_SLAB) return applySlab(view, place, count);
  if (kind == l.OP_RECLAIM_BEGIN) {
    const status = reclaimBegin();
    return status < 0 ? status : 1;
  }
  if (kind == l.OP_SUMS) return applySums(place, count, at + l.OP_BYTES);
  if (kind == l.OP_RECLAIM)
    return flags == 1 ? applyWindow(chunk, view) : applyReclaim(chunk, place);
  assertThat(kind == l.OP_RECLAIM_END, DAMAGED);
  removeDying();
  store<u32>(m.RECLAIM_ACTIVE, 0);
  return 1;
}

/** Ids rise, whatever lies between them (`skipIds`). */
function applyCreate(id: u32, source: u32, flags: u32, created: f64, name: u32): i32 {
  assertThat(id >= load<u32>(m.SUPER + l.SUPER_NEXT_ID), DAMAGED);
  assertThat((flags & ~VIEW_READ_ONLY) == 0 && isTime(created), DAMAGED);
  store<u32>(m.SUPER + l.SUPER_NEXT_ID, id);
  return good(createSnapshot(source, flags, created, name));
}

function applySlab(index: u32, place: u64, blocks: u32): i32 {
  assertThat(index <= load<u32>(m.SUPER + l.SUPER_SLABS) && isSlab(place, blocks), DAMAGED);
  assertThat(isSlabNumber(load<u32>(m.SUPER + l.SUPER_SLABS)), DAMAGED);
  const shift = load<u32>(m.SUPER + l.SUPER_CHUNK_SHIFT) - m.PAGE_SHIFT;
  if (spaceNeed(place) < 0 || spaceNeed(place + (blocks >>> shift) - 1) < 0) return FAULT;
  replaySlab(index, place, blocks);
  return 1;
}

/** A view's operation that was possible once is possible again. */
function good(status: i32): i32 {
  assertThat(status == 1 || status >= -7, DAMAGED);
  return status;
}

function applyMap(kind: u32, flags: u32, count: u32, view: u32, chunk: u64, place: u64): i32 {
  const hole = (flags & l.FLAG_HOLE) != 0;
  assertThat(count > 0 && chunk < chunkEnd() && chunk + count <= chunkEnd(), DAMAGED);
  assertThat(isTarget(kind, view, flags), DAMAGED);
  if (load<u32>(m.JOURNAL_STAGE) == 0) {
    if (!hole) {
      assertThat(flags & l.OP_AGAIN ? areUsed(place, count) : arePlaces(place, count), DAMAGED);
      const taken = flags & l.OP_AGAIN ? 1 : takePlaces(place, count);
      if (taken <= 0) return taken;
      store<u64>(m.JOURNAL_DONE, 0);
    }
    store<u32>(m.JOURNAL_STAGE, 1);
  }
  const done = load<u64>(m.JOURNAL_DONE);
  const left = count - <u32>done;
  if (!hole && flags & l.OP_AGAIN) {
    // Nobody else has taken the place: an entry that names it alone would name a free one.
    const named = namedRun(chunk + done, left, place + done);
    if (named < 0) return named;
    assertThat((named & 1) != 0, DAMAGED);
  }
  const at = hole ? place : place + done;
  const status =
    kind == l.OP_MAP
      ? mapStep(view, chunk + done, left, at, flags)
      : copyOutStep(chunk + done, left, at, hole, 0);
  if (status < 0) return good(status);
  // A part is one step: what is left has operations of its own.
  const now = done + (flags & l.OP_PART ? 1 : status);
  store<u64>(m.JOURNAL_DONE, now);
  return now == count ? 1 : 0;
}

/** An attached origin has no entries, and only from such a one is copied. */
function isTarget(kind: u32, view: u32, flags: u32): bool {
  const attached = load<u32>(m.SUPER + l.SUPER_MODE) == 2;
  if (kind == l.OP_COPY_OUT) {
    const known = isMasked() ? l.FLAG_HOLE : l.FLAG_HOLE | l.OP_PART | l.OP_AGAIN;
    const needed = load<u32>(m.VIEW_LIVE) > 1;
    return attached && view == ORIGIN && (flags & ~known) == 0 && needed;
  }
  return (flags & ~(l.FLAG_HOLE | l.OP_AGAIN)) == 0 && !(attached && view == ORIGIN);
}

/** The places that a record names are in use, and have no sums. 1; 0: call again; or a status. */
function takePlaces(place: u64, count: u32): i32 {
  const blocks = ensureBlocks(8, 0);
  if (blocks < 0) return blocks;
  const clear = <u32>load<u64>(m.JOURNAL_DONE);
  if (hasSums() && clear < count) {
    const more = sumClear(place + clear, count - clear);
    if (more < 0) return more;
    store<u64>(m.JOURNAL_DONE, clear + more);
    return 0;
  }
  for (let at = place; at < place + count; at += l.GROUP_CHUNKS)
    if (spaceNeed(at) < 0) return FAULT;
  if (spaceNeed(place + count - 1) < 0) return FAULT;
  spaceTake(place, count);
  store<u64>(m.SUPER + l.SUPER_DATA, load<u64>(m.SUPER + l.SUPER_DATA) + count);
  return 1;
}

function applySums(place: u64, count: u32, sums: usize): i32 {
  assertThat(hasSums() && count > 0 && count <= l.OP_SUMS_MAX, DAMAGED);
  assertThat(arePlaces(place, count), DAMAGED);
  const blocks = ensureBlocks(8, 0);
  return blocks < 0 ? blocks : sumReplay(place, count, sums);
}

function applyReclaim(first: u64, end: u64): i32 {
  assertThat(first <= end && end <= chunkEnd(), DAMAGED);
  if (load<u32>(m.JOURNAL_STAGE) == 0) {
    let status = cutAt(first);
    if (status < 0) return status;
    status = cutAt(end);
    if (status < 0) return status;
    reclaimAt(first, 0);
    store<u32>(m.JOURNAL_STAGE, 1);
  }
  const status = descend(load<u64>(m.RECLAIM_CHUNK), 0);
  if (status == FAULT) return FAULT;
  if (status == 0 || lastChunk(here()) >= end) return 1;
  const step = reclaimStep();
  return step < 0 ? step : 0;
}

function applyWindow(chunk: u64, from: u32): i32 {
  // A column of a bitmap store is never wide.
  assertThat(chunk < chunkEnd() && !isMasked() && cellOf(from) != 0, DAMAGED);
  reclaimAt(chunk, from);
  const status = reclaimStep();
  return status < 0 ? status : 1;
}
