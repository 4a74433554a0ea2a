/**
 * Bits that rot in what snapshots keep are found by every read of them and by `check` of data,
 * and named; nothing else is.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { MultisnapError } from "../../src/errors.ts";
import type { Loss, View } from "../../src/volume/types.ts";
import { Fixture, mustBeClean, mustHold } from "../model/fixture.ts";
import { lateDevice } from "../model/late.ts";
import type { OriginMode } from "../model/model.ts";
import { summed } from "../model/openers.ts";
import { Random } from "../model/prng.ts";
import { flip, placeOf, summedChunks } from "./summed.ts";

const CHUNKS = 24;
const MODES: OriginMode[] = ["inline", "base", "attached"];

async function errorOf(work: () => unknown): Promise<MultisnapError> {
  try {
    await work();
  } catch (error) {
    return error as MultisnapError;
  }
  throw new Error("it did not fail");
}

/** More than a generator has at once. */
function long(random: Random, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let at = 0; at < length; at += 2 ** 20) {
    bytes.set(random.bytes(Math.min(2 ** 20, length - at)), at);
  }
  return bytes;
}

for (const subject of summed) {
  const test = suite(`rot: ${subject.name}`);

  /** A snapshot that keeps some chunks, and another that sees some of the same places. */
  async function start(mode: OriginMode, chunk: number, late = false) {
    const random = new Random(5);
    const size = CHUNKS * chunk - 1024;
    const fixture = await Fixture.make(subject.open, {
      mode,
      size,
      chunk,
      wrap: (device) => (late ? lateDevice(device, random.fork()) : device),
    });
    const { origin } = fixture.volume;
    await fixture.write(origin, 0, long(random, size));
    await fixture.snapshot("older");
    await fixture.snapshot("kept");
    await fixture.write(origin, 3 * chunk, long(random, 5 * chunk));
    await fixture.write(origin, 10 * chunk + 100, random.bytes(300));
    await fixture.write(origin, 12 * chunk + 100, long(random, 2 * chunk));
    await fixture.write(origin, size - 700, random.bytes(700));
    const write = (view: View, at: number) => fixture.write(view, at, random.bytes(chunk));
    await write(fixture.volume.get("older"), 4 * chunk);
    await fixture.volume.flush();
    return { fixture, random };
  }

  for (const mode of MODES) {
    for (const [chunk, late] of [
      [4096, false],
      [4096, true],
      [65536, false],
      [1048576, false],
    ] as const) {
      const how = late ? "late devices" : "at once";
      test(`${mode}, chunks of ${chunk}, ${how}: reads name what is lost`, async () => {
        const { fixture, random } = await start(mode, chunk, late);
        const { volume, store } = fixture;
        const kept = volume.get("kept");
        const chunks = await summedChunks(volume, kept);
        assert.equal(chunks, [3, 4, 5, 6, 7, 10, 12, 13, 14, 23]);
        for (const at of chunks) {
          const place = await placeOf(volume, kept, at);
          const byte = place * chunk + random.below(at === 23 ? chunk - 1024 : chunk);
          const bit = random.below(8);
          flip(store, byte, bit);
          const range = `bytes ${at * chunk}..${Math.min(kept.size, (at + 1) * chunk) - 1}`;
          const target = new Uint8Array(64);
          const ways: (() => unknown)[] = [
            () => kept.read(at * chunk + 17, target),
            () => kept.startRead(at * chunk, target),
            () => kept.read(0, new Uint8Array(kept.size)),
          ];
          if (volume.synchronous) ways.push(() => kept.readSync(at * chunk + 5, target));
          for (const way of ways) {
            const { code, message } = await errorOf(way);
            assert.is(code, "Corrupt", message);
            assert.match(message, /^reading bytes \d+\.\.\d+ of @kept: /);
            assert.ok(message.includes(`${range} are lost: place ${place} of store`), message);
          }
          const { clean, problems, losses } = await volume.check({ data: true });
          assert.is(clean, false);
          assert.is(problems.length, 1);
          const who = at === 4 ? ["kept"] : ["older", "kept"];
          const { views, viewCount, ...where } = losses[0] as Loss;
          assert.equal(
            (views as { name: string | null }[]).map(({ name }) => name),
            who,
          );
          assert.is(viewCount, who.length);
          assert.equal(where, { chunk: at, count: 1, offset: at * chunk, length: chunk });
          assert.is(losses.length, 1);
          assert.is((await volume.check()).clean, true, "the structure is sound");
          assert.is(volume.readOnly, false);
          flip(store, byte, bit);
        }
        await fixture.verify();
        await volume.close();
      });
    }

    test(`${mode}: a write that would copy what is lost fails, but not one over it`, async () => {
      const { fixture, random } = await start(mode, 4096);
      const { volume, store } = fixture;
      const older = volume.get("older");
      const place = await placeOf(volume, older, 10);
      flip(store, place * 4096 + 9, 3);
      const error = await errorOf(() => older.write(10 * 4096 + 50, new Uint8Array(10)));
      assert.is(error.code, "Corrupt");
      assert.match(
        error.message,
        /^writing bytes 41010\.\.41019 of @older: bytes 40960\.\.45055 are lost/,
      );
      await fixture.write(older, 10 * 4096, random.bytes(4096));
      await mustHold(older, 0, fixture.model.read(older.id, 0, older.size));
      assert.is(
        (await errorOf(() => volume.get("kept").read(10 * 4096, new Uint8Array(1)))).code,
        "Corrupt",
      );
      flip(store, place * 4096 + 9, 3);
      await fixture.verify();
      await volume.close();
    });

    test(`${mode}: also after a close, and after a crash; read-only, too`, async () => {
      const { fixture } = await start(mode, 4096);
      const crashed = await fixture.reopen();
      const chunks = await summedChunks(crashed, crashed.get("kept"));
      assert.equal(chunks, [3, 4, 5, 6, 7, 10, 12, 13, 14, 23]);
      await crashed.close();
      const closed = await fixture.reopen();
      assert.equal(await summedChunks(closed, closed.get("kept")), chunks);
      await mustBeClean(closed);
      await closed.close();
      const readOnly = await fixture.reopen(undefined, { readOnly: true });
      assert.is(readOnly.status().checksums, true);
      const place = await placeOf(readOnly, readOnly.get("kept"), 5);
      flip(fixture.store, place * 4096, 0);
      const read = () => readOnly.get("kept").read(5 * 4096, new Uint8Array(1));
      assert.is((await errorOf(read)).code, "Corrupt");
      assert.is((await readOnly.check({ data: true })).clean, false);
      await readOnly.close();
    });
  }

  test.run();
}
