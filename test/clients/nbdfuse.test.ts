/**
 * An ext4 on a served disk, mounted and in use while a snapshot of the disk is taken from another
 * process; the snapshot's file system has the files of that instant.
 */
import fs from "node:fs";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fresh, succeed } from "../cli/program.ts";
import { Random } from "../model/prng.ts";
import { testsUnless } from "../needs.ts";
import { fuse, mountFile, unmount, whyNoMounts } from "./mounts.ts";
import { ask } from "./programs.ts";
import { endsWell, serveNew } from "./served.ts";

const FILES = 60;
const random = new Random(41);
const mountTest = testsUnless(await whyNoMounts());

const served = await serveNew("128M");
/** What is in the files, by name. */
const now = new Map<string, Uint8Array>();
let then = new Map<string, Uint8Array>();
/** The disk as a file, and where its file system is mounted. */
let disk = "";
let root = "";

async function write(name: string, bytes: Uint8Array): Promise<void> {
  await fs.promises.mkdir(path.dirname(path.join(root, name)), { recursive: true });
  await fs.promises.writeFile(path.join(root, name), bytes);
  now.set(name, bytes);
}

/** Every file is there as it should be. */
function holds(folder: string, files: Map<string, Uint8Array>): void {
  for (const [name, bytes] of files) {
    assert.ok(fs.readFileSync(path.join(folder, name)).equals(bytes), name);
  }
}

mountTest("an ext4 is made and used on a served disk", async () => {
  disk = await fuse(served.uri());
  await ask("mkfs.ext4", ["-q", "-F", disk]);
  root = mountFile(disk);
  for (let i = 0; i < FILES; i++) {
    await write(`folder ${i % 7}/file ${i}`, random.bytes(random.between(0, 200_000)));
  }
  await ask("sync", ["-f", root]);
  holds(root, now);
});

mountTest("a snapshot is taken from another process, while files are written", async () => {
  then = new Map(now);
  let writing = true;
  const rewrite = async () => {
    for (let i = 0; writing || i < 40; i++) {
      await write(`later ${i % 40}`, random.bytes(50_000));
      if (i % 5 === 0) await ask("sync", ["-f", root]);
    }
  };
  const snapshot = async () => {
    await sleep(200);
    await served.snapshot("nightly");
    await served.snapshot("frozen", "--read-only");
    writing = false;
  };
  await Promise.all([rewrite(), snapshot()]);
  for (let i = 0; i < FILES; i += 2) await write(`folder ${i % 7}/file ${i}`, random.bytes(70_000));
  for (let i = 1; i < FILES; i += 4) {
    fs.rmSync(path.join(root, `folder ${i % 7}/file ${i}`));
    now.delete(`folder ${i % 7}/file ${i}`);
  }
  await ask("sync", ["-f", root]);
  holds(root, now);
});

mountTest("the snapshot's file system is mounted read-only, beside the origin's", async () => {
  // Its journal wants to be replayed, which a writable snapshot allows.
  const file = await fuse(served.uri("@nightly"));
  const folder = mountFile(file, "ro");
  holds(folder, then);
  assert.throws(() => fs.writeFileSync(path.join(folder, "new"), ""), /EROFS/);
  holds(root, now);
  await unmount(folder);
  await ask("e2fsck", ["-f", "-n", file]);
  await unmount(path.dirname(file));
});

mountTest("a read-only snapshot is not written, not even to replay; a fork of it is", async () => {
  const frozen = await fuse(served.uri("@frozen"), "--readonly");
  assert.throws(() => mountFile(frozen, "ro"), /read-only|superblock/);
  const bare = mountFile(frozen, "ro", "noload");
  assert.ok(fs.existsSync(path.join(bare, "folder 0")));
  await unmount(bare);
  await unmount(path.dirname(frozen));

  await served.snapshot("fork", "--of", "frozen");
  const file = await fuse(served.uri("@fork"));
  const folder = mountFile(file);
  holds(folder, then);
  fs.writeFileSync(path.join(folder, "of the fork"), "only here");
  await unmount(folder);
  await ask("e2fsck", ["-f", "-n", file]);
  await unmount(path.dirname(file));
  assert.not.ok(fs.existsSync(path.join(root, "of the fork")));
});

mountTest("in the end all of them are file systems without a fault", async () => {
  holds(root, now);
  await unmount(root);
  await unmount(path.dirname(disk));
  for (const name of ["", "@nightly", "@fork"]) {
    const image = fresh("image");
    await succeed("export", `${served.store}${name}`, image);
    await ask("e2fsck", ["-f", "-n", image]);
  }
});

endsWell(served);
test.run();
