/** The worker of `connectVolume`: how it is opened, closed, killed, and what this thread does. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { Worker } from "node:worker_threads";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../src/devices/file.ts";
import { connectVolume, MultisnapError, type ThreadOptions } from "../../src/index.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { Volume } from "../../src/volume/types.ts";
import { expectCode } from "../model/history.ts";
import { Random } from "../model/prng.ts";
import { worker as code } from "./subjects.ts";

const SIZE = 4 * 2 ** 20;
const CHUNK = 4096;

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-connect-"));
process.on("exit", () => fs.rmSync(folder, { recursive: true, force: true }));
let files = 0;
const fresh = () => path.join(folder, `${files++}.msnap`);

/** A worker that a test can kill. */
function newWorker(): Worker {
  return new Worker(code ?? new URL("../../src/worker.ts", import.meta.url), { execArgv: [] });
}

function connect(options: ThreadOptions): Promise<Volume> {
  return connectVolume({ ...(code && { worker: code }), ...options });
}

for (const shared of [true, false]) {
  const test = suite(`workers, ${shared ? "rings" : "messages"}`);

  test("a worker that is killed: what waits fails, what was flushed is there", async () => {
    const random = new Random(3);
    for (let round = 0; round < 4; round++) {
      const file = fresh();
      const worker = newWorker();
      const create = { size: SIZE };
      const volume = await connectVolume({ store: { file }, create, worker, shared });
      const flushed = random.bytes(SIZE / 4);
      await volume.origin.write(0, flushed);
      const kept = await volume.snapshot("kept");
      await volume.flush();
      // Over the other half: nothing of it may be in the way of what was flushed.
      const under = Array.from({ length: 64 }, async () => {
        for (;;) {
          const chunk = random.between(SIZE / 2 / CHUNK, SIZE / CHUNK - 1);
          await volume.origin.write(chunk * CHUNK, random.bytes(CHUNK));
        }
      });
      const check = volume.check();
      const ends = Promise.allSettled([...under, check]);
      await new Promise((resolve) => setTimeout(resolve, random.below(30)));
      await worker.terminate();
      for (const end of await ends) {
        if (end.status === "fulfilled") continue;
        assert.instance(end.reason, MultisnapError);
        assert.is(end.reason.code, "Io");
        assert.match(end.reason.message, "worker of the volume ended");
      }
      assert.is((await ends).filter(({ status }) => status === "rejected").length >= 64, true);
      await expectCode("Io", volume.origin.read(0, new Uint8Array(1)));
      await expectCode("Io", volume.snapshot("late"));
      await expectCode("Io", kept.write(0, new Uint8Array(1)));

      const again = await openVolume({ store: await fileDevice(file) });
      const found = new Uint8Array(flushed.length);
      for (const view of [again.origin, again.get("kept")]) {
        await view.read(0, found);
        assert.is(Buffer.compare(found, flushed), 0);
      }
      assert.is((await again.check()).clean, true);
      await again.close();
    }
  });

  test("watched from the call on, by several, until they leave or it is closed", async () => {
    const volume = await connect({ store: { file: fresh() }, create: { size: SIZE }, shared });
    const [one, two] = [volume.watch(), volume.watch()];
    await volume.origin.write(0, new Uint8Array(10));
    await volume.flush();
    for (const events of [one, two]) {
      const { value } = await events.next();
      assert.equal(value.changed, [{ id: 1, ranges: [{ offset: 0, length: 10 }] }]);
    }
    const waiting = one.next();
    await one.return?.();
    assert.is((await waiting).done, true);
    const { id } = await volume.snapshot("made");
    assert.equal((await two.next()).value.made, [{ id, name: "made" }]);
    const ends = [two.next(), volume.watch().next()];
    await volume.close();
    for (const end of ends) assert.is((await end).done, true);
  });

  test("bytes stay the caller's, those of a Buffer, too", async () => {
    const volume = await connect({ store: { file: fresh() }, create: { size: SIZE }, shared });
    for (const length of [100, 20_000, 700_000]) {
      const whole = Buffer.from(new Random(length).bytes(length + 200));
      const source = whole.subarray(100, length + 100);
      const before = new Uint8Array(source);
      await volume.origin.write(5000, source);
      assert.is(Buffer.compare(source, before), 0);
      const target = Buffer.alloc(length);
      await volume.origin.read(5000, target);
      assert.is(Buffer.compare(target, before), 0);
    }
    await volume.close();
  });

  test("close answers what is under way, then everything is Closed", async () => {
    const file = fresh();
    const volume = await connect({ store: { file }, create: { size: SIZE }, shared });
    const writes = Array.from({ length: 500 }, (_, chunk) =>
      volume.origin.write(chunk * CHUNK, new Uint8Array(CHUNK).fill(chunk % 251)),
    );
    const closing = volume.close();
    assert.is(volume.close(), closing);
    await expectCode("Closed", volume.origin.write(0, new Uint8Array(1)));
    await expectCode("Closed", volume.flush());
    await Promise.all(writes);
    await closing;
    await expectCode("Closed", volume.origin.read(0, new Uint8Array(1)));
    for (const ask of [() => volume.usage(), () => volume.has("s"), () => volume.snapshots]) {
      assert.throws(ask, (error: MultisnapError) => error.code === "Closed");
    }

    const again = await openVolume({ store: await fileDevice(file) });
    const found = new Uint8Array(CHUNK);
    for (let chunk = 0; chunk < 500; chunk++) {
      await again.origin.read(chunk * CHUNK, found);
      assert.ok(found.every((byte) => byte === chunk % 251));
    }
    await again.close();
  });

  test("requests beyond the queue's depth wait, in order", async () => {
    const options = { create: { size: SIZE }, queueDepth: 2, shared };
    const volume = await connect({ store: { memory: null }, ...options });
    const order: number[] = [];
    const writes = Array.from({ length: 3000 }, (_, index) =>
      volume.origin.write(0, new Uint8Array(64).fill(index % 256)).then(() => order.push(index)),
    );
    await Promise.all(writes);
    assert.equal(order, [...order.keys()]);
    const found = new Uint8Array(64);
    await volume.origin.read(0, found);
    assert.ok(found.every((byte) => byte === 2999 % 256));
    await volume.close();
  });

  test("transfers larger than all shared memory", async () => {
    const size = 24 * 2 ** 20;
    const volume = await connect({ store: { memory: null }, create: { size }, shared });
    const bytes = new Random(5).bytes(2 ** 20);
    const source = new Uint8Array(size);
    for (let at = 0; at < size; at += bytes.length) source.set(bytes, at);
    const target = new Uint8Array(size);
    await Promise.all([volume.origin.write(0, source), volume.origin.write(0, source)]);
    await Promise.all([volume.origin.read(0, target), volume.origin.read(0, new Uint8Array(size))]);
    assert.is(Buffer.compare(source, target), 0);
    await volume.close();
  });

  test("errors come with their code, message and cause", async () => {
    const file = fresh();
    const volume = await connect({ store: { file }, create: { size: SIZE }, shared });
    const fixed = await volume.snapshot("fixed", { readOnly: true });
    await expectCode("ReadOnly", fixed.write(0, new Uint8Array(1)));
    await expectCode("Exists", volume.snapshot("fixed"));
    await volume.delete("fixed");
    const gone = await fixed.read(0, new Uint8Array(1)).catch((error) => error);
    assert.is(gone.code, "NotFound");
    const second = await connect({ store: { file }, shared }).catch((error) => error);
    assert.instance(second, MultisnapError);
    assert.is(second.code, "Busy");
    assert.is(second.retryable, true);
    await volume.close();
    await expectCode("NotFound", connect({ store: { file: fresh(), create: false }, shared }));
    await expectCode("Unsupported", connect({ store: { tape: "/dev/st0" }, shared }));
    await expectCode("Invalid", connect({ store: { file, memory: null }, shared }));
    await expectCode("Invalid", connect({ store: "disk.msnap" as never, shared }));
    const code = { size: () => 1 };
    await expectCode("Invalid", connect({ store: { memory: null, code }, shared }));
  });

  test("signals", async () => {
    const aborted = AbortSignal.abort();
    const create = { size: 2 ** 30 };
    const store = { memory: null };
    await expectCode("Closed", connect({ store, create, shared, signal: aborted }));
    const controller = new AbortController();
    const opening = connect({ store, create, shared, signal: controller.signal });
    controller.abort();
    await expectCode("Closed", opening);

    const volume = await connect({ store, create, shared });
    for (let at = 0; at < 4000; at++) {
      await volume.origin.write(at * 8192, new Uint8Array(1));
    }
    await volume.snapshot("s");
    let steps = 0;
    const progress = () => {
      steps++;
    };
    assert.is((await volume.check({ progress })).clean, true);
    assert.ok(steps > 0);
    await expectCode("Closed", volume.check({ signal: aborted }));
    await expectCode("Closed", volume.snapshotUsage({ signal: aborted }));
    await expectCode("Closed", volume.reclaimed({ signal: aborted }));
    // One that is over before it hears of it has an answer.
    let code: unknown = null;
    for (let tries = 0; tries < 50 && code === null; tries++) {
      const { signal, abort } = abortable();
      const check = volume.check({ signal, progress: abort });
      code = await check.then(
        () => null,
        (error) => error.code,
      );
    }
    assert.is(code, "Closed");
    // It has ended there, too: nothing stands in the way of what comes next.
    assert.is((await volume.check()).clean, true);
    await volume.close();
  });

  test("an iteration asks for no more than it is taken", async () => {
    const create = { size: 64 * 2 ** 20 };
    const volume = await connect({ store: { memory: null }, create, shared });
    const before = await volume.snapshot("before");
    const count = 5000;
    for (let i = 0; i < count; i++) await volume.origin.write(i * 2 * CHUNK, new Uint8Array(8));
    let found = 0;
    for await (const { offset, length } of volume.diff(before, volume.origin)) {
      assert.equal([offset, length], [found * 2 * CHUNK, CHUNK]);
      if (++found === 10) break;
    }
    found = 0;
    for await (const _ of volume.diff(before, volume.origin)) found++;
    assert.is(found, count);
    await volume.close();
  });

  test("this thread never sleeps, and its event loop turns under load", async () => {
    const volume = await connect({ store: { memory: null }, create: { size: SIZE }, shared });
    const { wait } = Atomics;
    let slept = 0;
    Atomics.wait = ((...given: Parameters<typeof wait>) => {
      slept++;
      return wait(...given);
    }) as typeof wait;
    try {
      const total = 4000;
      let ended = 0;
      let turns = 0;
      const turn = () => {
        turns++;
        if (ended < total) setImmediate(turn);
      };
      setImmediate(turn);
      const buffer = new Uint8Array(CHUNK);
      const lane = async () => {
        while (ended < total) {
          const chunk = (ended * 7919) % (SIZE / CHUNK);
          if (ended % 2) await volume.origin.write(chunk * CHUNK, buffer);
          else await volume.origin.read(chunk * CHUNK, new Uint8Array(CHUNK));
          ended++;
        }
      };
      await Promise.all(Array.from({ length: 16 }, lane));
      assert.is(slept, 0);
      // At most as many ends between two turns as there are requests under way.
      assert.ok(turns >= total / 16 / 2, `${turns} turns while ${total} requests ended`);
    } finally {
      Atomics.wait = wait;
      await volume.close();
    }
  });

  test("a turn of the event loop brings a bounded number of answers", async () => {
    const volume = await connect({ store: { memory: null }, create: { size: SIZE }, shared });
    let most = 0;
    let answers = 0;
    let turns = setImmediate(function turn() {
      most = Math.max(most, answers);
      answers = 0;
      turns = setImmediate(turn);
    });
    let left = 4000;
    const lane = async () => {
      while (left-- > 0) {
        await volume.origin.write((left % 1000) * CHUNK, new Uint8Array(CHUNK));
        answers++;
      }
    };
    await Promise.all(Array.from({ length: 16 }, lane));
    clearImmediate(turns);
    assert.ok(most <= 64 + 16, `${most} in one turn`);
    await volume.close();
  });

  test("a process with an idle volume may end", async () => {
    // Not closed on purpose: a worker that kept this process would hang the test's file.
    await connect({ store: { memory: null }, create: { size: SIZE }, shared });
  });

  test.run();
}

function abortable(): { signal: AbortSignal; abort: () => void } {
  const controller = new AbortController();
  return { signal: controller.signal, abort: () => controller.abort() };
}
