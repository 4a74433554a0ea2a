/** The life of a server: what it says, where it listens, who else may, and how it leaves. */
import fs from "node:fs";
import net from "node:net";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { failed, fresh, json, refused, run, succeed, succeedWith } from "../../cli/program.ts";
import { testsUnless, testsWith } from "../../needs.ts";
import { runScript } from "../libnbd/nbdsh.ts";
import { ask } from "../programs.ts";
import { listensOn, refusedToServe, type Served, serve, serveOn } from "../served.ts";

const nbdinfoTest = testsWith("nbdinfo");
const nbdshTest = testsWith("nbdsh");
const ipv6Test = (await listensOn("::1"))
  ? nbdinfoTest
  : testsUnless("nothing can listen on ::1 here");
const store = await newStore();

async function newStore(size = "64M"): Promise<string> {
  const path = fresh("disk.msnap");
  await succeed("create", path, "--size", size);
  return path;
}

function controlSocket(): string {
  return `${fs.realpathSync(store)}.control`;
}

async function isGood(uri: string): Promise<void> {
  assert.is(await ask("nbdinfo", ["--size", uri]), `${64 * 2 ** 20}\n`);
}

nbdinfoTest("a Unix socket: the ready line, mode 0600, and nothing left of it", async () => {
  const socket = fresh("socket");
  await using served = await serveOn(store, socket, "--socket", socket);
  assert.is(served.ready, `ready nbd+unix:///?socket=${socket}`);
  for (const file of [socket, controlSocket()]) {
    const { mode } = fs.statSync(file);
    assert.is((mode & 0o777).toString(8), "600", file);
  }
  await isGood(served.ready.replace("ready ", ""));
  await served.stop();
  assert.not.ok(fs.existsSync(controlSocket()));
});

nbdinfoTest("a path that a URI has to escape", async () => {
  const socket = fresh("a b&c%d=é#e");
  await using served = await serveOn(store, socket, "--socket", socket);
  assert.match(served.ready, /^ready nbd\+unix:\/\/\/\?socket=[!-~]+$/);
  await isGood(served.ready.replace("ready ", ""));
  await served.stop();
});

nbdinfoTest("TCP: any port that is free, and what the ready line says is true", async () => {
  for (const [listen, host] of [
    ["127.0.0.1:0", "127.0.0.1"],
    ["localhost:0", "localhost"],
    [":0", "127.0.0.1"],
    ["0", "127.0.0.1"],
  ] as const) {
    await using served = await serveOn(store, "", "--listen", listen);
    const [, named, port] = /^ready nbd:\/\/([^:]+):([1-9]\d*)\/$/.exec(served.ready) ?? [];
    assert.is(named, host);
    assert.ok(Number(port) > 0, served.ready);
    await isGood(served.ready.replace("ready ", ""));
    await refusedToServe("Busy", await newStore(), "--listen", `${host}:${port}`);
    await served.stop();
  }
});

ipv6Test("IPv6", async () => {
  await using served = await serveOn(store, "", "--listen", "[::1]:0");
  assert.match(served.ready, /^ready nbd:\/\/\[::1\]:[1-9]\d*\/$/);
  await isGood(served.ready.replace("ready ", ""));
  await served.stop();
});

test("--json: one document, and no other output", async () => {
  const socket = fresh("socket");
  await using served = await serveOn(store, socket, "--socket", socket, "--json");
  assert.equal(JSON.parse(served.ready), { ready: `nbd+unix:///?socket=${socket}` });
  await served.stop();
});

nbdinfoTest(
  "a second server gets Busy: of the store, and on the socket; the first lives",
  async () => {
    await using served = await serve(store);
    await refusedToServe("Busy", store, "--socket", fresh("socket"));
    await refusedToServe("Busy", store, "--socket", served.socket);
    await refusedToServe("Busy", await newStore(), "--socket", served.socket);
    await isGood(served.uri());
    await succeed("status", store);
    await served.stop();
  },
);

test("what is no socket is not replaced", async () => {
  const file = fresh("precious");
  fs.writeFileSync(file, "precious");
  await refusedToServe("Exists", store, "--socket", file);
  assert.is(fs.readFileSync(file, "utf8"), "precious");
  await refusedToServe("NotFound", store, "--socket", `${fresh("nowhere")}/socket`);
  await refusedToServe("NotFound", fresh("no-store"), "--socket", fresh("socket"));
  failed(await run("serve", store, "--socket", "a", "--listen", "0"), 2, ["Invalid"], "both");
});

nbdshTest("SIGTERM and SIGINT: what was taken up is answered, then it leaves", async () => {
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    await using served = await serve(store);
    await runScript(served, 4096, LEAVING, {
      env: { SERVER: String(served.pid), SIGNAL: signal },
    });
    const { code, stderr } = await served.end;
    assert.is(stderr, "");
    assert.is(code, 0);
    assert.not.ok(fs.existsSync(served.socket));
    await leftWell(signal);
  }
});

/** Requests are in flight when the signal comes; the slow one was taken up for certain. */
const LEAVING = `
import signal
h, quiet = connect(), connect()
data = bytes([len(os.environ["SIGNAL"])]) * MIB
h.aio_zero(48 * MIB, 0, ended, NO_HOLE)
h.aio_pwrite(data, 50 * MIB, ended)
# An answer to what came after it: both are in the server's hands.
h.pread(1, 0)
assert h.aio_in_flight() > 0, "the slow request was not slow"
os.kill(int(os.environ["SERVER"]), getattr(signal, os.environ["SIGNAL"]))
drain(h)
# Whoever has nothing in flight is let go.
try:
    while True:
        quiet.pread(1, 0)
except nbd.Error:
    pass
`;

async function leftWell(signal: string): Promise<void> {
  const args = ["--offset", "50M", "--length", "1M"];
  const bytes = await succeed("read", store, ...args);
  assert.ok(bytes.every((byte) => byte === signal.length));
  assert.is((await json("check", store)).clean, true);
  await succeedWith(Buffer.alloc(2 ** 20), "write", store, "--offset", "50M");
}

test("a client that says nothing does not keep the server from leaving", async () => {
  await using served = await serve(store);
  const socket = await silentClient(served);
  await served.stop();
  socket.destroy();
  assert.is((await json("check", store)).clean, true);
});

/** Comes in, and never says another word. */
async function silentClient(served: Served): Promise<net.Socket> {
  const socket = net.connect(served.socket).on("error", () => {});
  await new Promise((resolve) => socket.once("readable", resolve));
  return socket;
}

test("a store that is served has no other user than through the server", async () => {
  await using served = await serve(store);
  await succeedWith(Buffer.from("through"), "write", store, "--offset", "0");
  assert.is((await succeed("read", store, "--offset", "0", "--length", "7")).toString(), "through");
  await refused("Busy", "create", store, "--size", "1M");
  await served.stop();
});

test.run();
