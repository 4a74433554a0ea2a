/** Bundles of test and benchmark entries for pages, each made once. */
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build, type Plugin } from "esbuild";

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "../..");

/** Found beside a bundle: the engine, and what peers of benchmarks load. */
const WASM: Readonly<Record<string, string>> = {
  "engine.wasm": "src/engine/engine.wasm",
  "wa-sqlite.wasm": "node_modules/wa-sqlite/dist/wa-sqlite.wasm",
  "sqlite3.wasm": "node_modules/@sqlite.org/sqlite-wasm/dist/sqlite3.wasm",
};

export function wasmFile(name: string): string {
  return path.join(root, WASM[name] ?? name);
}

const bundles = new Map<string, Promise<string>>();

/** The bundle of `entry`, a file under the repository, as JavaScript text. */
export function bundle(entry: string): Promise<string> {
  let made = bundles.get(entry);
  if (made === undefined) {
    made = make(entry);
    bundles.set(entry, made);
  }
  return made;
}

/** What is a file of Node's in tests is an OPFS file in pages. */
const files: Plugin = {
  name: "files in pages",
  setup(build) {
    const own = path.join(root, "test/browser/file-medium.ts");
    const nodes = path.join(root, "test/model/file-medium.ts");
    build.onResolve({ filter: /\/file-medium\.ts$/ }, ({ resolveDir, path: name }) =>
      path.join(resolveDir, name) === nodes ? { path: own } : null,
    );
  },
};

/** A test file tells its channel what it prints; another entry speaks for itself. */
async function make(entry: string): Promise<string> {
  const prelude = entry.endsWith("test.ts") ? 'import "./test/browser/report.ts";' : "";
  const { outputFiles } = await build({
    stdin: { contents: `${prelude} import ${JSON.stringify(`./${entry}`)};`, resolveDir: root },
    bundle: true,
    write: false,
    format: "esm",
    target: "es2022",
    sourcemap: "inline",
    plugins: [files],
    logLevel: "silent",
  });
  return outputFiles[0]!.text;
}
