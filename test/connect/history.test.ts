/**
 * Random histories through several clients of one host, against the model. `KIND=range SEED=7
 * STEPS=400 npx tsx test/connect/history.test.ts` runs one.
 */
import { suite } from "uvu";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { runHistory } from "../model/steps.ts";
import type { Subject } from "../model/subjects.ts";
import { severalClients } from "./several.ts";
import { hostOf } from "./subjects.ts";

const HISTORIES = 12;
const STEPS = Number(process.env.STEPS ?? 150);
const CLIENTS = 4;

/** A port that a failed test leaves open would keep the process alive. */
const open = new Set<() => Promise<void>>();

function behind(subject: Subject, seed: number): Subject {
  const random = new Random(seed ^ 0x5eed);
  return {
    ...subject,
    name: `${subject.name}, ${CLIENTS} clients`,
    remote: { synchronous: false },
    open: async (devices, options) => {
      const volume = await subject.open(devices, options);
      const host = hostOf(volume);
      const remote = await severalClients(host, random, CLIENTS);
      const leave = remote.close.bind(remote);
      open.add(leave);
      remote.close = async () => {
        open.delete(leave);
        await leave();
        await host.close();
        await volume.close();
      };
      return remote;
    },
  };
}

for (const subject of subjects) {
  const test = suite(`random histories: ${subject.name}, ${CLIENTS} clients`);
  const only = process.env.SEED;
  const seeds = Array.from({ length: HISTORIES }, (_, index) => index + 1);
  for (const seed of only === undefined ? seeds : [Number(only)]) {
    test(`seed ${seed}, ${STEPS} steps`, async () => {
      await runHistory(behind(subject, seed), seed, STEPS);
    });
  }
  test.after(async () => {
    for (const leave of open) await leave();
  });
  test.run();
}
