/**
 * Counts and exceptions that browsers answer out of room, on a file that is none: what real ones
 * do at their quota is tested in them (test/browser/full).
 */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { OpfsCalls } from "../../src/devices/opfs-calls.ts";
import { OpfsWriter } from "../../src/devices/opfs-writer.ts";
import { fails, pattern } from "./conformance.ts";

const KIB = 1024;

/** A file of at most `room` bytes. */
class FakeFile {
  bytes = new Uint8Array(0);
  room = 2 ** 20;
  /** What a write answers that finds no room; "throw" for what Chromium throws. */
  answer: "throw" | "short" | number = "throw";
  writes = 0;

  getSize(): number {
    return this.bytes.length;
  }

  read(target: Uint8Array, { at }: { at: number }): number {
    const part = this.bytes.subarray(at, at + target.length);
    target.set(part);
    return part.length;
  }

  write(source: Uint8Array, { at }: { at: number }): number {
    this.writes++;
    const fit = Math.min(source.length, Math.max(0, this.room - at));
    if (fit < source.length && this.answer === "throw") throw outOfRoom();
    this.#reach(at + fit);
    this.bytes.set(source.subarray(0, fit), at);
    return fit < source.length && typeof this.answer === "number" ? this.answer : fit;
  }

  truncate(bytes: number): void {
    if (bytes > this.room) throw outOfRoom();
    const bytesNow = this.bytes.slice(0, bytes);
    this.bytes = new Uint8Array(bytes);
    this.bytes.set(bytesNow);
  }

  flush(): void {}
  close(): void {}

  #reach(end: number): void {
    if (end > this.bytes.length) this.truncate(end);
  }
}

function outOfRoom(): Error {
  return Object.assign(new Error("full"), { name: "QuotaExceededError" });
}

function open(answer: FakeFile["answer"] = "throw") {
  const file = new FakeFile();
  file.answer = answer;
  const calls = new OpfsCalls("fake", file as unknown as FileSystemSyncAccessHandle);
  return { file, calls, writer: new OpfsWriter(calls) };
}

for (const answer of ["throw", "short", 0, -1, Number.NaN, 2 ** 32 - 1, 1e9, 0.5] as const) {
  test(`a file without room whose writes answer ${answer} is NoSpace`, async () => {
    const { file, calls } = open(answer);
    calls.write(pattern(1000 * KIB, 1), 0, 1000 * KIB, 0);
    await fails("NoSpace", () => calls.write(pattern(100 * KIB, 2), 0, 100 * KIB, 1000 * KIB));
    await fails("NoSpace", () => calls.write(pattern(10, 2), 0, 10, 2 ** 20));
    assert.equal(file.bytes.slice(0, 1000 * KIB), pattern(1000 * KIB, 1));
  });
}

test("a short count is not believed: Firefox answers any number on a full disk", async () => {
  const { file, calls, writer } = open();
  file.write = (source) => Math.min(source.length, 32599);
  await fails("NoSpace", () => calls.write(pattern(100 * KIB, 3), 0, 100 * KIB, 0));
  writer.write(pattern(100 * KIB, 3), 0, 100 * KIB, 0);
  await fails("NoSpace", () => writer.handOver());
});

test("a read that answers anything but all of it is Io", async () => {
  for (const answer of [0, 99, -1, Number.NaN, 101, 0.5]) {
    const { file, calls } = open();
    file.read = () => answer;
    await fails("Io", () => calls.read(new Uint8Array(100), 0, 100, 0));
  }
});

test("small writes that follow on each other are one call, and are read before it", () => {
  const { file, calls, writer } = open();
  const bytes = pattern(64 * KIB, 4);
  for (let at = 0; at < bytes.length; at += 4096) writer.write(bytes, at, 4096, at);
  assert.is(file.writes, 0);
  assert.is(writer.size, bytes.length);
  const target = new Uint8Array(bytes.length + 100);
  calls.read(target, 100, bytes.length, 0);
  writer.patch(target, 100, bytes.length, 0);
  assert.equal(target.slice(100), bytes);
  const middle = new Uint8Array(50);
  writer.patch(middle, 10, 30, 5000);
  assert.equal(middle.slice(10, 40), bytes.slice(5000, 5030));
  assert.ok(middle.slice(0, 10).every((byte) => byte === 0) && middle[40] === 0);
  writer.write(pattern(100, 5), 0, 100, 3000);
  bytes.set(pattern(100, 5), 3000);
  writer.handOver();
  assert.is(file.writes, 1);
  assert.equal(file.bytes.slice(0, bytes.length), bytes);
});

test("what waits has its room: a write that has none says so, nothing before is lost", async () => {
  const { file, writer } = open();
  const bytes = pattern(2 ** 20, 6);
  let at = 0;
  await fails("NoSpace", () => {
    for (; ; at += 4096) writer.write(bytes, at % bytes.length, 4096, at);
  });
  assert.is(at, file.room, "all of the room is used");
  assert.is(writer.size, file.room);
  writer.finish();
  assert.equal(file.bytes, bytes);
});

test("what could not be handed over stays and is handed over later", async () => {
  const { file, writer } = open(0);
  writer.write(pattern(4096, 7), 0, 4096, 0);
  file.room = 1000;
  await fails("NoSpace", () => writer.handOver());
  await fails("NoSpace", () => writer.write(pattern(4096, 8), 0, 4096, 2 ** 16));
  const target = new Uint8Array(4096);
  writer.patch(target, 0, 4096, 0);
  assert.equal(target, pattern(4096, 7));
  file.room = 2 ** 20;
  writer.finish();
  assert.equal(file.bytes, pattern(4096, 7));
});

test("a file ends where it should once it is closed, and after a cut", () => {
  const { file, writer } = open();
  writer.write(pattern(5000, 9), 0, 5000, 100);
  assert.ok(file.bytes.length > 5100, "room is reserved");
  writer.resize(3000);
  assert.is(file.bytes.length, 3000);
  writer.write(pattern(10, 9), 0, 10, 4000);
  writer.finish();
  assert.is(file.bytes.length, 4010);
  assert.ok(file.bytes.slice(3000, 4000).every((byte) => byte === 0));
});

test.run();
