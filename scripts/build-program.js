// Makes one file of the command-line program (and some that it loads when it needs them): more than
// half of the time of a short command was the finding and reading of two hundred modules.
import fs from "node:fs";
import { build } from "esbuild";

const folder = "dist/program";
fs.rmSync(folder, { recursive: true, force: true });
await build({
  entryPoints: ["dist/cli/main.js"],
  outdir: folder,
  bundle: true,
  splitting: true,
  // What the package depends on stays where the package manager puts it.
  packages: "external",
  platform: "node",
  format: "esm",
  target: "node20",
  // Names stay: who reports an error has a stack that says where.
  minifyWhitespace: true,
  minifySyntax: true,
  logLevel: "warning",
});
fs.copyFileSync("dist/engine/engine.wasm", `${folder}/engine.wasm`);
