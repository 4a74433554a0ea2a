/**
 * The simulator itself: it accepts the naive volume as it is, and finds each way of losing data
 * that it can be given; it finds the real store on devices that are driven wrongly.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import type { StoreKind } from "../../src/stores/store.ts";
import { naive } from "../model/naive.ts";
import type { Defect } from "../model/naive-defects.ts";
import type { Subject } from "../model/subjects.ts";
import { type Carelessness, careless } from "./careless.ts";
import { drawPlan } from "./draw.ts";
import { subjectOf } from "./job.ts";
import type { Plan, Step } from "./plan.ts";
import { runPlan, SimFailure, usual } from "./run.ts";

const test = suite("the simulator finds what is lost");

const SEEDS = 30;
const few = { ...usual, points: 12, again: 0.02 };
/** The naive volume has no such calls. */
const UNKNOWN = ["message", "costs", "status", "reopen"];

function naivePlan(seed: number, kind: StoreKind): Plan {
  const plan = drawPlan(seed, { kind, trouble: "none", steps: 30 });
  const world = { ...plan.world, others: [], disk: null };
  const lives = plan.lives.map((life) => ({
    ...life,
    steps: life.steps.filter((step) => !UNKNOWN.includes(step.do)),
  }));
  return { ...plan, world, lives };
}

async function firstFailure(
  subject: Subject,
  draw: (seed: number) => Plan,
  seeds = SEEDS,
): Promise<string | null> {
  for (let seed = 1; seed <= seeds; seed++) {
    try {
      await runPlan(subject, draw(seed), few);
    } catch (error) {
      assert.instance(error, SimFailure);
      return (error as Error).message;
    }
  }
  return null;
}

for (const kind of ["range", "bitmap"] as const) {
  test(`a right volume passes: ${kind}`, async () => {
    const draw = (seed: number) => naivePlan(seed, kind);
    assert.is(await firstFailure(naive("none", kind), draw, 6), null);
  });
}

const defects: Defect[] = [
  "snapshot shares the pages",
  "trim rounds outwards",
  "long writes lose a byte",
  "concurrent writes lose an update",
  "all is called a hole",
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
    const message = await firstFailure(naive(defect), (seed) => naivePlan(seed, "range"));
    assert.ok(message !== null, "nothing is found");
  });
}

const ways: Carelessness[] = [
  "flushes of the store do nothing",
  "every second flush of the store does nothing",
  "the attached origin is never flushed",
  "failed flushes are tried again",
  "failed writes are passed over",
];
for (const way of ways) {
  test(`found, of the real store: ${way}`, async () => {
    const trouble = way.startsWith("failed") ? "io" : "none";
    const draw = (seed: number) => drawPlan(seed, { kind: "range", trouble, steps: 40 });
    const subject = careless(way);
    assert.is(subject.capabilities, CAPABILITIES.range);
    assert.ok((await firstFailure(subject, draw, 60)) !== null, "nothing is found");
  });
}

test("two snapshots without a name yet are told apart by what they hold", async () => {
  const drawn = drawPlan(1, { kind: "range", trouble: "none", steps: 1 });
  const write = { do: "write", offset: 4096, length: 4096, how: "async" } as const;
  const first: Step[] = [
    { client: 0, do: "snapshot", view: 0, name: "a", readOnly: false },
    { client: 1, ...write, view: 0, data: 7 },
    { client: 1, do: "snapshot", view: 0, name: "b", readOnly: false },
  ];
  const verb = "create_subsnap";
  const second: Step[] = [
    { client: 1, do: "message", verb, view: 0 },
    { client: 3, do: "message", verb, view: 1 },
  ];
  const world = { ...drawn.world, mode: "attached" as const, chunk: 4096, size: 24576, disk: null };
  const lives = [first, second].map((steps) => ({ steps, cuts: 5, closes: true }));
  const { crashes } = await runPlan(subjectOf(drawn), { ...drawn, world, lives }, usual);
  assert.ok(crashes > 20);
});

test.run();
