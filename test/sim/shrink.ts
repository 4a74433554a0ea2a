/**
 * Makes a plan that fails small: steps, lives and traits of the world are taken out as long as it
 * still fails (delta debugging). It works on the plan, not on the random stream it was drawn from,
 * so what is left stays what it was.
 */
import type { Subject } from "../model/subjects.ts";
import type { Life, Plan, SimWorld, Step } from "./plan.ts";
import { type Depth, runPlan, SimFailure, usual } from "./run.ts";

/** Looks at more of a plan, which is small soon. */
const keen: Depth = { ...usual, effort: { allUpTo: 5, samples: 6, torn: 4 }, points: 60 };
const TRIES_MAX = 400;

export interface Shrunk {
  plan: Plan;
  message: string;
  tries: number;
}

/** `plan` fails with `failure`. */
export async function shrink(
  subject: Subject,
  plan: Plan,
  failure: SimFailure,
  triesMax = TRIES_MAX,
): Promise<Shrunk> {
  const best = { plan, message: failure.message, tries: 0 };
  /** Whether this one fails, too; then it is the best so far. */
  const fails = async (candidate: Plan): Promise<boolean> => {
    if (best.tries >= triesMax) return false;
    best.tries++;
    const error = await failureOf(subject, candidate);
    if (error === null) return false;
    const lives = candidate.lives.slice(0, error.life + 1);
    Object.assign(best, { plan: { ...candidate, lives }, message: error.message });
    return true;
  };
  // Nothing after the failure matters; as it is looked at now it must fail still.
  if (!(await fails({ ...plan, lives: plan.lives.slice(0, failure.life + 1) }))) return best;
  for (let before = ""; before !== (before = JSON.stringify(best.plan)); ) {
    await dropLives(best, fails);
    for (let i = best.plan.lives.length - 1; i >= 0; i--) await dropSteps(best, i, fails);
    await simplify(best, fails);
    if (before === JSON.stringify(best.plan)) break;
  }
  return best;
}

type Fails = (plan: Plan) => Promise<boolean>;

export async function failureOf(subject: Subject, plan: Plan): Promise<SimFailure | null> {
  try {
    await runPlan(subject, plan, keen, plan.lives.length - 1);
    return null;
  } catch (error) {
    if (error instanceof SimFailure) return error;
    throw error;
  }
}

async function dropLives(best: Shrunk, fails: Fails): Promise<void> {
  for (let i = best.plan.lives.length - 1; i >= 0 && best.plan.lives.length > 1; i--) {
    const { lives } = best.plan;
    await fails({ ...best.plan, lives: lives.filter((_, k) => k !== i) });
  }
}

/** Halves, then quarters, down to single steps. */
async function dropSteps(best: Shrunk, index: number, fails: Fails): Promise<void> {
  const steps = () => best.plan.lives[index]?.steps ?? [];
  for (let size = Math.ceil(steps().length / 2); size >= 1; size = Math.floor(size / 2)) {
    for (let at = 0; at < steps().length; ) {
      const left = steps().filter((_, k) => k < at || k >= at + size);
      if (!(await fails(withLife(best.plan, index, { steps: left })))) at += size;
    }
  }
}

function withLife(plan: Plan, index: number, changes: Partial<Life>): Plan {
  const lives = plan.lives.map((life, k) => (k === index ? { ...life, ...changes } : life));
  return { ...plan, lives };
}

/** One client, devices that answer at once, no further stores, plain openings. */
async function simplify(best: Shrunk, fails: Fails): Promise<void> {
  const plain: Partial<SimWorld>[] = [
    { late: false },
    { others: [] },
    { disk: null },
    { maxSize: null },
    { copySlots: 8, queueDepth: 256 },
    { preserves: true },
  ];
  for (const traits of plain) {
    const world = { ...best.plan.world, ...traits };
    if (JSON.stringify(world) !== JSON.stringify(best.plan.world)) {
      await fails({ ...best.plan, world });
    }
  }
  const alone = (step: Step): Step => ({ ...step, client: 0 });
  if (best.plan.lives.some(({ steps }) => steps.some(({ client }) => client > 0))) {
    const lives = best.plan.lives.map((life) => ({ ...life, steps: life.steps.map(alone) }));
    await fails({ ...best.plan, lives });
  }
}
