/**
 * Served stores on file systems that are full: the writer gets ENOSPC, snapshots stay, deleting is
 * the way out, and a server that is killed there starts again.
 */
import fs from "node:fs";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fresh, json, pattern, succeed } from "../../cli/program.ts";
import { Random } from "../../model/prng.ts";
import { CMD, ERR, request } from "../../nbd/messages.ts";
import { RawClient } from "../../nbd/raw-client.ts";
import { testsUnless } from "../../needs.ts";
import { mountFile, mountMemory, unmount, whyNoMounts } from "../mounts.ts";
import { ask } from "../programs.ts";
import { type Served, serve } from "../served.ts";

const MIB = 2 ** 20;
const DISK_BYTES = 32 * MIB;
const CHUNK = 4096;
/** What a snapshot is to keep of the disk's beginning. */
const KEPT_BYTES = MIB;
const kept = pattern(KEPT_BYTES, 1);
const diskTest = testsUnless(await whyNoMounts());

const systems: [name: string, mount: () => Promise<string>][] = [
  ["tmpfs", async () => mountMemory(10 * MIB)],
  ["ext4", mountExt4],
];

const kinds: [kind: string, attached: boolean][] = [
  ["range", false],
  ["range", true],
  ["bitmap", true],
];

async function mountExt4(): Promise<string> {
  const image = fresh("ext4.img");
  fs.writeFileSync(image, "");
  fs.truncateSync(image, 14 * MIB);
  await ask("mkfs.ext4", ["-q", "-F", "-m", "0", "-O", "^has_journal", image]);
  return mountFile(image);
}

interface Disk {
  store: string;
  options: string[];
}

async function makeStore(folder: string, kind: string, attached: boolean): Promise<Disk> {
  const store = path.join(folder, "disk.msnap");
  if (!attached) {
    await succeed("create", store, "--size", String(DISK_BYTES), "--kind", kind);
    return { store, options: [] };
  }
  // On another file system, which has room.
  const origin = fresh("origin.raw");
  fs.writeFileSync(origin, pattern(DISK_BYTES, 2));
  await succeed("create", store, "--origin", origin, "--kind", kind);
  return { store, options: kind === "persistent" ? ["--origin", origin] : [] };
}

/** Writes chunks all over behind what is kept, until one fails: its error number; 0: none did. */
async function fill(client: RawClient, random: Random, attempts: number): Promise<number> {
  const chunks = (DISK_BYTES - KEPT_BYTES) / CHUNK;
  for (let i = 0; i < attempts; i++) {
    const offset = KEPT_BYTES + random.below(chunks) * CHUNK;
    const bytes = Buffer.from(random.bytes(CHUNK));
    const errno = await client.errorOf({ type: CMD.write, offset, length: CHUNK }, bytes);
    if (errno !== 0) return errno;
  }
  return 0;
}

let snapshots = 0;

/** Snapshots and writes until the file system is full. */
async function fillUp(served: Served, random: Random): Promise<void> {
  const client = await RawClient.open(served.socket);
  for (let round = 0; round < 60; round++) {
    if (round % 4 === 0) await served.snapshot(`r${++snapshots}`);
    const errno = await fill(client, random, 400);
    if (errno !== 0) {
      assert.is(errno, ERR.noSpace, "the writer gets ENOSPC");
      assert.is(await client.errorOf({ type: CMD.flush }), 0, "what was written can be flushed");
      client.close();
      return;
    }
  }
  throw new Error("it never became full");
}

async function keepsItsSnapshot({ socket }: Served): Promise<void> {
  const client = await RawClient.open(socket, "@kept");
  client.send(request({ type: CMD.read, length: KEPT_BYTES }));
  assert.is((await client.simple()).error, 0);
  assert.ok((await client.take(KEPT_BYTES)).equals(kept), "the snapshot is what it was");
  client.close();
}

async function mustBeSound({ store, options }: Disk): Promise<void> {
  const status = await json("status", store, ...options);
  assert.is(status.error, null);
  assert.is(status.readOnly, false);
}

async function storyOf(disk: Disk): Promise<void> {
  const random = new Random(4);
  let served = await serve(disk.store);
  const write = { type: CMD.write, offset: 0, length: KEPT_BYTES };
  const first = await RawClient.open(served.socket);
  assert.is(await first.errorOf(write, kept), 0);
  await served.snapshot("kept");
  await fillUp(served, random);
  await mustBeSound(disk);
  await keepsItsSnapshot(served);
  // Killed while it is full; and it starts again.
  await served.signal("SIGKILL");
  served = await serve(disk.store);
  await keepsItsSnapshot(served);
  const { snapshots } = (await json("list", disk.store)) as { snapshots: { name: string }[] };
  const names = snapshots.map(({ name }) => name).filter((name) => name !== "kept");
  await succeed("delete", disk.store, ...names, "--wait");
  const client = await RawClient.open(served.socket);
  assert.is(await fill(client, random, 20), 0, "after a delete writing goes on");
  assert.is(await client.errorOf({ type: CMD.flush }), 0);
  const trim = { type: CMD.trim, offset: KEPT_BYTES, length: 2 * MIB };
  assert.is(await client.errorOf(trim), 0);
  client.close();
  await fillUp(served, random);
  await keepsItsSnapshot(served);
  await served.stop();
  assert.is((await json("check", disk.store)).clean, true);
}

for (const [system, mount] of systems) {
  for (const [kind, attached] of system === "ext4" ? kinds.slice(0, 2) : kinds) {
    diskTest(`${system}: ${kind}, ${attached ? "attached" : "inline"}`, async () => {
      const folder = await mount();
      await storyOf(await makeStore(folder, kind, attached));
      await unmount(folder);
    });
  }

  diskTest(
    `${system}: persistent: the origin goes on, its snapshot is lost and says so`,
    async () => {
      const folder = await mount();
      const { store, options } = await makeStore(folder, "persistent", true);
      const served = await serve(store, ...options);
      const client = await RawClient.open(served.socket);
      assert.is(await fill(client, new Random(5), 8000), 0);
      assert.is(await client.errorOf({ type: CMD.flush }), 0);
      assert.is((await succeed("status", store, "--dm")).toString(), "Invalid\n");
      const snapshot = await RawClient.open(served.socket, "@cow");
      assert.is(await snapshot.errorOf({ type: CMD.read, length: CHUNK }), ERR.io);
      RawClient.closeAll();
      await served.stop();
      await unmount(folder);
    },
  );
}

test.after(() => RawClient.closeAll());
test.run();
