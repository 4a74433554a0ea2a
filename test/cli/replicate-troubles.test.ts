/** `replicate` and what goes wrong: sides killed, slow, full, wiped, gone different ways. */
import { createHash } from "node:crypto";
import fs from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectControl } from "../../src/control/client.ts";
import type { Volume } from "../../src/volume/types.ts";
import { Random } from "../model/prng.ts";
import { finished, fresh, pattern, refused, run, start, succeed, succeedWith } from "./program.ts";
import {
  endServer,
  going,
  held,
  isFailed,
  isSent,
  itself,
  list,
  MIB,
  newFolder,
  newStore,
  once,
  read,
  SIZE,
  serve,
  shell,
  slowly,
  until,
} from "./replicated.ts";

test("both sides killed at random: every snapshot over there is one instant of here", async () => {
  const seed = Number(process.env.SEED ?? 1 + (process.pid % 1000));
  const random = new Random(seed);
  const replay = `SEED=${seed}`;
  const [store, copy, pidFile] = [await newStore(), await newStore(), fresh("pid")];
  let server = await serve(store);
  let volume = (await connectControl(store)) as Volume;
  const disk = Buffer.alloc(SIZE);
  const instants: string[] = [digest(disk)];
  const write = async () => {
    const bytes = random.bytes(random.between(1, 2 * MIB));
    const at = random.below(SIZE - bytes.length);
    await volume.origin.write(at, bytes);
    await volume.flush();
    disk.set(bytes, at);
    instants.push(digest(disk));
  };
  const line = shell(`echo $$ > ${pidFile}; exec ${itself} receive ${copy}`);
  for (let round = 0; round < 6; round++) {
    for (let count = random.between(1, 4); count > 0; count--) await write();
    const side = going(store, "--every", "1s", ...line);
    await wait(random.between(100, 2500));
    const victim = random.pick(["server", "receiver", "sender"]);
    if (victim === "server") {
      server.kill("SIGKILL");
      await finished(server);
      await volume.close().catch(() => {});
      // Whoever replicates opens the store itself from now on.
      await side.until(isSent, side.events().filter(isSent).length + 1);
      await side.stop();
      server = await serve(store);
      volume = (await connectControl(store)) as Volume;
    } else if (victim === "receiver") {
      if (endHard(pidFile)) await write();
      await side.until(isSent);
      await side.stop(random.pick(["SIGINT", "SIGTERM"]));
    } else {
      side.child.kill("SIGKILL");
      await side.ended;
    }
  }
  await write();
  const last = going(store, "--every", "1s", ...line);
  await last.until(isSent, 2);
  await last.stop();
  // It may have been ended in the middle of another one.
  await succeed("replicate", store, "--once", "--quiet", ...line);
  assert.ok((await read(copy)).equals(disk), `${replay}: the copy's origin`);
  let before = 0;
  for (const { name } of await list(copy)) {
    const at = instants.lastIndexOf(digest(await read(copy, name)));
    assert.ok(at >= before, `${replay}: @${name} is instant ${at}, after ${before}`);
    before = at;
  }
  assert.is((await held(store)).length, 1, replay);
  assert.equal(await held(copy), await held(store), replay);
  for (const each of [store, copy]) await succeed("check", each, "--quiet");
  await volume.close();
  await endServer(server);
});

function digest(bytes: Uint8Array): string {
  return createHash("sha1").update(bytes).digest("hex");
}

/** The process whose number it wrote there, if it is one still. */
function endHard(pidFile: string): boolean {
  if (!fs.existsSync(pidFile)) return false;
  const pid = Number(fs.readFileSync(pidFile, "utf8"));
  const about = `/proc/${pid}/cmdline`;
  const line = fs.existsSync(about) ? fs.readFileSync(about, "utf8") : "";
  if (pid < 1 || !line.includes("receive")) return false;
  process.kill(pid, "SIGKILL");
  return true;
}

test("a slow other side: one at a time, ended in between, gone on with", async () => {
  const [store, copy] = [await newStore(), await newStore()];
  const bytes = new Random(5).bytes(2 * MIB);
  for (const at of [0, 2, 4, 6]) {
    await succeedWith(bytes, "write", store, "--offset", `${at}M`, "--quiet");
  }
  const taken = fresh("taken");
  const line = shell(`${slowly(25, taken)} | ${itself} receive ${copy}`);
  const side = going(store, "--every", "1s", ...line);
  // 8 MiB at 64 KiB in 25 ms: three seconds, of which it gets two.
  const moved = () => (fs.existsSync(taken) ? Number(fs.readFileSync(taken, "utf8")) : 0);
  await until(async () => moved() > 4 * MIB);
  assert.equal(side.events(), []);
  await side.stop("SIGINT");
  assert.equal(await list(copy), []);
  const snapshots = await list(store);
  assert.is(snapshots.length, 1, "none is taken before that one has arrived");
  await until(async () => (await run("receive", copy, "--token")).stdout.includes("msr1-"));
  const again = going(store, "--every", "1s", ...line);
  const first = await again.until(isSent);
  assert.ok(first.resumed && first.bytes < 8 * MIB, `${first.bytes}`);
  assert.is(first.snapshot, snapshots[0]!.name);
  await again.until(isSent, 2);
  await again.stop();
  assert.ok((await read(copy)).equals(await read(store)));
});

test("the other side is full, gets room, is wiped, and is not there for a while", async () => {
  const store = await newStore();
  const backup = newFolder();
  const copy = `${backup}/${store.split("/").at(-1)}`;
  await succeed("create", copy, "--size", `${SIZE}`, "--max-size", "4M", "--quiet");
  await succeedWith(pattern(6 * MIB, 1), "write", store, "--offset", "0", "--quiet");
  const side = going(store, "--every", "1s", "--to", backup);
  const full = await side.until(isFailed);
  assert.is(full.code, "NoSpace");
  await retried(["check", copy, "--quiet"]);
  await retried(["resize", copy, "--max-size", "64M", "--quiet"]);
  assert.ok((await side.until(isSent)).resumed);
  fs.renameSync(backup, `${backup}-away`);
  // It may have been in the middle of an exchange: then the file is what is missing.
  await side.until(({ code, message }) => code === "NotFound" && /no such folder/.test(message));
  fs.rmSync(`${backup}-away`, { recursive: true });
  fs.mkdirSync(backup);
  const whole = await side.until(({ type, from }) => type === "sent" && from === null, 2);
  assert.ok(whole.follows);
  await side.stop();
  assert.ok((await read(copy)).equals(await read(store)));
});

/** Another process may have the store open just now. */
async function retried(args: string[]): Promise<void> {
  for (let tries = 0; ; tries++) {
    const { code, stderr } = await run(...args);
    if (code === 0) return;
    assert.match(stderr, /^multisnap: Busy: /);
    assert.ok(tries < 50, stderr);
  }
}

test("gone different ways: refused at once, and nothing is lost", async () => {
  const [store, backup] = [await newStore(), newFolder()];
  const copy = `${backup}/${store.split("/").at(-1)}`;
  const first = await once(store, "--to", backup);
  const older = fs.readFileSync(store);
  await succeedWith(pattern(5000, 2), "write", store, "--offset", "0", "--quiet");
  const second = await once(store, "--to", backup);
  fs.writeFileSync(store, older);
  const before = fs.readFileSync(copy);
  const side = start("replicate", store, "--every", "1s", "--to", backup);
  const { code, stderr } = await finished(side);
  assert.is(code, 1, "it does not try that again");
  assert.match(stderr, new RegExp(`^multisnap: Invalid: .*@${second.snapshot}, which is not here`));
  assert.match(stderr, `--force goes on from @${first.snapshot}`);
  assert.ok(fs.readFileSync(copy).equals(before));
  // Names have seconds.
  await wait(1100);
  const forced = await once(store, "--to", backup, "--force");
  assert.is(forced.from, first.snapshot);
  assert.equal(
    (await list(copy)).map(({ name }) => name).sort(),
    [first.snapshot, second.snapshot, forced.snapshot].sort(),
  );
  // What both have is released and deleted by hand.
  const [reason] = (await list(store)).at(-1)!.holds;
  await succeed("release", store, forced.snapshot, "--reason", reason!, "--quiet");
  await succeed("delete", store, forced.snapshot, "--quiet");
  await refused("Invalid", "replicate", store, "--to", backup, "--once");
  assert.is((await once(store, "--to", backup, "--force")).from, first.snapshot);
});

test.run();
