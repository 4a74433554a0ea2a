/** Same operations, same seed: same bytes, in the same order, on every device (I11). */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { subjects } from "../model/openers.ts";
import { recordScript } from "./crashes.ts";
import type { DeviceEvent } from "./log.ts";

const SEEDS = 20;

function sameEvent(a: DeviceEvent, b: DeviceEvent): boolean {
  if (a.kind !== "write" || b.kind !== "write") {
    return JSON.stringify(a) === JSON.stringify(b);
  }
  const place = a.device === b.device && a.offset === b.offset;
  return place && Buffer.compare(a.bytes, b.bytes) === 0;
}

for (const subject of subjects) {
  const test = suite(`replay: ${subject.name}`);
  test("the same history writes the same bytes", async () => {
    for (let seed = 1; seed <= SEEDS; seed++) {
      const first = (await recordScript(subject, seed)).log.events;
      const second = (await recordScript(subject, seed)).log.events;
      const at = first.findIndex((event, i) => !second[i] || !sameEvent(event, second[i]));
      assert.is(at, -1, `seed ${seed}: device event ${at} differs`);
      assert.is(first.length, second.length, `seed ${seed}`);
    }
  });
  test.run();
}
