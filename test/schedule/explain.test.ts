/** `--keep-dry-run` and the other options of the schedule on the command line. */
import { Command, CommanderError } from "commander";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import {
  addKeepOptions,
  checkKeepOptions,
  explanationText,
  type KeepOptions,
} from "../../src/cli/serve-keep.ts";
import { keepDryRun } from "../../src/schedule/explain.ts";
import { parseKeep } from "../../src/schedule/keep.ts";
import { planRetention } from "../../src/schedule/retention.ts";
import { Random } from "../model/prng.ts";
import { randomJumps, SECOND, START, snapshotOf, takeAll } from "./history.ts";

const test = suite("what the schedule says of itself");
const MINUTE = 60 * SECOND;

test("each snapshot with what would happen and why", () => {
  const taken = [0, 5, 10, 60, 65].map((minute, index) =>
    snapshotOf({ time: START + minute * MINUTE, pass: 1 }, index + 2),
  );
  const back = snapshotOf({ time: START, pass: 2 }, 8);
  const nightly = { name: "nightly", id: 9, created: START, readOnly: false };
  const open = taken[1]?.name;
  const explained = keepDryRun(
    [...taken, back, nightly],
    parseKeep("2x5m,3x1h"),
    (name) => name === open,
  );
  assert.equal(
    explained.map(({ name, keep, why }) => [name, keep, ...why]),
    [
      ["auto-2026-11-22T10:05:00Z", true, "3x1h: first of 2026-11-22T10:00Z (2 of 3)"],
      ["auto-2026-11-22T10:10:00Z", true, "a client has it open"],
      [
        "auto-2026-11-22T10:15:00Z",
        false,
        "2x5m: older than what it keeps",
        "3x1h: not the first of 2026-11-22T10:00Z",
      ],
      [
        "auto-2026-11-22T11:05:00Z",
        true,
        "2x5m: first of 2026-11-22T11:05Z (2 of 2)",
        "3x1h: first of 2026-11-22T11:00Z (2 of 3, before the clock went back)",
      ],
      [
        "auto-2026-11-22T11:10:00Z",
        true,
        "2x5m: first of 2026-11-22T11:10Z (2 of 2, before the clock went back)",
      ],
      [
        "auto-2026-11-22T10:05:00Z.2",
        true,
        "the newest",
        "2x5m: first of 2026-11-22T10:05Z (1 of 2)",
        "3x1h: first of 2026-11-22T10:00Z (1 of 3)",
      ],
      ["nightly", true, "not made by the schedule"],
    ],
  );
  assert.equal(explained[6], {
    name: "nightly",
    id: 9,
    created: "2026-11-22T10:05:00.000Z",
    keep: true,
    why: ["not made by the schedule"],
  });
  const lines = explanationText(explained).split("\n");
  assert.match(lines[0], /^ +name +created +why$/);
  assert.match(lines[3], /^delete +auto-2026-11-22T10:15:00Z +2026.*Z +2x5m: older.*; 3x1h: not/);
  assert.is(lines.at(-1), "7 snapshots: would delete 1");
});

test("there is a reason for each, and it is what retention does", () => {
  for (let seed = 1; seed <= 300; seed++) {
    const random = new Random(seed);
    const taken = takeAll(200, 3 * SECOND, randomJumps(random, 4, 200, 10_000));
    const rules = parseKeep("3x3s,2x9s,2x1m");
    const plan = planRetention(taken, rules);
    for (const [index, { keep, why }] of keepDryRun(taken, rules).entries()) {
      assert.is(keep, plan[index]?.keep);
      assert.ok(keep ? why.length > 0 : why.length === rules.length, `seed ${seed}: ${why}`);
    }
  }
});

test("without rules everything stays", () => {
  const taken = takeAll(3, SECOND);
  assert.equal(
    keepDryRun(taken, []).map(({ why }) => why.join()),
    ["there are no rules", "there are no rules", "the newest"],
  );
});

function parse(...args: string[]): KeepOptions | string {
  let found: KeepOptions = {};
  const command = addKeepOptions(new Command("serve").option("--read-only"))
    .exitOverride()
    .configureOutput({ outputError: () => {} })
    .action((options: KeepOptions) => {
      checkKeepOptions(command, options);
      found = options;
    });
  try {
    command.parse(args, { from: "user" });
    return found;
  } catch (error) {
    if (error instanceof CommanderError) return error.message;
    throw error;
  }
}

test("options of serve", () => {
  assert.equal(parse(), {});
  const every = { every: 5 * MINUTE };
  assert.equal(parse("--every", "5m"), every);
  const keep = { keep: parseKeep("2x5m,1x1h") };
  assert.equal(parse("--every", "5m", "--keep", "2x5m,1x1h"), { ...every, ...keep });
  assert.equal(parse("--keep", "2x5m,1x1h", "--keep-dry-run"), { ...keep, keepDryRun: true });
});

test("wrong usage says what is right", () => {
  assert.match(parse("--every", "0s") as string, /--every <period>.*"0s".*the least is 1s/);
  assert.match(parse("--every", "5m", "--keep", "2y5m") as string, /"2y5m" is not a rule.*24x1h/);
  assert.match(parse("--keep", "2x5m") as string, /with --keep give --every/);
  assert.match(parse("--every", "5m", "--read-only") as string, /cannot be used with.*--read-only/);
  assert.match(parse("--keep-dry-run") as string, /with --keep-dry-run give the rules/);
});

test.run();
