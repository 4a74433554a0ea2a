/**
 * A crash while a store becomes full: its snapshot is what it was, or it is invalid and says so;
 * the origin is what was flushed.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { firstUnexplained } from "../model/explain.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { type DeviceEvent, Wreck } from "./log.ts";
import type { ExpectedView } from "./oracle.ts";
import { Script } from "./script.ts";
import { type Crashed, verifyCrash } from "./verify.ts";

const CHUNK = 512;
const CHUNKS = 60;
/** Room for most of the chunks. */
const DISK = 50 * CHUNK;
const effort = { allUpTo: 4, samples: 6, torn: 2 };

function isHeader(event: DeviceEvent): boolean {
  return event.device === 0 && event.kind === "write" && event.offset === 0;
}

/** True: the snapshot is invalid, and the origin what it shall be. */
async function isInvalid(crashed: Crashed): Promise<boolean> {
  const { images, expected, world } = crashed;
  const origin = new Uint8Array(world.size);
  images[1]?.read(origin, 0, origin.length, 0);
  try {
    await verifyCrash(crashed);
    return false;
  } catch (error) {
    if (!(error instanceof MultisnapError) || error.code !== "Corrupt") throw error;
    assert.match(error.message, /invalid/);
  }
  const { durable, pending } = [...expected.values()][0] as ExpectedView;
  assert.is(firstUnexplained(durable, pending, origin, 0, "inOrder"), -1, "the origin");
  return true;
}

for (const subject of subjects.filter(({ kind }) => kind === "persistent")) {
  const test = suite(`crashes of a store that becomes full: ${subject.name}`);

  for (let seed = 1; seed <= 6; seed++) {
    test(`seed ${seed}`, async () => {
      const random = new Random(seed);
      const size = CHUNKS * CHUNK;
      const late = seed % 2 === 0 ? random.fork() : null;
      const world = { mode: "attached", chunk: CHUNK, size, others: [], disk: DISK, late } as const;
      const script = await Script.start(subject, world, random.bytes(size));
      for (let at = 0; at < CHUNKS; ) {
        const count = Math.min(CHUNKS - at, random.between(1, 12));
        await script.write(1, at * CHUNK, random.bytes(count * CHUNK));
        if (random.chance(0.3)) await script.flush();
        at += count;
      }
      await script.close();
      const { log, oracle, created } = script;
      const full = log.events.findIndex((event, at) => at >= created && isHeader(event));
      assert.ok(full > 0, "the store became full");
      const wreck = new Wreck(log);
      const found = { valid: 0, invalid: 0 };
      for (const [at, event] of log.events.entries()) {
        wreck.advance(event);
        if (at < full - 12) continue;
        for (const images of wreck.states(random, effort)) {
          const expected = oracle.at(at + 1);
          const invalid = await isInvalid({ subject, world, images, expected });
          if (invalid) assert.ok(at >= full, "nothing has made it invalid yet");
          found[invalid ? "invalid" : "valid"]++;
        }
      }
      assert.ok(found.valid > 0 && found.invalid > 0, "both were there");
    });
  }

  test.run();
}
