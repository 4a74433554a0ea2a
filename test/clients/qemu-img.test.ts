/** qemu-img: images of other formats in and out, compared and mapped over NBD. */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fresh, json, succeed, succeedWith } from "../cli/program.ts";
import { Random } from "../model/prng.ts";
import { testsWith } from "../needs.ts";
import { chunksWhere, dataChunks, imageFile, type Range, sameBytes, sparseBytes } from "./image.ts";
import { ask, attempt, complaint } from "./programs.ts";
import { endsWell, serveNew } from "./served.ts";

const SIZE = 64 * 2 ** 20;
const CHUNK = 64 * 1024;
const random = new Random(12);
const content = sparseBytes(random, SIZE, 20);
const image = imageFile(content, CHUNK);

const served = await serveNew("64M", "--chunk", "64K");
const qemuTest = testsWith("qemu-img");

interface MapEntry {
  start: number;
  length: number;
  zero: boolean;
  data: boolean;
}

function qemuImg(...args: string[]): Promise<string> {
  return ask("qemu-img", args);
}

/** Ranges of a map that are so, joined. */
function rangesOf(map: MapEntry[], isSo: (entry: MapEntry) => boolean): Range[] {
  const flags = map.flatMap((entry) => {
    assert.is(entry.start % CHUNK, 0);
    assert.is(entry.length % CHUNK, 0);
    return new Array<boolean>(entry.length / CHUNK).fill(isSo(entry));
  });
  return chunksWhere(SIZE, CHUNK, (start) => flags[start / CHUNK] === true);
}

qemuTest("info: a raw disk of its size", async () => {
  const info = JSON.parse(await qemuImg("info", "--output=json", served.uri()));
  assert.is(info.format, "raw");
  assert.is(info["virtual-size"], SIZE);
});

qemuTest("convert: a qcow2 image goes in", async () => {
  const qcow2 = fresh("image.qcow2");
  await qemuImg("convert", "-f", "raw", "-O", "qcow2", image, qcow2);
  await qemuImg("convert", "-n", "-W", "-f", "qcow2", "-O", "raw", qcow2, served.uri());
  sameBytes(await succeed("read", served.store, "--offset", "0", "--length", "64M"), content, "in");
});

qemuTest("compare: the same, also strictly, and a byte that differs is found", async () => {
  assert.match(
    await qemuImg("compare", "-f", "raw", "-F", "raw", image, served.uri()),
    /identical/,
  );
  await served.snapshot("as converted");
  await succeedWith(Buffer.from("?"), "write", served.store, "--offset", "1234567");
  const { code, stdout } = await attempt("qemu-img", [
    ...["compare", "-f", "raw", "-F", "raw", served.uri("@as converted"), served.uri()],
  ]);
  assert.is(code, 1);
  // It looks sector by sector.
  assert.match(stdout.toString(), /mismatch at offset 1234432/);
});

qemuTest("map: data and holes as they are", async () => {
  const uri = served.uri("@as converted");
  const map: MapEntry[] = JSON.parse(await qemuImg("map", "-f", "raw", "--output=json", uri));
  const data = dataChunks(content, CHUNK);
  assert.equal(
    rangesOf(map, (entry) => entry.data),
    data,
  );
  assert.ok(map.every((entry) => entry.zero === !entry.data));
});

qemuTest("map: what has changed since a snapshot, as qemu reads dirty bitmaps", async () => {
  await served.snapshot("marked");
  const changed = [3, 4, 5, 400, 1000].map((chunk) => chunk * CHUNK + 10);
  for (const offset of changed) {
    await succeedWith(random.bytes(100), "write", served.store, "--offset", String(offset));
  }
  const options = `driver=nbd,server.type=unix,server.path=${served.socket}`;
  const bitmap = `${options},x-dirty-bitmap=multisnap:diff:marked`;
  const map = JSON.parse(await qemuImg("map", "--output=json", "--image-opts", bitmap));
  // qemu shows a bit that is set as a place without data.
  assert.equal(
    rangesOf(map, (entry) => !entry.data),
    chunksWhere(SIZE, CHUNK, (start, end) => changed.some((at) => at >= start && at < end)),
  );
});

qemuTest("convert: a snapshot comes out as raw and as compressed qcow2, sparse", async () => {
  const uri = served.uri("@as converted");
  const raw = fresh("out.raw");
  await qemuImg("convert", "-m", "16", "-W", "-f", "raw", "-O", "raw", uri, raw);
  sameBytes(fs.readFileSync(raw), content, "raw");
  const qcow2 = fresh("out.qcow2");
  await qemuImg("convert", "-c", "-f", "raw", "-O", "qcow2", uri, qcow2);
  await qemuImg("compare", "-f", "qcow2", "-F", "raw", qcow2, image);
  await qemuImg("check", qcow2);
});

qemuTest("convert: from a snapshot over another one of the same server", async () => {
  await served.snapshot("scratch");
  await served.snapshot("frozen", "--read-only");
  const from = served.uri("@as converted");
  await qemuImg("convert", "-n", "-f", "raw", "-O", "raw", from, served.uri("@scratch"));
  await qemuImg("compare", "-f", "raw", "-F", "raw", image, served.uri("@scratch"));
  await complaint("qemu-img", [
    ...["convert", "-n", "-f", "raw", "-O", "raw", from, served.uri("@frozen")],
  ]);
  await complaint("qemu-img", ["info", served.uri("@nobody")]);
});

qemuTest(
  "an overlay on a served snapshot: qemu writes beside it, and commits into it",
  async () => {
    const overlay = fresh("overlay.qcow2");
    const uri = served.uri("@scratch");
    await qemuImg("create", "-f", "qcow2", "-b", uri, "-F", "raw", overlay);
    await ask("qemu-io", ["-f", "qcow2", "-c", "write -P 0x5a 1M 300k", overlay]);
    await qemuImg("compare", "-f", "raw", "-F", "raw", image, uri);
    await qemuImg("commit", overlay);
    const expected = Buffer.from(content).fill(0x5a, 2 ** 20, 2 ** 20 + 300 * 1024);
    const scratch = `${served.store}@scratch`;
    const found = await succeed("read", scratch, "--offset", "0", "--length", "64M");
    sameBytes(found, expected, "committed");
  },
);

qemuTest("zeros that are written take no space", async () => {
  const before = (await json("status", served.store)).dataBytes as number;
  await served.snapshot("empty");
  const zeros = imageFile(Buffer.alloc(SIZE));
  await qemuImg("convert", "-n", "-f", "raw", "-O", "raw", zeros, served.uri("@empty"));
  await qemuImg("compare", "-f", "raw", "-F", "raw", zeros, served.uri("@empty"));
  assert.is((await json("status", served.store)).dataBytes, before);
});

endsWell(served);
test.run();
