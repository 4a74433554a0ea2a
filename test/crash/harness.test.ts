/**
 * The crash harness itself: it accepts the naive volume as it is, in every kind, and finds each
 * way of losing data that it can be given.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { StoreKind } from "../../src/stores/store.ts";
import { naive } from "../model/naive.ts";
import type { Defect } from "../model/naive-defects.ts";
import { subjects } from "../model/openers.ts";
import { quick, runCrashes } from "./crashes.ts";

const test = suite("the crash harness finds what is lost");

const SEEDS = 15;

async function firstFailure(defect: Defect, kind?: StoreKind): Promise<string | null> {
  for (let seed = 1; seed <= SEEDS; seed++) {
    try {
      await runCrashes(naive(defect, kind), seed, quick);
    } catch (error) {
      return (error as Error).message;
    }
  }
  return null;
}

for (const { kind } of subjects) {
  test(`a right volume passes: ${kind}`, async () => {
    assert.is(await firstFailure("none", kind), null);
  });
}

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
