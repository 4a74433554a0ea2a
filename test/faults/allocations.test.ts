/**
 * A file system without room at every single allocation of a history, once and from there on: the
 * writer gets `NoSpace`, every snapshot stays (I8), and what gives space back works (I9).
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { Device } from "../../src/devices/device.ts";
import type { Role } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { Room } from "./room.ts";
import { CHUNK, type Outcome, Story, type What } from "./story.ts";

const CHUNKS = 40;
const STEPS = 32;
/** Of data that was written, and whose snapshots are deleted: room for a chunk more. */
const FREED_MIN = 2 * CHUNK;
/** These never need room that is not there. */
const ALWAYS: readonly What[] = ["flush", "delete", "reclaimed"];

interface World {
  subject: Subject;
  mode: OriginMode;
  seed: number;
  late: boolean;
}

async function begin({ subject, mode, seed, late }: World) {
  const room = new Room();
  const random = new Random(seed);
  const wrap = (device: Device, role: Role) => {
    const limited = role === "store" ? room.device(device) : device;
    return late ? lateDevice(limited, random.fork()) : limited;
  };
  return { room, story: await Story.begin(subject, seed, { mode, chunks: CHUNKS, wrap }) };
}

function mustBeFair({ what, error }: Outcome): void {
  if (error === null) return;
  assert.is(error.code, "NoSpace", `${what}: ${error.message}`);
  assert.not(ALWAYS.includes(what), `${what} on a full store: ${error.message}`);
}

/** The history with no room at its `nth` allocation; answers whether it came to that. */
async function runOut(world: World, nth: number, lasting: boolean): Promise<boolean> {
  const { room, story } = await begin(world);
  const { fixture } = story;
  try {
    room.end(nth, lasting);
    for (let step = 0; step < STEPS; step++) mustBeFair(await story.step());
    assert.is(fixture.volume.status().error, null, "a full store takes what gives space back");
    await fixture.verify();
    await giveBack(story, room, lasting);
    assert.is(await story.close(), null);
    await fixture.reopen();
    await fixture.verify();
    await fixture.volume.close();
    return room.refused > 0;
  } catch (error) {
    const how = `${JSON.stringify({ ...world, subject: world.subject.name, nth, lasting })}`;
    throw story.explain(error, how);
  }
}

/** Still without room on the file system: what was deleted is room for writes. */
async function giveBack(story: Story, room: Room, lasting: boolean): Promise<void> {
  const { model } = story.fixture;
  const snapshots = [...model.snapshots.keys()];
  if (snapshots.length > 0) {
    const { volume } = story.fixture;
    const before = volume.usage().dataBytes;
    mustBeFair(await story.delete(...snapshots));
    mustBeFair(await story.reclaimed());
    const freed = before - volume.usage().dataBytes;
    if (lasting && room.refused > 0 && freed >= FREED_MIN) {
      const { error } = await story.write(model.origin, 3 * CHUNK, new Uint8Array(CHUNK).fill(9));
      assert.is(error, null, `with ${freed} bytes freed: ${error?.message}`);
    }
  }
  mustBeFair(await story.flush());
  room.again();
  for (let step = 0; step < 10; step++) assert.is((await story.step()).error, null);
}

for (const subject of subjects.filter(({ capabilities }) => capabilities.whenFull === "NoSpace")) {
  const test = suite(`every allocation: ${subject.name}`);
  for (const mode of subject.capabilities.origins) {
    for (const late of [false, true]) {
      test(`${mode}, ${late ? "late" : "synchronous"} devices`, async () => {
        for (const seed of late ? [3] : [1, 2]) {
          for (const lasting of late ? [true] : [false, true]) {
            let nth = 1;
            while (await runOut({ subject, mode, seed, late }, nth, lasting)) nth++;
            assert.ok(nth > 10, `only ${nth} allocations`);
          }
        }
      });
    }
  }
  test.run();
}
