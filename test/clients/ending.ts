/**
 * What a test file has started and not ended: undone however the file ends, the newest first, so
 * that a mount goes before the server that it needs.
 */
import { test } from "uvu";

const undos = new Set<() => void>();

/** `undo` is for the end; calling what it answers says that there is nothing to undo any more. */
export function atEnd(undo: () => void): () => void {
  undos.add(undo);
  return () => undos.delete(undo);
}

function undoAll(): void {
  const all = [...undos].reverse();
  undos.clear();
  for (const undo of all) undo();
}
// After a failed test something may still run, and would keep this process alive.
test.after(undoAll);
// Before their folder is removed.
process.prependListener("exit", undoAll);
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));
