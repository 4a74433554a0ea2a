/** Bundles for pages, as a user would make them: esbuild with code splitting. */
import path from "node:path";
import { gzipSync } from "node:zlib";
import { build, type Metafile, type OutputFile } from "esbuild";
import { root } from "../runtimes/programs.ts";

export interface Bundled {
  /** By name, which the code of others loads it by. */
  files: ReadonlyMap<string, Uint8Array>;
  /** What a page loads at once: the entry, and what that imports statically. */
  initial: readonly string[];
  /** What is loaded when it is needed. */
  later: readonly string[];
}

/** `entry`: a TypeScript file from the root of the repository. */
export async function bundle(entry: string): Promise<Bundled> {
  const outdir = path.join(root, "out");
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: root,
    outdir,
    bundle: true,
    splitting: true,
    minify: true,
    format: "esm",
    platform: "browser",
    target: "es2022",
    external: ["*.wasm"],
    write: false,
    metafile: true,
  });
  const nameOf = (file: string) => path.basename(file);
  const files = new Map(outputFiles.map((file: OutputFile) => [nameOf(file.path), file.contents]));
  const initial = closure(metafile, entry).map(nameOf);
  return { files, initial, later: [...files.keys()].filter((name) => !initial.includes(name)) };
}

function closure({ outputs }: Metafile, entry: string): string[] {
  const first = Object.keys(outputs).find((name) => outputs[name]?.entryPoint === entry);
  const found = new Set([first as string]);
  for (const name of found) {
    for (const { path: imported, kind } of outputs[name]?.imports ?? []) {
      if (kind === "import-statement" && outputs[imported]) found.add(imported);
    }
  }
  return [...found];
}

/** Bytes that these files have when each is gzipped, as servers send them. */
export function gzipped(files: Iterable<Uint8Array>): number {
  let bytes = 0;
  for (const file of files) bytes += gzipSync(file, { level: 9 }).length;
  return bytes;
}
