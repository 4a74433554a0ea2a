/** nbdcopy: whole disks in and out, many requests at a time, zeros as holes all the way. */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fresh, json, succeed } from "../cli/program.ts";
import { Random } from "../model/prng.ts";
import { testsWith } from "../needs.ts";
import { dataChunks, imageFile, sameBytes, sparseBytes, takenBytes } from "./image.ts";
import { ask, attempt } from "./programs.ts";
import { endsWell, serveNew } from "./served.ts";

const SIZE = 96 * 2 ** 20;
const CHUNK = 4096;
const random = new Random(11);
const content = sparseBytes(random, SIZE, 24);
const image = imageFile(content);
const dataBytes = dataChunks(content, CHUNK).reduce((sum, { length }) => sum + length, 0);

const served = await serveNew("96M");
const nbdcopyTest = testsWith("nbdcopy");

async function copyOut(name: string, ...options: string[]): Promise<string> {
  const file = fresh("out.raw");
  await ask("nbdcopy", [...options, served.uri(name), file]);
  return file;
}

/** Bytes of data in the store. */
async function storedBytes(): Promise<number> {
  return (await json("status", served.store)).dataBytes as number;
}

nbdcopyTest("a raw image goes in, sparse as it is, over several connections", async () => {
  await ask("nbdcopy", ["--connections=4", "--requests=32", "--flush", image, served.uri()]);
  sameBytes(await succeed("read", served.store, "--offset", "0", "--length", "96M"), content, "in");
  assert.is(await storedBytes(), dataBytes);
});

nbdcopyTest("and comes out again, byte by byte, in requests of every size", async () => {
  for (const options of [[], ["--request-size=4096", "--requests=128"], ["--synchronous"]]) {
    const file = await copyOut("", ...options);
    sameBytes(fs.readFileSync(file), content, options.join(" "));
    assert.ok(takenBytes(file) <= dataBytes + 2 ** 20, "holes stay holes");
    fs.rmSync(file);
  }
});

nbdcopyTest("32 MiB at a time", async () => {
  const file = await copyOut("", `--request-size=${32 * 2 ** 20}`, "--connections=2");
  sameBytes(fs.readFileSync(file), content, "out");
});

nbdcopyTest("a snapshot comes out as it was, while the origin is written", async () => {
  await served.snapshot("before");
  const others = sparseBytes(random, SIZE, 80);
  const other = imageFile(others);
  const [out] = await Promise.all([
    copyOut("@before", "--request-size=16384", "--requests=4"),
    ask("nbdcopy", ["--connections=2", other, served.uri()]),
  ]);
  sameBytes(fs.readFileSync(out), content, "the snapshot");
  sameBytes(fs.readFileSync(await copyOut("")), others, "the origin");
});

nbdcopyTest(
  "from a snapshot to another export of the same server, and to another server",
  async () => {
    await served.snapshot("target");
    await ask("nbdcopy", [served.uri("@before"), served.uri("@target")]);
    sameBytes(fs.readFileSync(await copyOut("@target")), content, "target");

    await using second = await serveNew("128M", "--chunk", "64K");
    await ask("nbdcopy", ["--destination-is-zero", served.uri("@before"), second.uri()]);
    const copied = await succeed("read", second.store, "--offset", "0", "--length", "96M");
    sameBytes(copied, content, "the other server");
    await second.stop();
  },
);

nbdcopyTest("--allocated writes the zeros; without it they are given back", async () => {
  const zeros = imageFile(Buffer.alloc(SIZE));
  await ask("nbdcopy", [image, served.uri("@target")]);
  const before = await storedBytes();
  await ask("nbdcopy", ["--allocated", zeros, served.uri("@target")]);
  assert.ok((await storedBytes()) - before >= SIZE - 2 * dataBytes);
  await ask("nbdcopy", [zeros, served.uri("@target")]);
  assert.ok((await storedBytes()) <= before);
  sameBytes(fs.readFileSync(await copyOut("@target")), Buffer.alloc(SIZE), "zeros");
});

nbdcopyTest("through pipes", async () => {
  const { code, stdout } = await attempt("nbdcopy", [served.uri("@before"), "-"]);
  assert.is(code, 0);
  sameBytes(stdout, content, "standard output");
  await ask("nbdcopy", ["-", served.uri("@target")], { input: content });
  sameBytes(fs.readFileSync(await copyOut("@target")), content, "standard input");
});

nbdcopyTest("an image that does not fit, and a target that is read-only, are refused", async () => {
  await served.snapshot("frozen", "--read-only", "--of", "before");
  const large = imageFile(Buffer.alloc(SIZE + 512));
  for (const [from, to] of [
    [large, "@target"],
    [image, "@frozen"],
  ] as const) {
    const { code } = await attempt("nbdcopy", [from, served.uri(to)]);
    assert.ok(code !== 0, to);
  }
  sameBytes(fs.readFileSync(await copyOut("@frozen")), content, "frozen");
});

endsWell(served);
test.run();
