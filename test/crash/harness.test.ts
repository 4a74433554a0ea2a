/**
 * The crash harness itself: it accepts the naive volume as it is, and finds each way of losing
 * data that it can be given.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { type Defect, naive } from "../model/naive.ts";
import { quick, runCrashes } from "./crashes.ts";

const test = suite("the crash harness finds what is lost");

const SEEDS = 15;

async function firstFailure(defect: Defect): Promise<string | null> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      await runCrashes(naive(defect), seed, quick);
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
  "flush forgets the commit",
  "commit without device flush",
  "commit over the last one",
  "checksum ignored",
  "attached origin not flushed",
  "snapshot answers before it is durable",
  "recovery brings a deleted snapshot back",
];
for (const defect of defects) {
  test(`found: ${defect}`, async () => {
    const message = (await firstFailure(defect)) ?? "nothing";
    assert.match(message, /SEED=\d+ npx tsx/);
  });
}

test.run();
