/** One volume, several users: those of the process that serves it, and those of its socket. */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectControl } from "../../src/control/client.ts";
import { MultisnapError } from "../../src/errors.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { CheckReport, ProgressOptions, View, Volume } from "../../src/volume/types.ts";
import { finished, start } from "../cli/program.ts";
import { mustBeClean } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { type MediumKind, medium } from "../model/media.ts";
import { Random } from "../model/prng.ts";
import { closeAll, connect, fresh, type Served, served } from "./served.ts";

const BLOCK = 4096;
const BLOCKS = 64;

async function serve(kind: MediumKind, size = BLOCKS * BLOCK): Promise<Served> {
  const store = fresh();
  fs.writeFileSync(store, "");
  const device = await medium(kind, { random: new Random(5) }).open();
  return served(await openVolume({ store: device, create: { size } }), store);
}

/**
 * Writes counters into the blocks of a disk, several writes at a time, and keeps for each block
 * which one was begun last and which one was acknowledged last.
 */
class Counting {
  readonly begun = new Uint32Array(BLOCKS);
  readonly acknowledged = new Uint32Array(BLOCKS);
  readonly #view: View;
  readonly #writers: Promise<void>[];
  #stopped = false;

  constructor(view: View, writers: number) {
    this.#view = view;
    this.#writers = Array.from({ length: writers }, (_, first) => this.#write(first, writers));
  }

  /** Each writer has blocks of its own. */
  async #write(first: number, step: number): Promise<void> {
    for (let count = 1; !this.#stopped; count++) {
      for (let block = first; block < BLOCKS; block += step) {
        const bytes = new Uint32Array(BLOCK / 4).fill(count);
        this.begun[block] = count;
        await this.#view.write(block * BLOCK, new Uint8Array(bytes.buffer));
        this.acknowledged[block] = count;
      }
      // Let the socket be read, however fast the device is.
      await new Promise((resolve) => setImmediate(resolve));
    }
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writers);
  }
}

for (const kind of ["file", "late"] as const) {
  test(`a snapshot is a point between two writes (${kind})`, async () => {
    const { volume, store, close } = await serve(kind);
    const remote = await connect(store);
    const counting = new Counting(volume.origin, 8);
    const seen: { name: string; least: Uint32Array; most: Uint32Array }[] = [];
    for (let i = 0; i < 50; i++) {
      const name = `s${i}`;
      const least = counting.acknowledged.slice();
      await remote.snapshot(name);
      seen.push({ name, least, most: counting.begun.slice() });
    }
    await counting.stop();
    for (const { name, least, most } of seen) {
      const bytes = new Uint8Array(BLOCKS * BLOCK);
      await remote.get(name).read(0, bytes);
      const words = new Uint32Array(bytes.buffer);
      for (let block = 0; block < BLOCKS; block++) {
        const found = words.subarray((block * BLOCK) / 4, ((block + 1) * BLOCK) / 4);
        const count = found[0] as number;
        assert.ok(
          found.every((word) => word === count),
          `${name}: block ${block} is torn`,
        );
        assert.ok(count >= (least[block] as number), `${name}: block ${block} has lost a write`);
        assert.ok(count <= (most[block] as number), `${name}: block ${block} is of later`);
      }
    }
    const last = new Uint32Array(seen.at(-1)?.least as Uint32Array);
    assert.ok(
      last.every((count) => count > 1),
      "writes went on",
    );
    await mustBeClean(volume);
    await remote.close();
    await close();
  });
}

test("two clients and the server see each other's changes", async () => {
  const { volume, store, close } = await serve("file", 2 ** 20);
  const [a, b] = [await connect(store), await connect(store)];
  await a.origin.write(10, Buffer.from("from a"));
  await b.origin.write(20, Buffer.from("from b"));
  await volume.origin.write(30, Buffer.from("from c"));
  for (const view of [a.origin, b.origin, volume.origin]) {
    const bytes = Buffer.alloc(36);
    await view.read(0, bytes);
    const text = bytes.toString("latin1").replaceAll("\0", ".");
    assert.is(text, "..........from a....from b....from c");
  }
  const made = await a.snapshot("one");
  assert.not(b.has("one"));
  await b.refresh();
  assert.is(b.get("one").id, made.id);
  assert.is(a.get("one"), made, "the same object as before");
  await volume.rename("one", "eins");
  await a.refresh();
  assert.is(made.name, "eins");
  // b calls it by its old name, and means the same one.
  await b.get("one").read(0, new Uint8Array(1));
  await b.get("one").snapshot("fork");
  await volume.delete("eins");
  await volume.snapshot("one");
  await expectCode("NotFound", b.get("one").read(0, new Uint8Array(1)));
  await expectCode("NotFound", b.delete("one"));
  assert.ok(volume.has("one"), "another one of the same name");
  for (const remote of [a, b]) await remote.close();
  await close();
});

/** Against a hang only. */
const PATIENCE_MS = 60_000;

/** Tells how the next check ends, which lasts until it is aborted. */
function watchCheck(volume: Volume): { begun: Promise<void>; end: Promise<unknown> } {
  const check = volume.check.bind(volume);
  let begin = () => {};
  let finish = (_: unknown) => {};
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const end = new Promise((resolve) => (finish = resolve));
  volume.check = async (options: ProgressOptions = {}): Promise<CheckReport> => {
    volume.check = check;
    begin();
    await aborted(options.signal as AbortSignal);
    const report = check(options);
    report.then(finish, finish);
    return report;
  };
  return { begun, end };
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, PATIENCE_MS);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}

async function serveExceptions(): Promise<Served> {
  const found = await serve("late", 2 ** 24);
  for (let i = 0; i < 600; i++) await found.volume.origin.write(i * 8192, new Uint8Array(1));
  await found.volume.flush();
  return found;
}

const leaving: Record<string, (store: string, begun: Promise<void>) => Promise<void>> = {
  "a client that goes": async (store, begun) => {
    const remote = await connect(store);
    const check = expectCode("Closed", remote.check());
    await begun;
    await remote.close();
    await check;
  },
  "a client that takes it back": async (store, begun) => {
    const remote = await connect(store);
    const controller = new AbortController();
    const check = remote.check({ signal: controller.signal }).catch((error) => error);
    await begun;
    const reason = new Error("enough");
    controller.abort(reason);
    const error = await check;
    assert.equal([error.code, error.cause], ["Closed", reason]);
    assert.is((await remote.check()).clean, true);
    await remote.close();
  },
  "a process that is killed": async (store, begun) => {
    const child = start("check", store);
    const end = finished(child);
    await begun;
    child.kill("SIGKILL");
    assert.is((await end).code, null);
  },
};
for (const [what, leave] of Object.entries(leaving)) {
  test(`${what} ends its check, and nothing else`, async () => {
    const { volume, store, close } = await serveExceptions();
    const friend = await connect(store);
    const { begun, end } = watchCheck(volume);
    await leave(store, begun);
    const error = await end;
    assert.instance(error, MultisnapError);
    assert.is((error as MultisnapError).code, "Closed");
    await friend.origin.write(0, Buffer.from("goes on"));
    assert.is(volume.status().error, null);
    assert.is((await friend.check()).clean, true);
    await friend.close();
    await close();
  });
}

test("check and reclaimed tell how far they are", async () => {
  const { store, close } = await serveExceptions();
  const remote = await connect(store);
  const steps: [number, number][] = [];
  const progress = (done: number, total: number) => steps.push([done, total]);
  const { exceptions } = await remote.check({ progress });
  assert.ok(steps.length > 0);
  assert.equal(steps.at(-1), [exceptions, exceptions]);
  await remote.close();
  await close();
});

test("errors come as they are", async () => {
  const { volume, store, close } = await serve("file", 2 ** 20);
  const remote = await connect(store);
  await volume.snapshot("fixed", { readOnly: true });
  await remote.refresh();
  for (const call of [
    (disk: Volume) => disk.snapshot("fixed"),
    (disk: Volume) => disk.snapshot("a@b"),
    (disk: Volume) => disk.rename("fixed", ""),
    (disk: Volume) => disk.delete("none"),
    (disk: Volume) => disk.get("fixed").write(0, new Uint8Array(1)),
    (disk: Volume) => disk.origin.read(2 ** 20, new Uint8Array(1)),
  ]) {
    const here = await caught(() => call(volume));
    const there = await caught(() => call(remote));
    assert.equal(
      [there.code, there.message, there.retryable],
      [here.code, here.message, here.retryable],
    );
  }
  await remote.close();
  await close();
});

async function caught(call: () => Promise<unknown>): Promise<MultisnapError> {
  try {
    await call();
  } catch (error) {
    if (error instanceof MultisnapError) return error;
    throw error;
  }
  throw new Error("it did not fail");
}

test("a server that stops answers what is under way, then nothing", async () => {
  const { volume, store, close } = await serve("late", 2 ** 20);
  const remote = await connect(store);
  const bytes = new Random(1).bytes(2 ** 20);
  const writes = [remote.origin.write(0, bytes), remote.snapshot("last")];
  const closed = volume.close.bind(volume);
  let found: Uint8Array | null = null;
  volume.close = async () => {
    found = new Uint8Array(2 ** 20);
    await volume.origin.read(0, found);
    await closed();
  };
  await new Promise((resolve) => setTimeout(resolve, 20));
  const [, ends] = await Promise.all([close(), Promise.allSettled(writes)]);
  // Each one was done, or was refused; never left without an answer.
  for (const end of ends) {
    if (end.status === "rejected") assert.is(end.reason.code, "Closed", end.reason.message);
  }
  if (ends[0]?.status === "fulfilled")
    assert.is(Buffer.compare(found ?? Buffer.alloc(0), bytes), 0);
  await expectCode("Closed", remote.origin.write(0, bytes));
  await expectCode("Closed", remote.snapshot("more"));
  assert.is(await connectControl(store), null);
  await remote.close();
});

test("long lists: 3,000 snapshots, their usage, and many deleted at once", async () => {
  const { volume, store, close } = await serve("file", 2 ** 20);
  const names = Array.from({ length: 3000 }, (_, i) => `${i}-${"ä".repeat(i % 120)}`);
  for (const name of names) await volume.snapshot(name);
  const remote = await connect(store);
  assert.equal(
    remote.snapshots.map(({ name }) => name),
    names,
  );
  assert.equal(await remote.snapshotUsage(), await volume.snapshotUsage());
  await remote.delete(...names.slice(1));
  assert.equal(
    volume.snapshots.map(({ name }) => name),
    names.slice(0, 1),
  );
  assert.is(remote.status().snapshots, 1);
  await remote.close();
  await close();
});

test("long differences come page by page", async () => {
  const { volume, store, close } = await serve("file", 64 * 2 ** 20);
  const one = await volume.snapshot("one");
  const expected: [number, number][] = [];
  for (let i = 0; i < 2500; i++) {
    await volume.origin.write(i * 8192, new Uint8Array(4096).fill(1));
    expected.push([i * 8192, 4096]);
  }
  const remote = await connect(store);
  const found: [number, number][] = [];
  for await (const { offset, length } of remote.diff(remote.get("one"), remote.origin)) {
    found.push([offset, length]);
  }
  assert.equal(found, expected);
  let data = 0;
  for await (const extent of remote.origin.extents(0, one.size)) if (extent.data) data++;
  assert.is(data, 2500);
  await remote.close();
  await close();
});

test.after(closeAll);
test.run();
