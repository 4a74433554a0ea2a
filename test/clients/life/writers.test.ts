/**
 * Two writers of one store: the second is told `Busy` at once, whichever way it comes, and changes
 * nothing; what a killed one left behind is in nobody's way.
 */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fileDevice } from "../../../src/devices/file.ts";
import { openVolume } from "../../../src/volume/open/open.ts";
import { digest, fresh, json, refused, succeed, succeedWith } from "../../cli/program.ts";
import { errorOf } from "../../faults/story.ts";
import { refusedToServe, serve } from "../served.ts";

const MIB = 2 ** 20;

async function newStore(...options: string[]): Promise<string> {
  const store = fresh("disk.msnap");
  await succeed("create", store, ...(options.length > 0 ? options : ["--size", "8M"]));
  return store;
}

function rawImage(): string {
  const image = fresh("image.raw");
  fs.writeFileSync(image, Buffer.alloc(MIB, 3));
  return image;
}

/** Every command that opens a store for writing, and those that read it. */
function commandsOn(store: string): string[][] {
  return [
    ["snapshot", store, "t"],
    ["write", store, "--offset", "0"],
    ["delete", store, "s"],
    ["rename", store, "s", "t"],
    ["list", store],
    ["read", store, "--offset", "0", "--length", "1"],
    ["status", store],
  ];
}

test("the library, twice in one process", async () => {
  const file = fresh("disk.msnap");
  const volume = await openVolume({ store: await fileDevice(file), create: { size: MIB } });
  assert.is((await errorOf(fileDevice(file)))?.code, "Busy");
  assert.is((await errorOf(fileDevice(file, { readOnly: true })))?.code, "Busy");
  await volume.close();
  await (await openVolume({ store: await fileDevice(file) })).close();
});

test("commands beside a process that has the store open and serves nobody", async () => {
  const store = await newStore();
  await succeed("snapshot", store, "s");
  const volume = await openVolume({ store: await fileDevice(store) });
  const before = digest(store);
  for (const command of commandsOn(store)) await refused("Busy", ...command);
  await refusedToServe("Busy", store, "--socket", fresh("socket"));
  assert.is(digest(store), before);
  await volume.close();
  await succeed("snapshot", store, "t");
});

test("commands beside a server that cannot be reached: its control socket is gone", async () => {
  const store = await newStore();
  await using served = await serve(store);
  await succeed("snapshot", store, "s");
  fs.rmSync(`${fs.realpathSync(store)}.control`);
  for (const command of commandsOn(store)) await refused("Busy", ...command);
  await refusedToServe("Busy", store, "--socket", fresh("socket"));
  await served.signal("SIGKILL");
  assert.is((await json("check", store)).clean, true);
});

test("two stores on one attached origin; and two on one base, which nobody writes", async () => {
  const image = rawImage();
  const first = await newStore("--origin", image);
  const second = await newStore("--origin", image);
  await using served = await serve(first);
  await refused("Busy", "write", second, "--offset", "0");
  await refusedToServe("Busy", second, "--socket", fresh("socket"));
  await refused("Busy", "create", fresh("third.msnap"), "--origin", image);
  await served.stop();

  const base = rawImage();
  const [one, other] = [await newStore("--base", base), await newStore("--base", base)];
  await using running = await serve(one);
  await succeedWith(Buffer.from("mine"), "write", other, "--offset", "0");
  await running.stop();
  assert.ok(fs.readFileSync(base).equals(Buffer.alloc(MIB, 3)));
});

test("after kill -9 its sockets are there still, and no lock: the next one comes in", async () => {
  const store = await newStore();
  const killed = await serve(store);
  await killed.signal("SIGKILL");
  const control = `${fs.realpathSync(store)}.control`;
  assert.ok(fs.existsSync(killed.socket) && fs.existsSync(control));
  // A command finds nobody behind the socket, and opens the store itself.
  await succeed("snapshot", store, "s");
  await using next = await serve(store, "--quiet");
  await succeed("snapshot", store, "t");
  await next.stop();
  assert.not.ok(fs.existsSync(control));
  const { snapshots } = (await json("list", store)) as { snapshots: { name: string }[] };
  assert.equal(
    snapshots.map(({ name }) => name),
    ["s", "t"],
  );
});

test.run();
