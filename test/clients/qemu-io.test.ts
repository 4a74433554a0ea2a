/** qemu-io: single requests of every kind, as qemu's block layer makes them. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { json, succeed } from "../cli/program.ts";
import { testsWith } from "../needs.ts";
import { ask, complaint } from "./programs.ts";
import { endsWell, type Served, serveNew } from "./served.ts";

const served = await serveNew("32M", "--chunk", "16K");
const qemuIoTest = testsWith("qemu-io");

/** Runs the commands at one connection; any that fails, or reads another pattern, fails. */
async function qemuIo(name: string, ...commands: string[]): Promise<string> {
  return ask("qemu-io", argumentsFor(served, name, commands));
}

function argumentsFor(of: Served, name: string, commands: string[]): string[] {
  return ["-f", "raw", ...commands.flatMap((command) => ["-c", command]), of.uri(name)];
}

qemuIoTest("patterns are written and read back", async () => {
  await qemuIo(
    "",
    "write -P 0xa1 0 64k",
    "write -P 0xb2 8k 20k",
    "writev -P 0xc3 1M 4k 12k 512",
    "read -P 0xa1 0 8k",
    "read -P 0xb2 8k 20k",
    "read -P 0xa1 28k 36k",
    "read -P 0 64k 100k",
    "readv -P 0xc3 1M 4k 12k 512",
    "flush",
  );
  await qemuIo("origin", "read -P 0xb2 8k 20k");
});

qemuIoTest("a pattern that is not there is noticed", async () => {
  const commands = argumentsFor(served, "", ["read -P 0xee 0 8k"]);
  assert.match(await complaint("qemu-io", commands), /Pattern verification failed/);
});

qemuIoTest("requests of odd bytes at odd places", async () => {
  await qemuIo(
    "",
    "write -P 0x11 2000001 70001",
    "write -P 0x22 2000002 1",
    "read -P 0x11 2000001 1",
    "read -P 0x22 2000002 1",
    "read -P 0x11 2000003 69999",
    "read -P 0 2070002 10",
  );
});

qemuIoTest("zeros: as a hole, as data, and with leave to unmap", async () => {
  await qemuIo("", "write -P 0x77 4M 1M", "flush");
  const full = (await json("status", served.store)).dataBytes as number;
  await qemuIo("", "write -z 4M 256k", "read -P 0 4M 256k", "read -P 0x77 4352k 256k");
  assert.is((await json("status", served.store)).dataBytes, full, "without leave it stays");
  await qemuIo("", "write -z -u 4M 512k", "read -P 0 4M 512k", "read -P 0x77 4608k 512k");
  assert.is((await json("status", served.store)).dataBytes, full - 512 * 1024);
  await qemuIo("", "write -z -u -f 4100k 3333", "read -P 0 4M 512k");
  const writeThrough = ["write -f -P 0x78 4097k 5k", "read -P 0x78 4097k 5k"];
  await qemuIo("", ...writeThrough);
});

qemuIoTest("discarded chunks read as zeros and take no space", async () => {
  await qemuIo("", "write -P 0x99 8M 1M", "flush");
  const full = (await json("status", served.store)).dataBytes as number;
  await qemuIo("", "discard 8M 512k", "read -P 0 8M 512k", "read -P 0x99 8704k 512k");
  assert.is((await json("status", served.store)).dataBytes, full - 512 * 1024);
});

qemuIoTest("requests in flight together", async () => {
  const places = Array.from({ length: 60 }, (_, index) => index);
  await qemuIo(
    "",
    ...places.map((place) => `aio_write -P ${place + 1} ${16 * 1024 + place * 100}k 100k`),
    "aio_flush",
    ...places.map((place) => `read -P ${place + 1} ${16 * 1024 + place * 100}k 100k`),
  );
});

qemuIoTest(
  "a snapshot keeps its pattern under writes to the origin, and takes its own",
  async () => {
    await qemuIo("", "write -P 0x31 12M 1M");
    await served.snapshot("kept");
    await qemuIo("", "write -P 0x32 12M 512k", "discard 12800k 128k", "write -z -u 12928k 64k");
    await qemuIo("@kept", "read -P 0x31 12M 1M");
    await qemuIo("@kept", "write -P 0x33 12500k 77k", "discard 13M 128k", "flush");
    await qemuIo("@kept", "read -P 0x33 12500k 77k", "read -P 0x31 12577k 500k");
    await qemuIo("", "read -P 0x32 12M 512k", "read -P 0 12800k 192k", "read -P 0x31 12992k 320k");
  },
);

qemuIoTest("a read-only snapshot is opened for reading, and not for writing", async () => {
  await served.snapshot("frozen", "--read-only");
  const read = argumentsFor(served, "@frozen", ["read -P 0x32 12M 512k"]);
  await ask("qemu-io", ["-r", ...read]);
  await complaint("qemu-io", argumentsFor(served, "@frozen", ["write 0 4k"]));
});

qemuIoTest("what it flushed is what the program reads", async () => {
  const bytes = await succeed("read", served.store, "--offset", "12M", "--length", "512K");
  assert.ok(bytes.every((byte) => byte === 0x32));
});

endsWell(served);
test.run();
