/** A short run of the fuzz; `npx tsx test/nbd/fuzz.ts` is the long one. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fuzz } from "./fuzz/run.ts";

const CASES = Number(process.env.CASES ?? 50_000);
const SEED = Number(process.env.SEED ?? 1);

test(`${CASES} malformed handshakes and requests, seed ${SEED}`, async () => {
  const { cases, compared, conversations, answers } = await fuzz({ seed: SEED, cases: CASES });
  assert.ok(cases >= CASES);
  assert.ok(compared > conversations / 2, "most conversations are held against the reference");
  assert.ok(answers > cases / 10, "many requests get as far as an answer");
});

test.run();
