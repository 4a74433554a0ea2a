/**
 * The stores of dm-snapshot, with no room at every single allocation of a history: the origin goes
 * on always; its snapshot is whole, or is lost for good and says so.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import { mustHold, type Role } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { FIXED, type Subject } from "../model/subjects.ts";
import { Room } from "./room.ts";
import { CHUNK, errorOf, Story } from "./story.ts";

const CHUNKS = 40;
/** Small ones: an area of metadata is full after 32 of them. */
const STORE_CHUNK = 512;
const STEPS = 60;

async function begin(subject: Subject, late: boolean) {
  const room = new Room();
  const random = new Random(1);
  const wrap = (device: Device, role: Role) => {
    const limited = role === "store" ? room.device(device) : device;
    return late ? lateDevice(limited, random.fork()) : limited;
  };
  const world = { mode: "attached", chunk: STORE_CHUNK, chunks: CHUNKS, wrap } as const;
  return { room, story: await Story.begin(subject, 1, world) };
}

/** Whether the snapshot is there still; it is right then. */
async function snapshotStays({ fixture }: Story): Promise<boolean> {
  const { model, volume } = fixture;
  const view = volume.get(FIXED.name);
  const error = await errorOf(view.read(0, new Uint8Array(1)));
  if (error === null) await mustHold(view, 0, model.read(FIXED.id, 0, view.size));
  else {
    assert.is(error.code, "Corrupt");
    assert.is(volume.status().dmStatus, "Invalid");
  }
  return error === null;
}

/** Answers whether it came to the allocation, and what became of the snapshot. */
async function runOut(subject: Subject, late: boolean, nth: number, lasting: boolean) {
  const { room, story } = await begin(subject, late);
  const { fixture } = story;
  try {
    room.end(nth, lasting);
    for (let step = 0; step < STEPS; step++) {
      const { what, error } = await story.step();
      if (error === null) continue;
      assert.ok(["NoSpace", "Corrupt"].includes(error.code), `${what}: ${error.message}`);
    }
    assert.is(fixture.volume.status().error, null);
    const { origin } = fixture.model;
    // The origin never depends on room.
    const { error } = await story.write(origin, 0, new Uint8Array(CHUNKS * CHUNK).fill(nth));
    assert.is(error, null, `a write to the origin: ${error?.message}`);
    await mustHold(fixture.volume.origin, 0, fixture.model.read(origin, 0, CHUNKS * CHUNK));
    const stays = await snapshotStays(story);
    room.again();
    assert.is(await story.close(), null);
    await mustReopen(subject, story, stays);
    return { ended: room.refused === 0, stays };
  } catch (error) {
    throw story.explain(error, JSON.stringify({ kind: subject.kind, late, nth, lasting }));
  }
}

async function mustReopen(subject: Subject, { fixture }: Story, stays: boolean): Promise<void> {
  if (!stays && subject.capabilities.crash !== "lost") {
    assert.is((await errorOf(fixture.reopen()))?.code, "Corrupt");
    return;
  }
  await fixture.reopen();
  await fixture.verify();
  await fixture.volume.close();
}

for (const subject of subjects.filter(({ capabilities }) => capabilities.whenFull === "invalid")) {
  const test = suite(`every allocation: ${subject.name}`);
  for (const late of [false, true]) {
    test(`${late ? "late" : "synchronous"} devices`, async () => {
      for (const lasting of [false, true]) {
        const seen = { true: 0, false: 0 };
        for (let nth = 1, ended = false; !ended; nth++) {
          const found = await runOut(subject, late, nth, lasting);
          seen[`${found.stays}`]++;
          ended = found.ended;
        }
        assert.ok(seen.true > 0 && seen.false > 10, JSON.stringify(seen));
      }
    });
  }
  test.run();
}
