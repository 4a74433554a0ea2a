/** A walk that tells at once what it comes upon, for a consumer that has to wait. */
import type { Task } from "../../../task.ts";

/**
 * Runs `walk`, and whenever it lets others work gives what `found` holds by then to `take`, one by
 * one. Memory: what a walk finds between two such moments.
 */
export function* drained<T>(
  walk: Task<void>,
  found: T[],
  take: (item: T) => Task<void>,
): Task<void> {
  let step = walk.next();
  for (;;) {
    for (const item of found.splice(0)) yield* take(item);
    if (step.done) return;
    let value: unknown;
    try {
      value = yield step.value;
    } catch (error) {
      step = walk.throw(error);
      continue;
    }
    step = walk.next(value);
  }
}
