/**
 * Random histories against the model. `KIND=range SEED=7 STEPS=400 npx tsx
 * test/model/random.test.ts` runs one history; without `SEED`, a fixed set of them (`SHARE=10`: ten
 * times as many).
 */
import { suite } from "uvu";
import type { StoreKind } from "../../src/stores/store.ts";
import { subjects } from "./openers.ts";
import { runHistory } from "./steps.ts";

/** Fewer of what has less of its own. */
const HISTORIES: Record<StoreKind, number> = {
  range: 80,
  bitmap: 60,
  persistent: 40,
  transient: 20,
};
const STEPS = Number(process.env.STEPS ?? 500);
/** Of the fixed set: a part of it, or more. */
const SHARE = Number(process.env.SHARE ?? 1);
const GROUP = 40;

for (const subject of subjects) {
  const test = suite(`random histories: ${subject.name}`);
  if (process.env.SEED !== undefined) {
    const seed = Number(process.env.SEED);
    test(`seed ${seed}, ${STEPS} steps`, async () => {
      await runHistory(subject, seed, STEPS);
    });
  } else {
    const count = Math.ceil(HISTORIES[subject.kind] * SHARE);
    for (let first = 1; first <= count; first += GROUP) {
      const last = Math.min(count, first + GROUP - 1);
      test(`seeds ${first} to ${last}, ${STEPS} steps each`, async () => {
        for (let seed = first; seed <= last; seed++) await runHistory(subject, seed, STEPS);
      });
    }
  }
  test.run();
}
