/**
 * Each read, write and flush of a history fails, once and from there on, on the store and on what
 * lies under it. A failed read costs its request. After a failed write or flush of metadata the
 * volume is read-only at once and says why; no device is written or flushed any more; opened again,
 * it has all that was promised.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { MultisnapError } from "../../src/errors.ts";
import { mustBeClean } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
import { subjects } from "../model/openers.ts";
import { FIXED, type Subject } from "../model/subjects.ts";
import type { Call } from "../model/watched.ts";
import { beginFaulty, type Faulty, type FaultyWorld } from "./faulty.ts";
import { CHUNK, errorOf } from "./story.ts";

const STEPS = 40;
/** Of a call that a history makes more often, so many of the first. */
const NTH_MAX = 24;

const READ_ERROR = /^reading bytes \d+\.\.\d+ of (the origin|@s\d+|@cow): /;

/** How a run ended: before the failure; the volume goes on; it is read-only. */
type Ending = "not met" | "sound" | "read-only";

async function fail(world: FaultyWorld, call: Call, nth: number, times: number): Promise<Ending> {
  const faulty = await beginFaulty(world);
  const { failing, story } = faulty;
  const { volume } = story.fixture;
  try {
    failing.fail(call, nth, times);
    for (let step = 0; step < STEPS && failing.failed === 0; step++) {
      const { what, error } = await story.step();
      if (error) mustBeOurs(what, error);
    }
    if (failing.failed === 0) return "not met";
    if (volume.status().error === null) {
      assert.not(call === "flush", "a failed flush makes the volume read-only");
      await goOn(faulty);
      return "sound";
    }
    assert.not(call === "read", "a failed read does not make the volume read-only");
    assert.ok(call !== "flush" || failing.failed === 1, "a failed flush is not tried again");
    await mustBeReadOnly(faulty);
    await reopen(faulty, world.subject);
    return "read-only";
  } catch (error) {
    const how = { ...world, subject: world.subject.name, call, nth, times };
    throw story.explain(error, JSON.stringify(how));
  }
}

function mustBeOurs(what: string, { code, message }: MultisnapError): void {
  assert.is(code, "Io", `${what}: ${message}`);
  assert.match(message, /EIO/);
  if (what === "read") assert.match(message, READ_ERROR, "names the range and the view");
}

/** The device works again; only the requests that met the failure have had it. */
async function goOn({ failing, story }: Faulty): Promise<void> {
  failing.fail("read", Number.POSITIVE_INFINITY);
  for (let step = 0; step < 20; step++) {
    const { what, error } = await story.step();
    assert.is(error, null, `${what} after the failure: ${error?.message}`);
  }
  await story.fixture.verify();
  assert.is(await story.close(), null);
  await story.fixture.reopen();
  await story.fixture.verify();
  await story.fixture.volume.close();
}

async function mustBeReadOnly({ failing, watch, story }: Faulty): Promise<void> {
  const { volume, model, capabilities } = story.fixture;
  failing.fail("read", Number.POSITIVE_INFINITY);
  watch.reset();
  assert.is(volume.readOnly, true);
  assert.match(volume.status().error ?? "", /EIO/, "status names the cause");
  const { origin } = volume;
  const bytes = new Uint8Array(CHUNK);
  const changes: [string, () => Promise<unknown>][] = [
    ["write", () => origin.write(0, bytes)],
    ["part of a chunk", () => origin.write(5 * CHUNK + 3, bytes)],
    ["trim", () => origin.trim(0, CHUNK)],
    ["zeros", () => origin.writeZeroes(0, CHUNK)],
    ["flush", () => volume.flush()],
    ["flush of a view", () => origin.flush()],
    ["writeSync", async () => volume.synchronous && origin.writeSync(0, bytes)],
  ];
  if (!capabilities.fixed) {
    const [one] = volume.snapshots;
    changes.push(["snapshot", () => volume.snapshot("later")]);
    if (one) changes.push(["delete", () => volume.delete(one)]);
    if (one) changes.push(["rename", () => volume.rename(one, "later")]);
    if (one) changes.push(["write of a snapshot", () => one.write(0, bytes)]);
  } else if (model.snapshots.has(FIXED.id)) {
    changes.push(["write of the snapshot", () => volume.get(FIXED.name).write(0, bytes)]);
  }
  for (const [what, change] of changes) {
    if (what === "writeSync" && !volume.synchronous) continue;
    const error = await errorOf(change());
    assert.is(error?.code, "ReadOnly", `${what}: ${error?.message ?? "was done"}`);
    assert.match(error?.message ?? "", /EIO.*open it again/, `${what} names cause and way out`);
  }
  await story.verifyViews();
  await errorOf(volume.reclaimed());
  assert.is((await story.close())?.code, "ReadOnly", "close does not answer for what was written");
  assert.equal([watch.writes, watch.flushes], [[], 0], "nothing is written or flushed any more");
}

async function reopen({ story }: Faulty, { capabilities }: Subject): Promise<void> {
  if (capabilities.crash === "lost") return;
  const { fixture } = story;
  await fixture.reopen();
  await story.verifyViews();
  await mustBeClean(fixture.volume);
  await fixture.volume.origin.write(0, new Uint8Array(CHUNK));
  await fixture.volume.flush();
  assert.is(fixture.volume.status().error, null);
  await fixture.volume.close();
}

/** Calls that there are of a device, where something can be lost by them. */
function callsOf(mode: OriginMode, role: "store" | "under"): Call[] {
  if (role === "under" && mode === "base") return ["read"];
  return ["read", "write", "flush"];
}

for (const subject of subjects) {
  const test = suite(`every call fails: ${subject.name}`);
  for (const mode of subject.capabilities.origins) {
    for (const role of mode === "inline" ? (["store"] as const) : (["store", "under"] as const)) {
      for (const call of callsOf(mode, role)) {
        test(`${mode}: ${call} of the ${role === "store" ? "store" : mode}`, async () => {
          const endings = { "not met": 0, sound: 0, "read-only": 0 };
          for (const late of [false, true]) {
            for (const times of [1, Number.POSITIVE_INFINITY]) {
              let ending: Ending = "sound";
              for (let nth = 1; nth <= NTH_MAX && ending !== "not met"; nth++) {
                ending = await fail({ subject, mode, role, late }, call, nth, times);
                endings[ending]++;
              }
            }
          }
          const met = endings.sound + endings["read-only"];
          const isKept = subject.capabilities.crash !== "lost" || role === "under";
          assert.ok(met > 4 || (call === "flush" && !isKept), JSON.stringify(endings));
        });
      }
    }
  }
  test.run();
}
