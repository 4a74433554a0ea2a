/**
 * A server under load is killed some twenty times, at moments and at calls of its own; `kill.ts`
 * says what that proves, and goes on for as long as you like.
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { seed } from "../libnbd/nbdsh.ts";
import { runKills } from "./kill/kills.ts";

test(`what was flushed survives kill -9, of every kind of store (SEED=${seed})`, async () => {
  const tally = await runKills({ kills: 18, seed: Number(seed), kept: 2 });
  assert.ok(tally.writes > 100, `${tally.writes} writes acknowledged`);
});

test.run();
