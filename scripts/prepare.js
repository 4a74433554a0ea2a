// Builds once after `npm ci`, so that a checkout runs without a further step. Also run by `npx
// multisnap` in a checkout, hence in no time where there is nothing to do. Never fails: what is not
// built says so when it is started, and `npm run build` and `npm test` say why.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

const OUTPUTS = ["dist/program/main.cjs", "dist/index.js", "dist/engine/engine.wasm"];
const SOURCES = ["src", "assembly", "package.json", "tsconfig.build.json", "asconfig.json"];

/** Milliseconds since 1970. */
function newest(source) {
  const stat = fs.statSync(source);
  if (!stat.isDirectory()) return stat.mtimeMs;
  const names = fs.readdirSync(source).filter((name) => !name.includes(".wasm"));
  return Math.max(stat.mtimeMs, ...names.map((name) => newest(path.join(source, name))));
}

const built = OUTPUTS.every((output) => fs.existsSync(output));
const oldest = built ? Math.min(...OUTPUTS.map((output) => fs.statSync(output).mtimeMs)) : 0;
const upToDate = built && SOURCES.every((source) => newest(source) <= oldest);
const compilers = ["typescript", "assemblyscript", "rolldown"];
if (!upToDate && compilers.every((name) => fs.existsSync(path.join("node_modules", name)))) {
  const result = spawnSync("npm", ["run", "build", "--silent"], { stdio: "inherit" });
  if (result.status !== 0) console.error("multisnap is not built: npm run build says why");
}
