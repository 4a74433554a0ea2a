/**
 * The journal: logical operations since the last checkpoint, in records that are chained by
 * sequence and crc. Two buffers, so that operations go on into one while the host writes the other.
 *
 * Invariants
 * - An operation is appended in the same step as the change that it describes.
 * - A record is written at the next free block of the current area; nothing before it is touched.
 */
import * as m from "./memory";
import * as l from "./layout";
import { crc32c } from "./crc32c";
import { CHECKPOINT } from "./status";
import { assertThat } from "./assert";
import { heldReleased, heldSeal } from "./space";

function buffer(which: u32): u32 {
  return load<u32>(m.JOURNAL_BUFFERS + (which << 2));
}

export function journalReset(): void {
  const at = buffer(load<u32>(m.JOURNAL_OPEN));
  memory.fill(at, 0, l.RECORD_HEADER);
  store<u32>(m.JOURNAL_USED, l.RECORD_HEADER);
  store<u32>(m.JOURNAL_LAST, 0);
  store<u32>(m.JOURNAL_SUMS, 0);
}

/** The record written last is durable. */
export function journalDurable(): void {
  store<u64>(m.JOURNAL_DURABLE, load<u64>(m.JOURNAL_SEQUENCE) - 1);
}

/** Mark of the open record for entries that it takes views away from. */
export function epoch(): u32 {
  return epochOf(load<u64>(m.JOURNAL_SEQUENCE));
}

function epochOf(sequence: u64): u32 {
  return (<u32>(sequence % 4095) + 1) << l.EPOCH_SHIFT;
}

/**
 * Whether the record of this mark may not be durable yet. After a crash the views that it took away
 * would see the place again: it is not overwritten in place before. (A mark comes again after 4,095
 * records; then a write goes to a new place without need.)
 */
export function isUnsettled(mark: u32): bool {
  for (let s = load<u64>(m.JOURNAL_DURABLE) + 1; s <= load<u64>(m.JOURNAL_SEQUENCE); s++) {
    if ((mark & ~l.FLAGS) == epochOf(s)) return true;
  }
  return false;
}

/** Whether `bytes` more fit into the open record. */
// @ts-ignore: decorator
@inline
export function journalRoom(bytes: u32): bool {
  return load<u32>(m.JOURNAL_USED) + bytes <= load<u32>(m.JOURNAL_SIZE);
}

/** Operations are waiting for a commit. */
export function journalPending(): bool {
  return load<u32>(m.JOURNAL_USED) > l.RECORD_HEADER;
}

/**
 * Appends an operation, or makes the last one longer where this one goes on from it. Not while
 * replaying.
 */
export function journalAppend(
  kind: u32,
  flags: u32,
  n: u32,
  view: u32,
  chunk: u64,
  place: u64,
): void {
  if (load<u32>(m.REPLAYING)) return;
  const last = load<u32>(m.JOURNAL_LAST);
  if (last != 0 && kind <= l.OP_COPY_OUT && goesOn(last, kind, flags, n, view, chunk, place)) {
    store<u16>(last + l.OP_COUNT, <u16>(load<u16>(last + l.OP_COUNT) + n));
    return;
  }
  assertThat(journalRoom(l.OP_BYTES), 140);
  const at = buffer(load<u32>(m.JOURNAL_OPEN)) + load<u32>(m.JOURNAL_USED);
  store<u8>(at + l.OP_KIND, <u8>kind);
  store<u8>(at + l.OP_FLAGS, <u8>flags);
  store<u16>(at + l.OP_COUNT, <u16>n);
  store<u32>(at + l.OP_VIEW, view);
  store<u64>(at + l.OP_CHUNK, chunk);
  store<u64>(at + l.OP_PLACE, place);
  store<u32>(m.JOURNAL_LAST, at);
  store<u32>(m.JOURNAL_USED, load<u32>(m.JOURNAL_USED) + l.OP_BYTES);
}

function goesOn(last: u32, kind: u32, flags: u32, n: u32, view: u32, chunk: u64, place: u64): bool {
  const have = <u32>load<u16>(last + l.OP_COUNT);
  return (
    load<u8>(last + l.OP_KIND) == kind &&
    load<u8>(last + l.OP_FLAGS) == flags &&
    load<u32>(last + l.OP_VIEW) == view &&
    load<u64>(last + l.OP_CHUNK) + have == chunk &&
    (flags & l.FLAG_HOLE ? true : load<u64>(last + l.OP_PLACE) + have == place) &&
    have + n <= 65535
  );
}

/**
 * The walk has gone over the chunks `first` .. `end - 1`: the last operation grows where it is of
 * the same walk.
 */
export function journalReclaim(first: u64, end: u64): void {
  const last = load<u32>(m.JOURNAL_LAST);
  if (last != 0 && load<u8>(last + l.OP_KIND) == l.OP_RECLAIM && load<u8>(last + l.OP_FLAGS) == 0) {
    if (load<u64>(last + l.OP_CHUNK) <= first && load<u64>(last + l.OP_PLACE) <= first) {
      store<u64>(last + l.OP_PLACE, end);
      return;
    }
  }
  journalAppend(l.OP_RECLAIM, 0, 0, 0, first, end);
}

/** As `journalAppend`, with the name at NAME. */
export function journalAppendName(
  kind: u32,
  flags: u32,
  name: u32,
  view: u32,
  chunk: u64,
  place: u64,
): void {
  if (load<u32>(m.REPLAYING)) return;
  journalAppend(kind, flags, name, view, chunk, place);
  const at = load<u32>(m.JOURNAL_LAST) + l.OP_BYTES;
  const padded = (name + 7) & ~7;
  assertThat(journalRoom(padded), 141);
  memory.fill(at, 0, padded);
  memory.copy(at, m.NAME, name);
  store<u32>(m.JOURNAL_USED, load<u32>(m.JOURNAL_USED) + padded);
}

/**
 * Sums of `n` places from `place` on, at address `sums`. Operations go on growing past it: what is
 * freed before its sum comes is passed over at replay, and nothing freed is used in one record.
 */
export function journalSums(place: u64, n: u32, sums: usize): void {
  if (load<u32>(m.REPLAYING)) return;
  const end = buffer(load<u32>(m.JOURNAL_OPEN)) + load<u32>(m.JOURNAL_USED);
  let at = load<u32>(m.JOURNAL_SUMS);
  let have: u32 = at == 0 ? 0 : load<u16>(at + l.OP_COUNT);
  const follows =
    have > 0 &&
    at + sumsBytes(have) == end &&
    load<u64>(at + l.OP_PLACE) + have == place &&
    have + n <= l.OP_SUMS_MAX;
  if (!follows) {
    at = end;
    have = 0;
    memory.fill(at, 0, l.OP_BYTES);
    store<u8>(at + l.OP_KIND, <u8>l.OP_SUMS);
    store<u64>(at + l.OP_PLACE, place);
    store<u32>(m.JOURNAL_SUMS, at);
  }
  const bytes = at + sumsBytes(have + n) - end;
  assertThat(journalRoom(bytes), 142);
  if ((have + n) & 1) store<u32>(at + l.OP_BYTES + ((have + n) << 2), 0);
  memory.copy(at + l.OP_BYTES + (have << 2), sums, n << 2);
  store<u16>(at + l.OP_COUNT, <u16>(have + n));
  store<u32>(m.JOURNAL_USED, load<u32>(m.JOURNAL_USED) + bytes);
}

/** Bytes of an OP_SUMS. */
export function sumsBytes(count: u32): u32 {
  return l.OP_BYTES + (((count << 2) + 7) & ~7);
}

/** First block of the current area. */
function areaBlock(): u64 {
  return 2 + load<u32>(m.SUPER + l.SUPER_AREA) * <u64>load<u32>(m.SUPER + l.SUPER_AREA_BLOCKS);
}

/**
 * Closes the open record for writing: 1 with IO_ADDRESS, IO_LENGTH, IO_OFFSET; 0 where it is empty;
 * CHECKPOINT where the area is full, or where places that the record before freed could not be
 * marked free for want of a block. Places that were given back without an operation wait for no
 * record, but for requests only.
 */
export function journalSeal(): i32 {
  if (!heldReleased()) return CHECKPOINT;
  if (!journalPending()) {
    heldSeal();
    return 0;
  }
  const used = load<u32>(m.JOURNAL_USED);
  const length = (used + 4095) & ~4095;
  const head = load<u64>(m.JOURNAL_HEAD);
  if (head + (length >>> 12) > load<u32>(m.SUPER + l.SUPER_AREA_BLOCKS)) return CHECKPOINT;
  const open = load<u32>(m.JOURNAL_OPEN);
  const at = buffer(open);
  memory.fill(at + used, 0, length - used);
  store<u32>(at + l.RECORD_MAGIC, l.RECORD_NUMBER);
  store<u32>(at + l.RECORD_LENGTH, used);
  store<u32>(at + l.RECORD_CHAIN, load<u32>(m.JOURNAL_CHAIN));
  store<u64>(at + l.RECORD_SEQUENCE, load<u64>(m.JOURNAL_SEQUENCE));
  store<u64>(at + l.RECORD_STORE, load<u64>(m.SUPER + l.SUPER_UUID));
  store<u64>(at + l.RECORD_TOP, load<u64>(m.SUPER + l.SUPER_TOP));
  const crc = crc32c(at + 4, used - 4, 0);
  store<u32>(at + l.RECORD_CRC, crc);
  store<f64>(m.IO_OFFSET, <f64>((areaBlock() + head) << m.PAGE_SHIFT));
  store<u32>(m.IO_ADDRESS, at);
  store<u32>(m.IO_LENGTH, length);
  store<u64>(m.JOURNAL_HEAD, head + (length >>> 12));
  store<u64>(m.JOURNAL_SEQUENCE, load<u64>(m.JOURNAL_SEQUENCE) + 1);
  store<u32>(m.JOURNAL_CHAIN, crc);
  store<u32>(m.JOURNAL_OPEN, open ^ 1);
  heldSeal();
  journalReset();
  return 1;
}

/**
 * The checkpoint that holds all operations is about to be written: they need no record; records go
 * on in the other area.
 */
export function journalRestart(): void {
  store<u32>(m.SUPER + l.SUPER_AREA, load<u32>(m.SUPER + l.SUPER_AREA) ^ 1);
  store<u64>(m.SUPER + l.SUPER_SEQUENCE, load<u64>(m.JOURNAL_SEQUENCE));
  store<u64>(m.JOURNAL_HEAD, 0);
  store<u32>(m.JOURNAL_CHAIN, 0);
  journalReset();
}

// ---- reading back

/**
 * Where the host finds the next record: buffer 0, `length` bytes from the head on; false where no
 * block is left.
 */
export function journalAsk(length: u32): bool {
  const head = load<u64>(m.JOURNAL_HEAD);
  if (head + (length >>> 12) > load<u32>(m.SUPER + l.SUPER_AREA_BLOCKS)) return false;
  store<f64>(m.IO_OFFSET, <f64>((areaBlock() + head) << m.PAGE_SHIFT));
  store<u32>(m.IO_ADDRESS, buffer(0));
  store<u32>(m.IO_LENGTH, length);
  return true;
}

/**
 * Bytes of the record whose first block is in buffer 0, whole blocks; 0 where it is not the next
 * record.
 */
export function journalLength(): u32 {
  const at = buffer(0);
  const used = load<u32>(at + l.RECORD_LENGTH);
  if (
    load<u32>(at + l.RECORD_MAGIC) != l.RECORD_NUMBER ||
    load<u64>(at + l.RECORD_SEQUENCE) != load<u64>(m.JOURNAL_SEQUENCE) ||
    load<u64>(at + l.RECORD_STORE) != load<u64>(m.SUPER + l.SUPER_UUID) ||
    load<u32>(at + l.RECORD_CHAIN) != load<u32>(m.JOURNAL_CHAIN) ||
    used <= l.RECORD_HEADER ||
    used > load<u32>(m.JOURNAL_SIZE)
  ) {
    return 0;
  }
  return (used + 4095) & ~4095;
}

/**
 * Whether the record in buffer 0 is whole; then the head stands behind it and its operations can be
 * replayed.
 */
export function journalAccept(): bool {
  const at = buffer(0);
  const used = load<u32>(at + l.RECORD_LENGTH);
  const crc = crc32c(at + 4, used - 4, 0);
  if (crc != load<u32>(at + l.RECORD_CRC)) return false;
  store<u64>(m.JOURNAL_HEAD, load<u64>(m.JOURNAL_HEAD) + ((used + 4095) >>> 12));
  store<u64>(m.JOURNAL_SEQUENCE, load<u64>(m.JOURNAL_SEQUENCE) + 1);
  store<u32>(m.JOURNAL_CHAIN, crc);
  store<u64>(m.JOURNAL_TOP, load<u64>(at + l.RECORD_TOP));
  store<u32>(m.JOURNAL_CURSOR, at + l.RECORD_HEADER);
  store<u64>(m.JOURNAL_DONE, 0);
  store<u32>(m.JOURNAL_STAGE, 0);
  return true;
}

/** Back to the first record of the area. */
export function journalRewind(): void {
  store<u64>(m.JOURNAL_HEAD, 0);
  store<u64>(m.JOURNAL_SEQUENCE, load<u64>(m.SUPER + l.SUPER_SEQUENCE));
  store<u32>(m.JOURNAL_CHAIN, 0);
}
