/** `serve`: its options, and rolling snapshots of a process that is killed and started again. */
import fs from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { listensOn, serveOn } from "../clients/served.ts";
import { failed, fresh, json, refused, run, succeed, wrongUsage } from "./program.ts";

const HANG_MS = 60_000;
const hasIpv6 = await listensOn("::1");

async function newStore(): Promise<string> {
  const store = fresh("disk.msnap");
  await succeed("create", store, "--size", "4M", "--quiet");
  return store;
}

/** Names that the schedule gave. */
async function autos(store: string): Promise<string[]> {
  const { snapshots } = (await json("list", store)) as { snapshots: { name: string }[] };
  return snapshots.map(({ name }) => name).filter((name) => name.startsWith("auto-"));
}

async function until(what: string, isSo: () => Promise<boolean>): Promise<void> {
  for (const began = performance.now(); !(await isSo()); await sleep(100)) {
    if (performance.now() - began > HANG_MS) throw new Error(`hangs: ${what}`);
  }
}

test("options that do not go together", async () => {
  const store = await newStore();
  const socket = fresh("sock");
  await wrongUsage("serve");
  await wrongUsage("serve", store, "--socket", socket, "--listen", "1");
  await wrongUsage("serve", store, "--socket", "");
  for (const where of ["host", "host:port", "1:2:3", ":65536", "-1", ""]) {
    await wrongUsage("serve", store, "--listen", where);
  }
  await wrongUsage("serve", store, "--socket", socket, "--tls-cert", "a");
  await wrongUsage("serve", store, "--socket", socket, "--tls-ca", "a");
  await wrongUsage("serve", store, "--socket", socket, "--keep", "3x1s");
  await wrongUsage("serve", store, "--socket", socket, "--every", "0s");
  await wrongUsage("serve", store, "--socket", socket, "--every", "5");
  await wrongUsage("serve", store, "--socket", socket, "--every", "5m", "--keep", "3x");
  await wrongUsage("serve", store, "--socket", socket, "--every", "5m", "--read-only");
  await wrongUsage("serve", store, "--keep-dry-run");
  assert.not(fs.existsSync(socket));
});

test("what cannot be served is said, and the store is as it was", async () => {
  const store = await newStore();
  const file = fresh("file");
  fs.writeFileSync(file, "not a socket");
  await refused("Exists", "serve", store, "--socket", file);
  await refused("NotFound", "serve", fresh("none"), "--socket", fresh("sock"));
  await refused("NotFound", "serve", store, "--socket", `${fresh("none")}/sock`);
  const tls = ["--tls-cert", fresh("none"), "--tls-key", fresh("none")];
  await refused("NotFound", "serve", store, "--socket", fresh("sock"), ...tls);
  const garbage = ["--tls-cert", file, "--tls-key", file];
  await refused("Invalid", "serve", store, "--socket", fresh("sock"), ...garbage);
  const taken = await run("serve", store, "--listen", "192.0.2.1:1");
  failed(taken, 1, ["Io"], "an address that is not ours");
  assert.is(fs.readFileSync(file, "utf8"), "not a socket");
  await succeed("check", store, "--quiet");
});

test("the ready line: of a Unix socket, of a port, as JSON", async () => {
  const store = await newStore();
  const socket = fresh("a sock&et");
  for (const [args, expected] of [
    [["--socket", socket], /^ready nbd\+unix:\/\/\/\?socket=\/.*a%20sock%26et$/],
    [["--listen", "0"], /^ready nbd:\/\/127\.0\.0\.1:[1-9]\d*\/$/],
    [["--listen", "[::1]:0"], /^ready nbd:\/\/\[::1\]:[1-9]\d*\/$/],
    [["--listen", "127.0.0.1:0", "--json"], /^\{"ready":"nbd:\/\/127\.0\.0\.1:[1-9]\d*\/"\}$/],
  ] as const) {
    if (args.join().includes("::1") && !hasIpv6) continue;
    await using served = await serveOn(store, socket, ...args);
    assert.match(served.ready, expected);
    if (args[1] === socket) assert.is(fs.statSync(socket).mode & 0o777, 0o600);
    const { code, stderr } = await served.signal("SIGTERM");
    assert.is(stderr, "");
    assert.is(code, 0);
  }
  assert.not(fs.existsSync(socket));
});

test("rolling snapshots go on after a kill, and old ones go", async () => {
  const store = await newStore();
  const args = ["--listen", "0", "--every", "1s", "--keep", "3x1s"];
  await using before = await serveOn(store, "", ...args);
  await succeed("snapshot", store, "mine", "--quiet");
  await until("the first snapshots", async () => (await autos(store)).length >= 2);
  await before.signal("SIGKILL");
  const [oldest] = await autos(store);
  await using after = await serveOn(store, "", ...args);
  await until("the oldest goes", async () => !(await autos(store)).includes(oldest ?? ""));
  const { server } = (await json("status", store)) as { server: { rolling: { taken: number } } };
  assert.ok(server.rolling.taken > 0);
  const dry = await json("serve", store, "--keep", "1x1s", "--keep-dry-run");
  const { snapshots } = dry as { snapshots: { name: string; keep: boolean; why: string[] }[] };
  assert.is(snapshots.filter(({ keep, name }) => keep && name !== "mine").length, 1);
  assert.equal(snapshots.find(({ name }) => name === "mine")?.why, ["not made by the schedule"]);
  assert.is((await after.signal("SIGINT")).code, 0);
  assert.is((await autos(store)).length, 3);
  await succeed("check", store, "--quiet");
});

test.run();
