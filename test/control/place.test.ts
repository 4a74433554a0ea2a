/** Where the control socket is, who may use it, and what becomes of one that is there already. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { connectControl } from "../../src/control/client.ts";
import { serveControl } from "../../src/control/server.ts";
import { memoryDevice } from "../../src/devices/memory.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { Volume } from "../../src/volume/types.ts";
import { expectCode } from "../model/history.ts";
import { ANSWER, bytesOf, FAILURE, WELCOME } from "./raw.ts";
import { connect, folder, fresh } from "./served.ts";

const volume: Volume = await openVolume({ store: memoryDevice(), create: { size: 2 ** 20 } });
await volume.snapshot("one");

/** An empty file to serve beside: what is served is always the one volume. */
function storeAt(store: string): string {
  fs.mkdirSync(path.dirname(store), { recursive: true });
  fs.writeFileSync(store, "");
  return store;
}

async function reaches(store: string): Promise<void> {
  const remote = await connect(store);
  assert.ok(remote.has("one"));
  await remote.close();
}

/** A socket that nobody listens on, as a killed server leaves it. */
async function leaveSocket(file: string): Promise<void> {
  const script = `require("net").createServer().listen(${JSON.stringify(file)}, () => {
    console.log("ready");
  })`;
  const child = spawn(process.execPath, ["-e", script], { stdio: ["ignore", "pipe", "inherit"] });
  await once(child.stdout, "data");
  child.kill("SIGKILL");
  await once(child, "exit");
  assert.ok(fs.lstatSync(file).isSocket());
}

test("it lies beside the store, with mode 0600, and goes with the server", async () => {
  const store = storeAt(fresh());
  // Were the mode changed afterwards, it would be this one for a moment.
  const before = process.umask(0);
  const listening = serveControl(volume, store);
  assert.is(process.umask(before), 0, "the umask is as it was");
  const server = await listening;
  assert.is(server.path, `${store}.control`);
  assert.is(fs.statSync(server.path).mode & 0o777, 0o600);
  await reaches(store);
  await server.close();
  assert.not(fs.existsSync(server.path));
  assert.is(await connectControl(store), null);
});

test("the mode is there with the socket, not after it", async () => {
  const store = storeAt(fresh());
  const modes: number[] = [];
  const listen = net.Server.prototype.listen;
  net.Server.prototype.listen = function (this: net.Server, ...args: unknown[]) {
    Reflect.apply(listen, this, args);
    modes.push(fs.statSync(`${store}.control`).mode & 0o777);
    return this;
  } as typeof listen;
  try {
    await (await serveControl(volume, store)).close();
  } finally {
    net.Server.prototype.listen = listen;
  }
  assert.equal(modes, [0o600]);
});

test("symbolic links and roundabout paths lead to it", async () => {
  const store = storeAt(fresh("real/disk.msnap"));
  const link = fresh("link");
  fs.symlinkSync(store, link);
  const folderLink = fresh("folder-link");
  fs.symlinkSync(path.dirname(store), folderLink);
  const server = await serveControl(volume, link);
  try {
    const relative = path.relative(process.cwd(), store);
    for (const way of [store, link, path.join(folderLink, "disk.msnap"), relative]) {
      await reaches(way);
    }
  } finally {
    await server.close();
  }
});

const longPaths = {
  "a long path": path.join("d".repeat(200), "e".repeat(200), "disk.msnap"),
  "a long name": `${"n".repeat(240)}.msnap`,
  "a long name of many bytes": `${"ü".repeat(120)}.msnap`,
  "a long name in a long path": path.join("d".repeat(200), `${"n".repeat(240)}.msnap`),
};
for (const [what, name] of Object.entries(longPaths)) {
  const check = async () => {
    const store = storeAt(path.join(fresh("long"), name));
    const before = fs.readdirSync("/proc/self/fd").length;
    const server = await serveControl(volume, store);
    assert.is(fs.statSync(server.path).mode & 0o777, 0o600);
    assert.is(path.dirname(server.path), path.dirname(fs.realpathSync(store)));
    await reaches(store);
    await expectCode("Busy", serveControl(volume, store));
    await server.close();
    assert.not(fs.existsSync(server.path));
    assert.is(await connectControl(store), null);
    await leaveNothingOpen(before);
  };
  if (process.platform === "linux") test(`${what} works`, check);
  else test.skip(`${what} works: only on Linux, through /proc`, check);
}

/** Sockets close a turn later. */
async function leaveNothingOpen(before: number): Promise<void> {
  for (let turn = 0; turn < 1000; turn++) {
    if (fs.readdirSync("/proc/self/fd").length <= before) return;
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.is(fs.readdirSync("/proc/self/fd").length, before, "descriptors are left open");
}

test("one that a dead server left is replaced", async () => {
  const store = storeAt(fresh());
  await leaveSocket(`${store}.control`);
  assert.is(await connectControl(store), null, "nobody is there");
  const server = await serveControl(volume, store);
  assert.is(fs.statSync(server.path).mode & 0o777, 0o600);
  await reaches(store);
  await server.close();
});

test("that of a live server is not: Busy", async () => {
  const store = storeAt(fresh());
  const server = await serveControl(volume, store);
  await expectCode("Busy", serveControl(volume, store));
  await reaches(store);
  await server.close();
  await (await serveControl(volume, store)).close();
});

/** Something that listens where the server should, and answers everybody the same. */
async function impostor(answer: (socket: net.Socket) => void): Promise<string> {
  const store = storeAt(fresh());
  const server = net.createServer((socket) => {
    socket.on("error", () => {});
    answer(socket);
  });
  server.listen(`${store}.control`);
  await once(server, "listening");
  impostors.push(server);
  return store;
}
const impostors: net.Server[] = [];
test.after(() => {
  for (const server of impostors) server.close();
});

test("a server that hangs up without a word is as good as none", async () => {
  assert.is(await connectControl(await impostor((socket) => socket.end())), null);
  assert.is(await connectControl(await impostor((socket) => socket.destroy())), null);
  const half = bytesOf(0, WELCOME, 0, { version: 1 }).subarray(0, 30);
  assert.is(await connectControl(await impostor((socket) => socket.end(half))), null);
});

test("a server of other versions is Unsupported, anything else Invalid", async () => {
  const failure = bytesOf(0, FAILURE, 0, { code: "Unsupported", message: "2 only" });
  for (const [code, bytes] of [
    ["Unsupported", failure],
    ["Invalid", Buffer.from("HTTP/1.1 200 OK\r\n\r\nhello, you there\r\n")],
    ["Invalid", bytesOf(0, WELCOME, 0, { version: 2 })],
    ["Invalid", bytesOf(0, ANSWER, 0, { version: 1 })],
  ] as const) {
    const store = await impostor((socket) => socket.write(bytes));
    await expectCode(code, connectControl(store));
  }
});

test("what is no socket stays as it is", async () => {
  const store = storeAt(fresh());
  fs.writeFileSync(`${store}.control`, "mine");
  await expectCode("Exists", serveControl(volume, store));
  assert.is(await connectControl(store), null);
  assert.is(fs.readFileSync(`${store}.control`, "utf8"), "mine");
});

test("without a folder to put it into it fails, and says where", async () => {
  await expectCode("NotFound", serveControl(volume, path.join(folder, "none", "disk.msnap")));
});

const asRoot = process.getuid?.() === 0;
const strangers = async () => {
  const store = storeAt(fresh());
  const server = await serveControl(volume, store);
  try {
    fs.chownSync(server.path, 12345, 12345);
    await expectCode("Invalid", connectControl(store));
    fs.chownSync(store, 12345, 12345);
    await reaches(store);
  } finally {
    await server.close();
  }
};
if (asRoot) test("a stranger's socket is not trusted, the owner's is", strangers);
else test.skip("a stranger's socket is not trusted: needs root, to make one", strangers);

test.run();
