/** qemu-io and fio on parts of the origin that are theirs. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fresh } from "../../../cli/program.ts";
import type { Random } from "../../../model/prng.ts";
import { atEnd } from "../../ending.ts";
import { SECTOR } from "./sectors.ts";
import type { Shelf } from "./shelf.ts";
import { FIO_AT, QEMU_IO_AT } from "./world.ts";

const PROMPT = "qemu-io> ";
const FIO_BLOCK = 4096;
/** Of the header that fio puts before each block that it can verify. */
const FIO_MAGIC = 0xacca;
const FIO_OFFSET_AT = 16;

function begin(program: string, args: string[]): ChildProcess {
  const child = spawn(program, args, { stdio: ["pipe", "pipe", "ignore"] });
  child.once(
    "close",
    atEnd(() => child.kill("SIGKILL")),
  );
  child.on("error", () => {});
  child.stdin?.on("error", () => {});
  return child;
}

/** One command at a time; what it has written is in the book. Ends when the server is gone. */
export async function runQemuIo(uri: string, shelf: Shelf, random: Random): Promise<void> {
  const child = begin("qemu-io", ["-f", "raw", uri]);
  const ended = once(child, "close").then(() => null);
  let text = "";
  let prompted: () => void = () => {};
  child.stdout?.on("data", (part: Buffer) => {
    text += part;
    if (text.endsWith(PROMPT)) prompted();
  });
  const prompt = () =>
    new Promise<true>((resolve) => {
      if (text.endsWith(PROMPT)) resolve(true);
      else prompted = () => resolve(true);
    });
  const ask = async (command: string): Promise<string> => {
    text = "";
    child.stdin?.write(`${command}\n`);
    return (await Promise.race([prompt(), ended])) === null ? "failed" : text;
  };
  const { book } = shelf.origin;
  if ((await Promise.race([prompt(), ended])) === null) return;
  for (let answer = ""; !answer.includes("failed"); ) {
    if (random.chance(0.2)) {
      const settle = shelf.beginFlush();
      await ask("flush");
      // It says nothing of a flush that fails; its connection is gone then.
      answer = await ask(`read ${QEMU_IO_AT} 512`);
      if (answer.includes("read 512/512")) settle();
      else answer = "failed";
      continue;
    }
    const count = random.pick([1, 8, 24, 64]);
    const first = QEMU_IO_AT / SECTOR + random.below((FIO_AT - QEMU_IO_AT) / SECTOR - count);
    const write = book.issue({ first, count, mark: random.between(1, 255) });
    const forced = random.chance(0.2);
    const range = `${first * SECTOR} ${count * SECTOR}`;
    answer = await ask(`write ${forced ? "-f " : ""}-P ${write.mark} ${range}`);
    if (answer.includes("wrote")) book.acknowledge(write, forced);
    else answer = "failed";
  }
  child.kill("SIGKILL");
  await ended;
}

/** Random writes with flushes among them; each block says where it belongs. */
export async function runFio(uri: string, length: number): Promise<void> {
  const child = begin("fio", [
    ...["--name=load", "--ioengine=nbd", "--thread", `--uri=${uri}`, "--rw=randrw", "--bs=4k"],
    ...["--iodepth=8", "--fsync=32", "--verify=crc32c", "--do_verify=0", "--verify_fatal=1"],
    "--verify_state_save=0",
    ...[`--offset=${FIO_AT}`, `--size=${length}`, "--time_based", "--runtime=600"],
    ...["--output-format=terse", `--output=${fresh("fio.out")}`],
  ]);
  await once(child, "close");
}

/** What is wrong with fio's bytes at `from`, or null: blocks are zeros, or fio's for that place. */
export function strangeBlock(bytes: Buffer, from: number): string | null {
  for (let at = 0; at < bytes.length; at += FIO_BLOCK) {
    const block = bytes.subarray(at, at + FIO_BLOCK);
    if (block.every((byte) => byte === 0)) continue;
    const offset = block.readBigUInt64LE(FIO_OFFSET_AT);
    if (block.readUInt16LE(0) !== FIO_MAGIC || offset !== BigInt(from + at)) {
      return `the block at ${from + at} is none that fio wrote there`;
    }
  }
  return null;
}
