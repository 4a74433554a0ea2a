/**
 * A store that prunes while it is served: what a client has open, over NBD or over the control
 * socket, stays; ENOSPC only when nothing can go.
 */
import fs from "node:fs";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import type { RemoteVolume } from "../../src/connect/remote-volume.ts";
import { memoryDevice } from "../../src/devices/memory.ts";
import { type NbdServer, serveNbd } from "../../src/nbd/server.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { OpenOptions, Volume } from "../../src/volume/types.ts";
import { closeAll, connect, fresh, served } from "../control/served.ts";
import { mustBeClean, mustHold } from "../model/fixture.ts";
import { expectCode } from "../model/history.ts";
import { CMD, ERR, infoData, OPT, writeRequest } from "../nbd/messages.ts";
import { RawClient } from "../nbd/raw-client.ts";
import { freshSocket, until } from "../nbd/served.ts";

const SIZE = 2 ** 20;
const PIECE = SIZE / 4;

interface World {
  volume: Volume;
  nbd: NbdServer;
  socket: string;
  store: string;
  close(): Promise<void>;
}

/** Has the snapshots tmp-0, tmp-1 and keep, each with a quarter of the volume as its own. */
async function world(options: Partial<OpenOptions> = {}): Promise<World> {
  const volume = await openVolume({
    store: memoryDevice({ size: 4.5 * 2 ** 20 }),
    create: { size: SIZE, victims: "tmp-*" },
    ...options,
  });
  const [socket, store] = [freshSocket(), storeFile()];
  const nbd = await serveNbd(volume, { socket });
  const control = await served(volume, store);
  for (let at = 0; at < SIZE; at += PIECE) await volume.origin.write(at, filled(9));
  for (const name of ["tmp-0", "tmp-1", "keep"]) {
    await volume.snapshot(name);
    await volume.origin.write(0, filled(name.length));
  }
  const close = async () => {
    RawClient.closeAll();
    await nbd.close();
    await mustBeClean(volume);
    await control.close();
  };
  return { volume, nbd, socket, store, close };
}

function filled(byte: number, length = PIECE): Buffer {
  return Buffer.alloc(length, byte);
}

/** Where a server would find a store. */
function storeFile(): string {
  const store = fresh();
  fs.writeFileSync(store, "");
  return store;
}

const names = ({ snapshots }: Volume) => snapshots.map(({ name }) => name as string);

/** Writes to the origin, with a snapshot that stays before each: how the first that fails ends. */
async function press(client: RawClient, volume: Volume): Promise<number> {
  for (let i = 0; i < 40; i++) {
    if (i % 4 === 0) {
      const code = await volume.snapshot(`more-${volume.snapshots.length}-${i}`).then(
        () => 0,
        (error) => error.code,
      );
      if (code !== 0) return ERR.noSpace;
    }
    const bytes = filled(i);
    client.send(writeRequest((i % 4) * PIECE, bytes));
    const { error } = await client.simple();
    if (error !== 0) return error;
  }
  throw new Error("the store never became full");
}

const nbd = suite("victims of a served store: NBD");

nbd("an export that a client has open stays until it has gone", async () => {
  const { volume, nbd, socket, close } = await world();
  const reader = await RawClient.open(socket, "@tmp-0");
  const writer = await RawClient.open(socket);
  assert.is(await press(writer, volume), ERR.noSpace);
  assert.ok(volume.has("tmp-0") && volume.has("keep"));
  assert.not.ok(volume.has("tmp-1"));
  assert.is(await reader.errorOf({ type: CMD.read, offset: 0, length: 4096 }), 0);
  assert.equal(await reader.take(4096), filled(9, 4096));
  await reader.errorOf({ type: CMD.flush });
  reader.close();
  await until(() => nbd.live().connections === 1, "it has gone");
  assert.is(await press(writer, volume), ERR.noSpace);
  assert.not.ok(volume.has("tmp-0"));
  assert.is(volume.status().counters.pruned, 2);
  writer.close();
  await close();
});

nbd("so does one that is only compared with", async () => {
  const { volume, socket, close } = await world();
  const contexts = ["base:allocation", "multisnap:diff:tmp-0"];
  const reader = await RawClient.open(socket, "@keep", { structured: true, contexts });
  const writer = await RawClient.open(socket);
  assert.is(await press(writer, volume), ERR.noSpace);
  assert.ok(volume.has("tmp-0"));
  reader.close();
  await close();
});

nbd("a client that asks for an export and leaves holds nothing", async () => {
  const { volume, nbd, socket, close } = await world();
  for (let i = 0; i < 5; i++) {
    const client = await RawClient.greet(socket);
    await client.askAll(OPT.info, infoData("@tmp-0"));
    if (i % 2 === 0) await client.askAll(OPT.go, infoData("@tmp-1"));
    client.close();
  }
  await until(() => nbd.live().connections === 0, "they have gone");
  const writer = await RawClient.open(socket);
  assert.is(await press(writer, volume), ERR.noSpace);
  assert.equal(
    names(volume).filter((name) => name.startsWith("tmp-")),
    [],
  );
  await close();
});

nbd("a snapshot that is written over NBD is not what goes for it", async () => {
  const { volume, socket, close } = await world();
  const writer = await RawClient.open(socket, "@tmp-0");
  let error = 0;
  for (let i = 0; error === 0 && i < 8; i++) {
    writer.send(writeRequest((i % 4) * PIECE, filled(i)));
    error = (await writer.simple()).error;
    await volume.origin.write((i % 4) * PIECE, filled(i)).catch(() => {});
    await volume.snapshot(`more-${i}`).catch(() => {});
  }
  assert.ok(volume.has("tmp-0"));
  assert.not.ok(volume.has("tmp-1"));
  await close();
});

nbd("without victims a full store is ENOSPC, and nobody goes", async () => {
  const { volume, socket, close } = await world({ victims: "" });
  const writer = await RawClient.open(socket);
  assert.is(await press(writer, volume), ERR.noSpace);
  assert.equal(names(volume).slice(0, 3), ["tmp-0", "tmp-1", "keep"]);
  assert.is(volume.status().pruned, null);
  await close();
});
nbd.run();

const control = suite("victims of a served store: the control socket");

/** As `press`, through the control socket. */
async function pressRemote(remote: RemoteVolume): Promise<{ code: string; message: string }> {
  try {
    for (let i = 0; i < 40; i++) {
      if (i % 4 === 0) await remote.snapshot(`more-${remote.status().counters.writes}-${i}`);
      await remote.origin.write((i % 4) * PIECE, filled(i));
    }
  } catch (error) {
    return error as { code: string; message: string };
  }
  throw new Error("the store never became full");
}

control("what a client holds stays; status says what went", async () => {
  const { volume, store, close } = await world();
  const [writer, reader] = [await connect(store), await connect(store)];
  const view = reader.get("tmp-0");
  const holds = [view.hold(), view.hold()];
  await view.read(0, Buffer.alloc(10));
  const { code, message } = await pressRemote(writer);
  assert.is(code, "NoSpace");
  assert.match(message, /1 victim is in use/);
  await mustHold(view, 0, filled(9));
  holds[0]?.release();
  holds[0]?.release();
  assert.is((await pressRemote(writer)).code, "NoSpace");
  assert.ok(volume.has("tmp-0"));
  holds[1]?.release();
  await reader.flush();
  await writer.origin.write(0, filled(2, 8192));
  assert.not.ok(volume.has("tmp-0"));
  await expectCode("NotFound", view.read(0, Buffer.alloc(1)));
  await reader.refresh();
  assert.throws(() => view.hold(), /deleted/);
  const { victims, preserveOnError, pruned } = reader.status();
  assert.equal([victims, preserveOnError], ["tmp-*", true]);
  assert.equal(
    pruned?.last.map(({ name }) => name),
    ["tmp-1", "tmp-0"],
  );
  await Promise.all([writer.close(), reader.close()]);
  await close();
});

control("a connection that ends releases what it holds", async () => {
  const { volume, store, close } = await world();
  const [writer, reader] = [await connect(store), await connect(store)];
  reader.get("tmp-0").hold();
  await reader.flush();
  assert.is((await pressRemote(writer)).code, "NoSpace");
  assert.ok(volume.has("tmp-0"));
  await reader.close();
  const press = async () => {
    await pressRemote(writer);
    return !volume.has("tmp-0");
  };
  let isGone = false;
  for (let i = 0; i < 100 && !isGone; i++) isGone = await press();
  assert.ok(isGone);
  await writer.close();
  await close();
});

control("a client holds a bounded number of views", async () => {
  const volume = await openVolume({ store: memoryDevice(), create: { size: SIZE } });
  const store = storeFile();
  const server = await served(volume, store);
  for (let i = 0; i < 257; i++) await volume.snapshot(`s${i}`);
  const remote = await connect(store);
  const holds = remote.snapshots.slice(0, 256).map((view) => view.hold());
  const [last] = remote.snapshots.slice(-1);
  assert.throws(() => last?.hold(), /at most 256 views/);
  holds[0]?.release();
  last?.hold();
  await remote.flush();
  const head = { view: { id: remote.snapshots[0]?.id, name: "s0" } };
  await expectCode("Invalid", remote.request("hold", head));
  await remote.close();
  await server.close();
});

control("a connected client's views and the server's are the same to a cloned range", async () => {
  const { volume, store, close } = await world();
  const remote = await connect(store);
  await remote.origin.cloneFrom(remote.get("tmp-0"), 0, SIZE);
  await mustHold(volume.origin, 0, filled(9, SIZE));
  await remote.close();
  await close();
});
control.run();

const end = suite("the end");
end("nothing is left open", closeAll);
end.run();
