/** A store whose base is an image on a web server, from the command line. */
import type { ChildProcess } from "node:child_process";
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { ImageServer } from "../devices/http-server.ts";
import { finished, fresh, json, pattern, refused, start, succeed, succeedWith } from "./program.ts";

const MIB = 2 ** 20;
const image = pattern(3 * MIB, 5);

async function served(body: (server: ImageServer, store: string) => Promise<void>): Promise<void> {
  const server = await new ImageServer(image).listen();
  try {
    await body(server, fresh("store.msnap"));
  } finally {
    await server.close();
  }
}

test("create, read, write, snapshot, export: the store knows its URL", async () => {
  await served(async (server, store) => {
    const made = await json("create", store, "--base", `${server.url}?token=x`);
    assert.is(made.size, 3 * MIB);
    assert.is(made.originMode, "base");
    const status = await json("status", store);
    assert.is(status.basePath, `${server.url}?token=x#etag=%22v1%22`);
    await succeedWith(Buffer.from("hello"), "write", store, "--offset", "1M");
    await succeed("snapshot", store, "first");
    await succeedWith(Buffer.from("world"), "write", store, "--offset", "2M");
    const read = await succeed("read", `${store}@first`, "--offset", "1M", "--length", "2M");
    const expected = Buffer.from(image);
    expected.write("hello", MIB);
    assert.ok(read.equals(expected.subarray(MIB)));
    const exported = fresh("out.raw");
    await succeed("export", store, exported);
    expected.write("world", 2 * MIB);
    assert.ok(fs.readFileSync(exported).equals(expected));
    await succeed("check", store);
    await succeed("list", store, "--base", server.url);
  });
});

test("an image that has changed is refused, and a file that was made for it is gone", async () => {
  await served(async (server, store) => {
    await succeed("create", store, "--base", server.url);
    server.etag = '"v2"';
    await refused("Corrupt", "list", store);
    await refused("Corrupt", "read", store, "--offset", "0", "--length", "512");
    server.etag = 'W/"v2"';
    const other = fresh("other.msnap");
    await refused("Unsupported", "create", other, "--base", server.url);
    assert.not(fs.existsSync(other));
    await refused("Invalid", "create", other, "--base", "http://user:word@127.0.0.1/disk.raw");
    server.special = (_, response) => response.writeHead(404).end() && true;
    await refused("NotFound", "create", other, "--base", server.url);
    assert.not(fs.existsSync(other));
  });
});

test("a served store answers for its base by URL", async () => {
  await served(async (server, store) => {
    await succeed("create", store, "--base", server.url);
    const child = start("serve", store, "--socket", fresh("nbd.sock"));
    const done = finished(child);
    try {
      await ready(child);
      const from = ["--base", server.url, "--offset", "4K", "--length", "8K"];
      const read = await succeed("read", store, ...from);
      assert.ok(read.equals(image.subarray(4096, 12288)));
      const other = ["--base", `${server.url}2`, "--offset", "0", "--length", "512"];
      await refused("Invalid", "read", store, ...other);
    } finally {
      child.kill("SIGTERM");
      assert.is((await done).code, 0);
    }
  });
});

function ready(child: ChildProcess): Promise<void> {
  let text = "";
  return new Promise((resolve, reject) => {
    child.stdout?.on("data", (part) => {
      text += part;
      if (/^ready/m.test(text)) resolve();
    });
    child.once("exit", () => reject(new Error(`serve ended: ${text}`)));
  });
}

test.run();
