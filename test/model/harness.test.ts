/**
 * The harness itself: histories accept the naive volume as it is, and find each defect that it
 * can be given.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Defect, naive } from "./naive.ts";
import { runHistory } from "./steps.ts";

const test = suite("the harness finds what is wrong");

const SEEDS = 20;
const STEPS = 150;

async function firstFailure(defect: Defect): Promise<string | null> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      await runHistory(naive(defect), seed, STEPS);
    } catch (error) {
      return (error as Error).message;
    }
  }
  return null;
}

test("a right volume passes", async () => {
  assert.is(await firstFailure("none"), null);
});

const defects: Defect[] = [
  "snapshot shares the pages",
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
