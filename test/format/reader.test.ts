/**
 * Stores that the library makes, read by the reader that knows nothing but FORMAT.md: closed ones,
 * and ones copied while open after a flush, as a crash leaves them.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { run } from "../../src/task.ts";
import { Fixture } from "../model/fixture.ts";
import type { OriginMode } from "../model/model.ts";
import { Random } from "../model/prng.ts";
import type { Subject } from "../model/subjects.ts";
import { mustAgree, mustRecoverAs, readerOf, storeOf, TREES, viewsOf } from "./agree.ts";
import type { StoreReader } from "./reader.ts";
import { step } from "./steps.ts";

const MODES: OriginMode[] = ["inline", "base", "attached"];

/** What histories had in them that a reader must know. */
interface Seen {
  records: number;
  operations: Set<string>;
  /** Flags of entries. */
  flags: number;
}

function note(seen: Seen, { records, operations, flags }: StoreReader): void {
  seen.records += records;
  seen.flags |= flags;
  for (const operation of operations) seen.operations.add(operation);
}

/** A random history; notes what the reader met on the way. */
async function history(
  subject: Subject,
  mode: OriginMode,
  chunk: number,
  seed: number,
  seen: Seen,
): Promise<void> {
  const random = new Random(seed);
  const isLarge = chunk > 65536;
  const size = (isLarge ? 12 : 60) * chunk + 512 * random.below(8);
  const steps = isLarge ? 90 : 240;
  const fixture = await Fixture.make(subject.open, { mode, size, chunk });
  for (let number = 0; number < steps; number++) {
    await step(fixture, random, number);
    if (number % (steps / 6) === steps / 6 - 1) {
      await fixture.volume.flush();
      const reader = mustAgree(fixture);
      note(seen, reader);
      if (!isLarge) await mustRecoverAs(reader, subject, fixture);
    }
    if (number % (steps / 3) === steps / 3 - 1) {
      await fixture.verify();
      const views = viewsOf(fixture.volume);
      await fixture.volume.close();
      const reader = mustAgree(fixture, views);
      assert.is(reader.records, 0, "a closed store has nothing to replay");
      note(seen, reader);
      await fixture.reopen();
    }
  }
  await fixture.volume.close();
}

for (const subject of TREES) {
  const test = suite(`the reader: ${subject.name}`);

  for (const mode of MODES) {
    const seen: Seen = { records: 0, operations: new Set(), flags: 0 };

    for (const chunk of [4096, 16384, 262144, 1048576]) {
      const seeds = chunk > 65536 ? [1] : [1, 2];
      test(`${mode}, chunks of ${chunk} bytes: it reads what the library reads`, async () => {
        const before = seen.records;
        for (const seed of seeds) await history(subject, mode, chunk, seed, seen);
        assert.ok(seen.records > before, "no history had a journal to replay");
      });
    }

    test(`${mode}: the histories had all that there is to replay`, () => {
      const always = ["1", "1/2", "1/8", "3", "3/2", "4", "5", "7", "8", "9"];
      const back = subject.kind === "range" ? ["11"] : [];
      const wanted = [...always, ...back, ...(mode === "attached" ? ["2"] : [])];
      const missing = wanted.filter((operation) => !seen.operations.has(operation));
      assert.equal(missing, [], "operations");
      assert.ok(seen.flags & 2, "a hole");
      const hasEight = subject.kind === "range" || mode === "base";
      assert.is((seen.flags & 8) !== 0, hasEight, "an entry around others, or one that is under");
    });
  }

  test("a tree of several levels, and a journal of many records", async () => {
    const random = new Random(4);
    const count = 6000;
    const fixture = await Fixture.make(subject.open, { mode: "inline", size: count * 4096 });
    const write = () =>
      fixture.write(fixture.volume.origin, random.below(count) * 4096, random.bytes(4096));
    for (let i = 0; i < 4000; i++) await write();
    await fixture.snapshot("before");
    for (let i = 0; i < 4000; i++) await write();
    const views = viewsOf(fixture.volume);
    await fixture.volume.close();
    const closed = mustAgree(fixture, views);
    assert.is(closed.height, 2);
    assert.ok(closed.entries > 4000, `${closed.entries} entries`);
    await fixture.reopen();
    for (let i = 0; i < 40; i++) {
      await write();
      await fixture.snapshot(`${i}`);
    }
    const opened = mustAgree(fixture);
    assert.ok(opened.records >= 40, `${opened.records} records`);
    await fixture.volume.close();
  });

  test.run();
}

for (const subject of TREES.filter(({ kind }) => kind === "range")) {
  const { name, open } = subject;
  const test = suite(`the reader, wide columns: ${name}`);

  for (const mode of MODES) {
    test(`${mode}: entries around others, until the column is too long for them`, async () => {
      const random = new Random(6);
      const fixture = await Fixture.make(open, { mode, size: 3 * 4096 });
      const { volume } = fixture;
      const flags: number[] = [];
      await fixture.write(volume.origin, 4096, random.bytes(4096));
      for (let i = 0; i < 260; i++) {
        const view = await fixture.snapshot(`${i}`);
        if (i % 2 === 1) await fixture.write(view, 4096, random.bytes(4096));
        if (i % 20 !== 19) continue;
        await fixture.write(volume.origin, 4096, random.bytes(4096));
        await volume.flush();
        await mustRecoverAs(mustAgree(fixture), subject, fixture);
        await run(storeOf(volume).checkpoint(false));
        flags.push(mustAgree(fixture).flags & 9);
      }
      assert.is(flags[0], 8, "one entry around those of its time");
      assert.is(flags.at(-1), 1, "one each, shared");
      await fixture.verify();
      await volume.close();
    });
  }

  test("a copy into one, one gap an operation, and new data behind it", async () => {
    const random = new Random(5);
    const fixture = await Fixture.make(open, { mode: "attached", size: 8 * 4096 });
    const { origin } = fixture.volume;
    for (let i = 0; i < 400; i++) {
      await fixture.snapshot(`${i}`);
      await fixture.write(origin, 0, random.bytes(4096));
    }
    for (let i = 0; i < 4; i++) {
      await fixture.snapshot(`gap ${i}`);
      await fixture.write(await fixture.snapshot(`own ${i}`), 0, random.bytes(4096));
    }
    await fixture.volume.flush();
    const before = readerOf(fixture);
    await fixture.write(origin, 0, random.bytes(4096));
    await fixture.write(fixture.volume.get("gap 0"), 0, random.bytes(4096));
    await fixture.write(fixture.volume.get("gap 3"), 4096, random.bytes(7 * 4096));
    await fixture.volume.flush();
    const crashed = mustAgree(fixture);
    assert.ok(crashed.records > before.records);
    for (const operation of ["2/4", "2/12", "2/8"]) {
      assert.ok(crashed.operations.has(operation), `an operation ${operation}`);
    }
    const views = viewsOf(fixture.volume);
    await fixture.volume.close();
    mustAgree(fixture, views);
  });

  test.run();
}
