/** The end of a volume's stores. */
import type { ExceptionStore } from "../../stores/store.ts";
import type { Task } from "../../task.ts";

/** All of them, whatever becomes of one. */
export function* closeStores(
  [store, ...others]: readonly ExceptionStore[],
  guard: (work: Task<void>) => Task<void>,
): Task<void> {
  if (!store) return;
  try {
    yield* guard(store.close());
  } finally {
    yield* closeStores(others, guard);
  }
}
