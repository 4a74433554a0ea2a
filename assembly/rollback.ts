/**
 * A view becomes what another one is, whatever its size: a snapshot of that one is made, and the
 * two exchange their identity. One operation in the journal, nothing in the tree.
 *
 *     before:  ... s ... v            s: the view to roll back to, v: the one that is rolled back
 *     after:   ... v s ... w          v reads as s; w, which v was, is kept under a name, or dead
 */
import { SUPER } from "./memory";
import { CELL_SIZE, canMove, findName, insertView, killView, liveCell, ORIGIN } from "./timeline";
import { FEATURE_SEATS, NAME_MAX, OP_ROLLBACK, SUPER_NEXT_ID, SUPER_SIZE } from "./layout";
import { EXISTS, INVALID, NOT_FOUND, UNSUPPORTED } from "./status";
import { LEAVE_ALL, LEAVE_HALF, prepare } from "./prepare";
import { exchange } from "./identity";
import { journalAppendName } from "./journal";
import { needFeatures } from "./features";
import { hasRoom } from "./snapshots";
import { widthOf } from "./change";

/**
 * View `id` becomes what view `to` is, its size too. What it was is a snapshot of it called as at
 * NAME, or deleted where `name` is 0. Answers 1, or a status.
 */
export function rollbackView(id: u32, to: u32, created: f64, name: u32): i32 {
  if (name > NAME_MAX) return INVALID;
  const ready = prepare(0, name > 0 ? LEAVE_ALL : LEAVE_HALF);
  if (ready < 0) return ready;
  const cell = liveCell(id);
  const source = liveCell(to);
  if (cell == 0 || source == 0) return NOT_FOUND;
  if (cell == source) return INVALID;
  if (name > 0 && findName(name) != 0) return EXISTS;
  const fresh = load<u32>(SUPER + SUPER_NEXT_ID);
  if (!canMove(id) || fresh == 0xffffffff || !hasRoom()) return UNSUPPORTED;
  const known = needFeatures(
    FEATURE_SEATS | (id == ORIGIN ? widthOf(load<u64>(source + CELL_SIZE)) : 0),
  );
  if (known < 0) return known;
  store<u32>(SUPER + SUPER_NEXT_ID, fresh + 1);
  const target = insertView(fresh, source, 0, created, 0);
  exchange(cell, target, name);
  journalAppendName(OP_ROLLBACK, 0, name, id, to | ((<u64>fresh) << 32), reinterpret<u64>(created));
  if (name == 0) killView(cell);
  if (id == ORIGIN) store<u64>(SUPER + SUPER_SIZE, load<u64>(target + CELL_SIZE));
  return 1;
}
