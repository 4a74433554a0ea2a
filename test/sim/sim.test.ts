/** Seeds of the simulator: they pass, one has one hash (I11), and what fails becomes small. */
import { spawnSync } from "node:child_process";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { naive } from "../model/naive.ts";
import { drawPlan, type Trouble } from "./draw.ts";
import { subjectOf } from "./job.ts";
import { countSteps, describePlan } from "./plan.ts";
import { runPlan, SimFailure, usual } from "./run.ts";
import { failureOf, shrink } from "./shrink.ts";
import { add, sentence, sums } from "./sums.ts";

const test = suite("simulated machines");
const few = { ...usual, points: 12 };
const troubles: Trouble[] = ["none", "io", "full", "liar"];

for (const trouble of troubles) {
  test(`seeds 1 to 4, trouble: ${trouble}`, async () => {
    const total = sums();
    for (let seed = 1; seed <= 4; seed++) {
      const plan = drawPlan(seed, { trouble, steps: 40 });
      add(total, await runPlan(subjectOf(plan), plan, few));
    }
    assert.ok(total.crashes > 0 && total.operations > 0, sentence(total));
  });
}

test("same seed, same hash", async () => {
  const hashes = new Set<string>();
  for (const seed of [3, 4, 5]) {
    const plan = drawPlan(seed, { steps: 30 });
    const { hash } = await runPlan(subjectOf(plan), plan);
    assert.is((await runPlan(subjectOf(plan), plan)).hash, hash);
    hashes.add(hash);
  }
  assert.is(hashes.size, 3);
});

test("in another process, too", () => {
  const args = ["--import", "tsx", "test/sim/main.ts", "--seed", "5", "--steps", "30", "--json"];
  const runs = [1, 2].map(() => spawnSync(process.execPath, args, { encoding: "utf8" }));
  const hashes = runs.map(({ stdout }) => JSON.parse(stdout).hash);
  assert.match(hashes[0], /^[0-9a-f]{16}$/);
  assert.is(hashes[0], hashes[1]);
});

test("a failure shrinks to a few steps, which fail again", async () => {
  const subject = naive("flush forgets the commit");
  const drawn = drawPlan(4, { kind: "range", trouble: "none", steps: 60 });
  const names = ["write", "flush", "read", "snapshot"];
  const lives = drawn.lives.map((life) => ({
    ...life,
    steps: life.steps.filter((step) => names.includes(step.do)),
  }));
  const plan = { ...drawn, world: { ...drawn.world, disk: null }, lives };
  const failure = await runPlan(subject, plan).catch((error) => error);
  assert.instance(failure, SimFailure);
  const least = await shrink(subject, plan, failure);
  assert.ok(countSteps(least.plan) <= 4, describePlan(least.plan));
  const again = JSON.parse(JSON.stringify(least.plan));
  assert.ok((await failureOf(subject, again)) !== null);
});

test.run();
