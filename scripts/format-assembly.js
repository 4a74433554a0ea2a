// Formats assembly/ with biome, which takes AssemblyScript for TypeScript but for decorators on
// functions: they are comments while it looks. `--write` changes the files, else it only tells.
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";

const write = process.argv.includes("--write");
const files = fs
  .readdirSync("assembly", { recursive: true, encoding: "utf8" })
  .filter((name) => name.endsWith(".ts"));
const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-format-"));
try {
  for (const name of files) {
    fs.mkdirSync(path.dirname(path.join(folder, name)), { recursive: true });
    const text = fs.readFileSync(path.join("assembly", name), "utf8");
    fs.writeFileSync(path.join(folder, name), text.replace(/^( *)@(\w+)$/gm, "$1// decorator $2"));
  }
  const config = { formatter: JSON.parse(fs.readFileSync("biome.json", "utf8")).formatter };
  fs.writeFileSync(path.join(folder, "biome.json"), JSON.stringify(config));
  const biome = path.resolve("node_modules/@biomejs/biome/bin/biome");
  const args = [biome, "format", "--write", "--log-level=error", "."];
  const result = spawnSync(process.execPath, args, {
    cwd: folder,
    stdio: ["ignore", "ignore", "inherit"],
  });
  if (result.status !== 0) process.exitCode = 1;
  for (const name of files) compare(name);
} finally {
  fs.rmSync(folder, { recursive: true, force: true });
}

function compare(name) {
  const file = path.join("assembly", name);
  const formatted = fs
    .readFileSync(path.join(folder, name), "utf8")
    .replace(/^( *)\/\/ decorator (\w+)$/gm, "$1@$2");
  if (formatted === fs.readFileSync(file, "utf8")) return;
  if (write) {
    fs.writeFileSync(file, formatted);
  } else {
    console.error(`${file}: not formatted (npm run format)`);
    process.exitCode = 1;
  }
}
