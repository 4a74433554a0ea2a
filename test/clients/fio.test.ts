/** fio: verify jobs, several at once; every block carries its own checksum and place. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { json } from "../cli/program.ts";
import { testsWith } from "../needs.ts";
import { ask, complaint } from "./programs.ts";
import { serve, serveNew } from "./served.ts";

let served = await serveNew("256M");
await served.snapshot("side");
const fioTest = testsWith("fio");

const COMMON = [
  ...["--output-format=json", "--ioengine=nbd", "--thread", "--randseed=21"],
  "--verify_state_save=0",
];
const VERIFY = ["--verify=crc32c", "--verify_fatal=1", "--verify_dump=0", "--do_verify=1"];

interface Job {
  jobname: string;
  error: number;
  read: { total_ios: number };
  write: { total_ios: number };
  trim: { total_ios: number };
}

/** A job on a part of an export that is its alone; MiB. */
function job(name: string, uri: string, at: number, size: number, ...options: string[]): string[] {
  const place = [`--offset=${at}m`, `--size=${size}m`];
  return [`--name=${name}`, `--uri=${uri}`, ...place, ...options];
}

async function fio(...args: string[]): Promise<Job[]> {
  const printed = await ask("fio", [...COMMON, ...args]);
  // The engine says on standard output, too, that it is connected.
  const { jobs } = JSON.parse(printed.slice(printed.indexOf("{"))) as { jobs: Job[] };
  for (const { jobname, error } of jobs) assert.is(error, 0, jobname);
  return jobs;
}

fioTest("random reads and writes of all sizes, on the origin and a snapshot at once", async () => {
  const mixed = ["--rw=randrw", "--bsrange=512-64k", "--bs_unaligned", "--iodepth=16"];
  const small = ["--rw=randwrite", "--bs=4k", "--iodepth=32"];
  const jobs = await fio(
    ...[...VERIFY, "--verify_backlog=512"],
    ...job("mixed", served.uri(), 0, 24, ...mixed),
    ...job("small", served.uri("origin"), 32, 12, ...small),
    ...job("large", served.uri(), 64, 48, "--rw=write", "--bs=1m", "--iodepth=4"),
    ...job("snapshot", served.uri("@side"), 0, 24, ...mixed),
    ...job("snapshot small", served.uri("@side"), 32, 12, ...small),
  );
  assert.is(jobs.length, 5);
  for (const { jobname, write, read } of jobs) {
    assert.ok(write.total_ios > 0 && read.total_ios > 0, jobname);
  }
});

fioTest("a snapshot is taken in between, and verifies as it was", async () => {
  const region = ["--rw=randwrite", "--bs=4k", "--iodepth=16"];
  await fio(...VERIFY, ...job("first", served.uri(), 128, 8, ...region));
  await served.snapshot("first");
  await fio(
    ...[...VERIFY, "--randseed=22"],
    ...job("second", served.uri(), 128, 8, ...region, "--bs=8k", "--verify_pattern=0x5a"),
  );
  await fio(...VERIFY, ...job("first", served.uri("@first"), 128, 8, ...region, "--verify_only"));
});

fioTest("a job that verifies what nobody wrote fails", async () => {
  const wrong = job("first", served.uri(), 128, 8, "--rw=randwrite", "--bs=4k", "--verify_only");
  assert.match(await complaint("fio", [...COMMON, ...VERIFY, ...wrong]), /verify/);
});

fioTest("what was written is there when the server has been stopped and started", async () => {
  const region = ["--rw=randwrite", "--bs=4k", "--iodepth=16", "--end_fsync=1"];
  const written = () => job("again", served.uri(), 144, 16, ...region);
  await fio("--verify=crc32c", "--do_verify=0", ...written());
  await served.stop();
  served = await serve(served.store);
  await fio(...VERIFY, ...written(), "--verify_only");
});

fioTest("flushes and trims among the writes", async () => {
  const [synced, trimmed] = await fio(
    ...job("synced", served.uri(), 160, 4, "--rw=randwrite", "--bs=4k", "--fsync=16", ...VERIFY),
    ...job("trimmed", served.uri(), 176, 16, "--rw=randtrim", "--bs=64k", "--iodepth=8"),
  );
  assert.is(synced?.write.total_ios, 1024);
  assert.is(trimmed?.trim.total_ios, 256);
});

fioTest("the server has counted all of it", async () => {
  const { server } = (await json("status", served.store)) as {
    server: { requests: number; requestsFailed: number; queueDepth: number };
  };
  assert.ok(server.requests > 4096 + 1024 + 256);
  assert.is(server.requestsFailed, 0);
  assert.is(server.queueDepth, 0);
});

test("in the end the server leaves with 0, and the store is clean", async () => {
  await served.stop();
  assert.is((await json("check", served.store)).clean, true);
});
test.run();
