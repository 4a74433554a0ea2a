/**
 * Every sequence of up to three steps of a small world, with a crash after each device event of
 * its last step.
 */
import { suite } from "uvu";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { CHUNKS, describeStep, type Step, sequences } from "../model/small-world.ts";
import { rollsBack, type Subject } from "../model/subjects.ts";
import { crashEverywhere, type Depth } from "./crashes.ts";
import { Script } from "./script.ts";

const LENGTH = Number(process.env.LENGTH ?? 3);
const CHUNK = 4096;

const depth: Depth = {
  effort: { allUpTo: 3, samples: 3, torn: 1 },
  life: 0.02,
  again: 0.01,
  pointsMax: Number.POSITIVE_INFINITY,
};

const alphabet: readonly Step[] = [
  { do: "write", to: "origin", chunk: 0 },
  { do: "write", to: "origin", chunk: "both" },
  { do: "write", to: "origin", chunk: "half" },
  { do: "write", to: "newest", chunk: 0 },
  { do: "trim", to: "newest", chunk: 0 },
  { do: "trim", to: "origin", chunk: 0 },
  { do: "snapshot", of: "origin" },
  { do: "snapshot", of: "newest" },
  { do: "delete", which: "oldest" },
  { do: "delete", which: "newest" },
  { do: "rollback", of: "origin", to: "oldest", keep: true },
  { do: "rollback", of: "origin", to: "newest", keep: false },
  { do: "rollback", of: "newest", to: "origin", keep: false },
  { do: "reclaim" },
  { do: "flush" },
];

async function take(script: Script, step: Step, random: Random): Promise<void> {
  const { model } = script;
  const snapshots = [...model.snapshots.keys()];
  const view = (target: string) => {
    if (target === "origin") return model.origin;
    return snapshots.at(target === "newest" ? -1 : 0) as number;
  };
  switch (step.do) {
    case "flush":
      return script.flush();
    case "reclaim":
      return script.reclaimed();
    case "delete":
      return script.delete(view(step.which));
    case "rollback":
      return script.rollback(view(step.of), view(step.to), step.keep);
    case "snapshot":
      return void (await script.snapshot(view(step.of)));
    case "trim":
      return script.trim(view(step.to), 0, CHUNK);
    case "write": {
      const [offset, length] =
        step.chunk === "both"
          ? [0, CHUNKS * CHUNK]
          : step.chunk === "half"
            ? [1024, 2048]
            : [0, CHUNK];
      return script.write(view(step.to), offset, random.bytes(length));
    }
  }
}

/** Crashes before the last step are those of the sequence without it. */
async function crashLastStep(subject: Subject, mode: OriginMode, steps: Step[]): Promise<void> {
  const random = new Random(1);
  const world = { mode, chunk: CHUNK, size: CHUNKS * CHUNK, others: [], disk: null, late: null };
  const script = await Script.start(subject, world, random.bytes(CHUNKS * CHUNK));
  let first = script.created;
  for (const step of steps) {
    first = script.log.now;
    await take(script, step, random);
  }
  await script.close();
  await crashEverywhere(script, random, depth, Math.max(1, first));
}

for (const subject of subjects) {
  const test = suite(`crashes of small worlds: ${subject.name}`);
  const { capabilities } = subject;
  for (const mode of capabilities.origins.filter((origin) => origin !== "base")) {
    for (let length = 1; length <= LENGTH; length++) {
      test(`every sequence of ${length}, ${mode}`, async () => {
        const possible = alphabet.filter(
          (step) => step.do !== "rollback" || rollsBack(capabilities, mode, step.of === "origin"),
        );
        for (const steps of sequences(length, capabilities, possible)) {
          try {
            await crashLastStep(subject, mode, steps);
          } catch (error) {
            const names = steps.map(describeStep).join(", ");
            throw new Error(`${(error as Error).message}\n  steps: ${names}`, { cause: error });
          }
        }
      });
    }
  }
  test.run();
}
