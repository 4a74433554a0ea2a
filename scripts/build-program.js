// Makes the command-line program: a file to start with, what most commands share, and parts that
// are loaded when they are needed. Half of the time of a short command was the finding and reading
// of modules. CommonJS: Node starts without its loader of modules, and takes of its own parts only
// what is asked for.
import fs from "node:fs";
import { rolldown } from "rolldown";

const folder = "dist/program";
/** A module that so many parts share is read with all others of that sort, as one file. */
const SHARES = 12;
/** Whose notices come with the program, as their code is in it. */
const LICENCES = {
  commander: "commander/LICENSE",
  "@assemblyscript/loader": "assemblyscript/LICENSE",
};

const bundle = await rolldown({
  input: "dist/cli/main.js",
  platform: "node",
  // With packages of its own; drawn seldom.
  external: ["cli-progress"],
  preserveEntrySignatures: "allow-extension",
  transform: { target: "node20", define: { "import.meta.main": "false" } },
});
fs.rmSync(folder, { recursive: true, force: true });
const { output } = await bundle.write({
  dir: folder,
  format: "cjs",
  entryFileNames: "[name].cjs",
  chunkFileNames: "[name]-[hash].cjs",
  // Names stay: who reports an error has a stack that says where.
  minify: { compress: true, mangle: false, codegen: true },
  codeSplitting: {
    includeDependenciesRecursively: false,
    groups: [
      { name: "common", minShareCount: SHARES, priority: 1 },
      { name: "volume", test: /dist\/volume\/(?!preloaded)/ },
    ],
  },
});
fs.copyFileSync("dist/engine/engine.wasm", `${folder}/engine.wasm`);

const modules = output.flatMap(({ moduleIds = [] }) => moduleIds);
const packages = modules.map((id) => /node_modules\/((@[^/]+\/)?[^/]+)/.exec(id)?.[1]);
const notices = [...new Set(packages.filter(Boolean))].map((name) => {
  const licence = LICENCES[name];
  if (!licence) throw new Error(`${name} is bundled: say where its licence is`);
  return `${name}\n\n${fs.readFileSync(`node_modules/${licence}`, "utf8")}`;
});
fs.writeFileSync(`${folder}/LICENSES.txt`, notices.join("\n\n"));
