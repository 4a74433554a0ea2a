/**
 * A server on the loopback for pages under test. `/plain/...` and `/isolated/...` are the same but
 * for the headers of cross-origin isolation.
 *
 *     /MODE/page/ENTRY      runs the bundle of ENTRY in the page
 *     /MODE/worker/ENTRY    runs it in a dedicated worker of the page
 *     /MODE/script/ENTRY    the bundle; engine.wasm and those of peers lie beside it
 *     /MODE/say/CHANNEL     takes what pages post, and answers what the listener does
 */
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import { bundle, wasmFile } from "./bundle.ts";

export type Listener = (message: unknown) => unknown;

export interface Served {
  readonly origin: string;
  /** Of a page; `parameters` are its query, for the bundle to read from its own URL. */
  url(page: {
    entry: string;
    isolated: boolean;
    in: "page" | "worker";
    parameters?: Record<string, string>;
  }): string;
  /** Hears what pages post to `channel`, which is a parameter of their own. */
  listen(channel: string, listener: Listener): void;
  close(): Promise<void>;
}

const ISOLATION = {
  "cross-origin-opener-policy": "same-origin",
  "cross-origin-embedder-policy": "require-corp",
};

/** Runs `entry.ts`, found in `folder`, or in `test/browser/` without one. */
export async function servePages(): Promise<Served> {
  const listeners = new Map<string, Listener>();
  const server = http.createServer((request, response) => {
    answer(request, response, listeners).catch((error) => {
      response.writeHead(500).end(String(error?.stack ?? error));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    origin,
    url({ entry, isolated, in: where, parameters = {} }) {
      const mode = isolated ? "isolated" : "plain";
      const query = new URLSearchParams(parameters).toString();
      return `${origin}/${mode}/${where}/${encodeURIComponent(entry)}?${query}`;
    },
    listen(channel, listener) {
      listeners.set(channel, listener);
    },
    close() {
      server.closeAllConnections();
      return new Promise((resolve) => server.close(() => resolve()));
    },
  };
}

async function answer(
  request: http.IncomingMessage,
  response: http.ServerResponse,
  listeners: ReadonlyMap<string, Listener>,
): Promise<void> {
  const url = new URL(request.url ?? "/", "http://127.0.0.1");
  const [, mode, what, name = ""] = url.pathname.split("/").map(decodeURIComponent);
  const headers = { "cache-control": "no-store", ...(mode === "isolated" && ISOLATION) };
  const send = (type: string, body: string | Uint8Array) =>
    response.writeHead(200, { ...headers, "content-type": type }).end(body);
  if (what === "script" && name.endsWith(".wasm")) {
    send("application/wasm", fs.readFileSync(wasmFile(name)));
  } else if (what === "script") {
    send("text/javascript", await bundle(name));
  } else if (what === "say") {
    const reply = await listeners.get(name)?.(JSON.parse(await bodyOf(request)));
    send("application/json", JSON.stringify(reply ?? null));
  } else if (what === "page" || what === "worker") {
    send("text/html", page(what, `../script/${encodeURIComponent(name)}${url.search}`));
  } else {
    response.writeHead(404, headers).end();
  }
}

/** What fails before a worker can tell is told by its page. */
function page(where: "page" | "worker", script: string): string {
  const start =
    where === "page"
      ? `await import(${JSON.stringify(script)});`
      : // Firefox collects a worker that nobody names and that has nothing to do at the moment.
        `const worker = new Worker(${JSON.stringify(script)}, { type: "module" });
         globalThis.tests = worker;
         worker.onerror = async ({ message }) =>
           say(message || (await (await fetch(${JSON.stringify(script)})).text()).slice(0, 2000));`;
  return `<!doctype html><meta charset="utf-8"><title>multisnap</title><script type="module">
    const channel = new URLSearchParams(location.search).get("channel");
    const say = (error) => channel && fetch("../say/" + channel,
      { method: "POST", body: JSON.stringify({ error: String(error) }) });
    try { ${start} } catch (error) { say(error?.stack ?? error); }
    </script>`;
}

async function bodyOf(request: http.IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  for await (const part of request) parts.push(part as Buffer);
  return Buffer.concat(parts).toString();
}
