/**
 * Power cuts after each device event of random short histories. `KIND=range SEED=3 npx
 * tsx test/crash/crash.test.ts` replays one; `THOROUGH=1` looks at more states of it.
 */
import { suite } from "uvu";
import type { StoreKind } from "../../src/stores/store.ts";
import { subjects } from "../model/openers.ts";
import { quick, runCrashes, thorough } from "./crashes.ts";

const HISTORIES: Record<StoreKind, number> = {
  range: 20,
  bitmap: 20,
  persistent: 20,
  transient: 20,
};
const GROUP = 20;

const depth = process.env.THOROUGH === undefined ? quick : thorough;
const steps = process.env.STEPS === undefined ? undefined : Number(process.env.STEPS);

for (const subject of subjects) {
  const test = suite(`crashes of random histories: ${subject.name}`);
  if (process.env.SEED !== undefined) {
    const seed = Number(process.env.SEED);
    test(`seed ${seed}`, async () => {
      await runCrashes(subject, seed, depth, steps);
    });
  } else {
    for (let first = 1; first <= HISTORIES[subject.kind]; first += GROUP) {
      const last = first + GROUP - 1;
      test(`seeds ${first} to ${last}`, async () => {
        for (let seed = first; seed <= last; seed++) await runCrashes(subject, seed, depth);
      });
    }
  }
  test.run();
}
