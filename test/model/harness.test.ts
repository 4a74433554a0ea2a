/**
 * The harness itself: histories accept the naive volume as it is, in every kind that keeps what
 * it has, and find each defect that it can be given.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { StoreKind } from "../../src/stores/store.ts";
import { naive } from "./naive.ts";
import type { Defect } from "./naive-defects.ts";
import { subjects } from "./openers.ts";
import { runHistory } from "./steps.ts";

const test = suite("the harness finds what is wrong");

const SEEDS = 20;
const STEPS = 150;

async function firstFailure(defect: Defect, kind?: StoreKind): Promise<string | null> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      await runHistory(naive(defect, kind), seed, STEPS);
    } catch (error) {
      return (error as Error).message;
    }
  }
  return null;
}

for (const { kind, capabilities } of subjects) {
  if (capabilities.crash === "lost") continue;
  test(`a right volume passes: ${kind}`, async () => {
    assert.is(await firstFailure("none", kind), null);
  });
}

const defects: Defect[] = [
  "snapshot shares the pages",
  "a rollback shares the pages",
  "what was cut off comes back",
  "snapshots shrink with the origin",
  "a held snapshot is deleted",
  "a note is not kept",
  "trim rounds outwards",
  "long writes lose a byte",
  "concurrent writes lose an update",
  "a late write lands in a new snapshot",
  "deleted names stay",
  "data leaks",
  "all is called a hole",
];
for (const defect of defects) {
  test(`found: ${defect}`, async () => {
    const message = (await firstFailure(defect)) ?? "nothing";
    assert.match(message, /SEED=\d+ STEPS=\d+ npx tsx/);
  });
}

test.run();
