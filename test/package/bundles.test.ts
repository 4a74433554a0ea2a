/**
 * The package in a real page: unbundled, through esbuild and through Vite, with the engine's code
 * from each place that it can come from. What is tested is dist/, found as users find it.
 */
import fs from "node:fs";
import http from "node:http";
import type { AddressInfo } from "node:net";
import os from "node:os";
import path from "node:path";
import { build as esbuild } from "esbuild";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { build as vite } from "vite";
import { type Browser, launchBrowser, missing } from "../browser/browser.ts";
import { testsUnless } from "../needs.ts";
import { root } from "../runtimes/programs.ts";

const PAGE_MS_MAX = 60_000;
const TYPES: Readonly<Record<string, string>> = {
  ".html": "text/html",
  ".js": "text/javascript",
  ".wasm": "application/wasm",
};

const project = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-bundles-"));
process.on("exit", () => fs.rmSync(project, { recursive: true, force: true }));
fs.mkdirSync(path.join(project, "node_modules"));
fs.symlinkSync(root, path.join(project, "node_modules", "multisnap"));
fs.copyFileSync(path.join(root, "test/package/page.js"), path.join(project, "page.js"));
const wasm = path.join(root, "dist/engine/engine.wasm");

interface Told {
  source: string;
  found?: number[];
  problems?: number;
  error?: string;
}

let told = (_: Told): void => {};
const server = http.createServer((request, response) => {
  const { pathname } = new URL(request.url ?? "/", "http://127.0.0.1");
  if (pathname === "/done") {
    let text = "";
    request.setEncoding("utf8").on("data", (part) => (text += part));
    request.on("end", () => told(JSON.parse(text)));
    response.end();
    return;
  }
  const file = path.join(project, pathname);
  const type = TYPES[path.extname(file)];
  if (!type || !fs.existsSync(file)) response.writeHead(404).end();
  else response.writeHead(200, { "content-type": type }).end(fs.readFileSync(file));
});

let browser: Browser | null = null;

/** Opens a page of the project, and demands that the volume in it did well. */
async function runsWell(page: string, source = "beside"): Promise<void> {
  if (!server.listening) {
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  }
  browser ??= await launchBrowser("chromium");
  const { port } = server.address() as AddressInfo;
  const result = new Promise<Told>((resolve) => {
    const late = () => resolve({ source, error: "the page said nothing" });
    const timer = setTimeout(late, PAGE_MS_MAX);
    told = (result) => {
      clearTimeout(timer);
      resolve(result);
    };
  });
  const tab = await browser.open(`http://127.0.0.1:${port}/${page}?source=${source}`);
  assert.equal(await result, { source, found: [1, 1, 2], problems: 0 });
  await tab.close();
}

function write(file: string, text: string): void {
  fs.mkdirSync(path.dirname(path.join(project, file)), { recursive: true });
  fs.writeFileSync(path.join(project, file), text);
}

const html = (script: string, head = "") =>
  `<!doctype html><title>multisnap</title>${head}<script type="module" src="${script}"></script>`;

const testPage = testsUnless(missing("chromium"));

for (const source of ["beside", "url", "bytes", "buffer", "module"]) {
  testPage(`unbundled, the engine's code: ${source}`, async () => {
    fs.cpSync(path.join(root, "dist"), path.join(project, "dist"), { recursive: true });
    const loader = "node_modules/@assemblyscript/loader/index.js";
    fs.copyFileSync(path.join(root, loader), path.join(project, "loader.js"));
    const imports = { multisnap: "/dist/browser.js", "@assemblyscript/loader": "/loader.js" };
    const map = `<script type="importmap">${JSON.stringify({ imports })}</script>`;
    const place = '<script>ELSEWHERE = "/dist/engine/"</script>';
    write("unbundled.html", html("/page.js", map + place));
    await runsWell("unbundled.html", source);
  });
}

for (const splitting of [false, true]) {
  testPage(`esbuild${splitting ? " with splitting" : ""}, engine.wasm beside`, async () => {
    const outdir = path.join(project, `esbuild-${splitting}`);
    await esbuild({
      entryPoints: [path.join(project, "page.js")],
      outdir,
      bundle: true,
      splitting,
      minify: true,
      format: "esm",
      logLevel: "silent",
    });
    fs.copyFileSync(wasm, path.join(outdir, "engine.wasm"));
    write(`esbuild-${splitting}/index.html`, html("./page.js"));
    await runsWell(`esbuild-${splitting}/index.html`);
    await runsWell(`esbuild-${splitting}/index.html`, "url");
  });
}

testPage("Vite, which finds the engine itself", async () => {
  write("index.html", html("/page.js"));
  const outDir = path.join(project, "vite");
  await vite({
    root: project,
    base: "/vite/",
    configFile: false,
    logLevel: "silent",
    build: { outDir, target: "es2022", assetsInlineLimit: 0 },
  });
  await runsWell("vite/index.html");
});

test.after(async () => {
  await browser?.close();
  server.closeAllConnections();
  server.close();
});

test.run();
