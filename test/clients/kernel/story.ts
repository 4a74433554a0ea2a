/** The tests of `kernel.test.ts`, for machines where a kernel can be booted. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { refused } from "../../cli/program.ts";
import { Attached, bytesOf, mustBe, ORIGIN, openCows } from "../../cow/attached.ts";
import { view as viewOf } from "../../cow/format.ts";
import { Random } from "../../model/prng.ts";
import { type Answers, boot } from "./guest.ts";
import { beginMerge, endMerge, fill, readAndWrite } from "./tasks.ts";
import { noiseDisk, type World } from "./world.ts";
import {
  makeBegun,
  makeExported,
  makeFull,
  makeHalf,
  makeInvalid,
  makeOurs,
  makeTheirs,
  steps,
} from "./worlds.ts";

const random = new Random(7);
const ours = await makeOurs(random);
const full = await makeFull(random);
const theirs = makeTheirs(random);
const exported = await makeExported(random);
const invalid = await makeInvalid(random);
const half = await makeHalf(random);
const begun = await makeBegun(random);
const begunExceptions = begun.exceptions(1);
const statusBefore = new Map<World, string[]>();
let answers: Answers = new Map();

test("a kernel is booted, and works on our devices", async () => {
  const worlds = [exported, ours, full, theirs, invalid, half, begun];
  const disks = [noiseDisk(), ...worlds.flatMap((world) => world.disks())];
  for (const world of [exported, ours, full, begun]) {
    statusBefore.set(world, await world.ourStatuses());
  }
  const task = [
    ...[...exported.attach(), ...exported.tell("before"), exported.detach()],
    ...[ours, full, theirs].flatMap((world) => readAndWrite(world, random)),
    ...fill(invalid),
    ...endMerge(half, random),
    ...beginMerge(begun, statusBefore.get(begun)?.[0] as string),
  ];
  answers = await boot(disks, task);
  for (const world of worlds) world.takeBack();
});

for (const world of [exported, ours, full]) {
  test(`${world.name}: the kernel saw our views and our status`, () => {
    world.mustHaveHeld(answers, "before");
    world.mustHaveStatus(answers, "before", statusBefore.get(world) as string[]);
  });
}

test("theirs: the kernel saw nothing but the origin on devices of zeros", () => {
  theirs.mustHaveHeld(answers, "before");
});

for (const world of [ours, full, theirs]) {
  test(`${world.name}: we see the kernel's views and its status, and go on`, async () => {
    world.mustHaveHeld(answers, "after");
    world.mustHaveStatus(answers, "after", await world.ourStatuses());
    await world.open(steps(random, 100, 20_000));
  });
}

test("invalid: what one of us has given up is invalid for the other", async () => {
  assert.is(answers.get("loaded.invalid.1"), "Invalid");
  assert.is(answers.get("full.invalid.2"), "Invalid");
  invalid.mustHaveHeld(answers, "after");
  const origin = invalid.image(ORIGIN);
  for (const number of [1, 2]) {
    const error = await openCows([origin, invalid.image(number)]).catch((error) => error);
    assert.is(error.code, "Corrupt");
    assert.match(error.message, /invalid/);
    const [store, under] = [invalid.file(number), invalid.file(ORIGIN)];
    await refused("Corrupt", "status", store, "--origin", under, "--dm");
  }
  const rest = await Attached.open([origin, invalid.image(3)]);
  mustBe(rest.contents[0] as Uint8Array, invalid.content(ORIGIN), "the origin");
  mustBe(rest.contents[1] as Uint8Array, invalid.content(3), "the snapshot that had room");
  await rest.verify();
  await rest.volume.close();
});

test("half: we merged one half, the kernel the other", async () => {
  half.mustHaveHeld(answers, "after");
  assert.is(half.exceptions(1), 0);
  const [status] = await half.ourStatuses();
  assert.is(answers.get("after.half.0.status"), status);
  half.becomes(1, half.content(ORIGIN));
  await half.open(steps(random, 50, 4000));
});

test("begun: the kernel merged some, we the rest", async () => {
  const left = begun.exceptions(1);
  assert.ok(left > 0 && left < begunExceptions, `${left} of ${begunExceptions} are left`);
  begun.mustHaveHeld(answers, "after");
  // A mixture, while both snapshots are what they were.
  begun.becomes(ORIGIN, bytesOf(begun.image(ORIGIN)));
  await begun.open();
  const volume = await openCows(begun.images);
  await volume.merge();
  await volume.close();
  begun.becomes(ORIGIN, begun.content(1));
  const [origin, merged, other] = begun.images.map(bytesOf) as [Uint8Array, ...Uint8Array[]];
  mustBe(origin, begun.content(ORIGIN), "the origin");
  mustBe(viewOf(origin, merged as Uint8Array), origin, "the merged snapshot");
  mustBe(viewOf(origin, other as Uint8Array), begun.content(2), "the other snapshot");
});

test("the next kernel sees what we have made of it all", async () => {
  const worlds = [ours, full, theirs, half, begun];
  const disks = worlds.flatMap((world) => world.disks());
  const task = worlds.flatMap((world) => [
    ...[...world.attach(), ...world.tell("again"), world.detach()],
  ]);
  answers = await boot(disks, task);
  for (const world of worlds) {
    world.mustHaveHeld(answers, "again");
    world.mustHaveStatus(answers, "again", await world.ourStatuses());
  }
});
