/** How the project looks, as a test: layers, ambient things, lengths, names. */
import fs from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { test } from "uvu";
import * as assert from "uvu/assert";

const FILE_LINES_MAX = 400;
const LINE_COLUMNS_MAX = 100;
const PROBLEMS_SHOWN_MAX = 30;

/**
 * A file imports from its own folder and from layers below it; folders of one layer do not know
 * each other.
 */
const LAYERS: readonly string[][] = [
  ["errors.ts", "env.ts"],
  ["task.ts"],
  ["devices"],
  ["engine"],
  ["stores"],
  ["volume"],
  ["convert"],
  ["stream"],
  ["connect"],
  ["sockets"],
  ["nbd", "control", "schedule"],
  ["replicate"],
  ["cli"],
  ["library.ts", "connect-threads.ts", "connect-pages.ts"],
];
/** The only folders that know a platform; entry files (src/*.ts) join it to the rest. */
const PLATFORM_FOLDERS = new Set([
  "devices",
  "sockets",
  "nbd",
  "control",
  "schedule",
  "cli",
  "connect-threads.ts",
]);

interface Source {
  file: string;
  lines: string[];
  text: string;
}

const root = path.join(path.dirname(fileURLToPath(import.meta.url)), "..");
const sources = ["assembly", "src", "test", "bench", "bin", "examples"].flatMap(read);
const library = sources.filter(({ file }) => file.startsWith("src/"));

function read(folder: string): Source[] {
  if (!fs.existsSync(path.join(root, folder))) return [];
  return fs
    .readdirSync(path.join(root, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|js|c|h)$/.test(name))
    .map((name) => {
      const file = path.posix.join(folder, name.replaceAll("\\", "/"));
      const text = fs.readFileSync(path.join(root, file), "utf8");
      return { file, text, lines: text.split("\n") };
    });
}

/** What a file imports or loads: specifiers of static and dynamic imports and of re-exports. */
function imports({ text }: Source): string[] {
  const found = text.matchAll(/(?:\bfrom|\bimport|\bimport\()\s*"([^"]+)"/g);
  return [...found].map((match) => match[1] as string);
}

/** The folder or root file of `src/`; its layer, with entry files on top. */
function place(file: string): { part: string; layer: number } {
  const part = file.split("/")[1] as string;
  const layer = LAYERS.findIndex((parts) => parts.includes(part));
  assert.ok(layer >= 0 || !file.includes("/", 4), `${file}: ${part}/ is not a layer`);
  return { part, layer: layer < 0 ? LAYERS.length : layer };
}

/** Fails with the first of the `problems`. */
function none(problems: string[]): void {
  const shown = problems.slice(0, PROBLEMS_SHOWN_MAX);
  if (problems.length > shown.length) shown.push(`and ${problems.length - shown.length} more`);
  assert.ok(problems.length === 0, `\n      ${shown.join("\n      ")}\n`);
}

function linesWith(files: Source[], wrong: (line: string) => boolean): string[] {
  return files.flatMap(({ file, lines }) =>
    lines.flatMap((line, index) =>
      wrong(line) ? [`${file}:${index + 1}: ${line.trim().slice(0, 80)}`] : [],
    ),
  );
}

test("a layer imports only the layers below it", () => {
  const problems: string[] = [];
  for (const source of library) {
    const own = place(source.file);
    for (const name of imports(source)) {
      if (!name.startsWith(".")) continue;
      const target = path.posix.join(path.posix.dirname(source.file), name);
      const other = target.startsWith("src/") ? place(target) : { part: target, layer: Infinity };
      const allowed = own.part === other.part || other.layer < own.layer;
      if (!allowed) problems.push(`${source.file} imports ${target}`);
    }
  }
  none(problems);
});

test("only devices, faces and entries know the platform", () => {
  const problems = library.flatMap((source) => {
    const { part, layer } = place(source.file);
    if (layer === LAYERS.length || PLATFORM_FOLDERS.has(part)) return [];
    const known = imports(source).filter((name) => name.startsWith("node:"));
    return known.map((name) => `${source.file} imports ${name}`);
  });
  none(problems);
});

test("the engine imports nothing but itself", () => {
  const engine = sources.filter(({ file }) => file.startsWith("assembly/"));
  const problems = engine.flatMap((source) =>
    imports(source)
      .filter((name) => {
        const target = path.posix.join(path.posix.dirname(source.file), name);
        return !name.startsWith(".") || !target.startsWith("assembly/");
      })
      .map((name) => `${source.file} imports ${name}`),
  );
  none(problems);
});

test("clock and randomness come in through Env (I11)", () => {
  const ambient =
    /\b(Date\.now|new Date\(\)|performance\.now|Math\.random|crypto\.|random(Bytes|UUID|Fill))/;
  const files = sources.filter(({ file }) => /^(src|assembly)\//.test(file));
  none(
    linesWith(
      files.filter(({ file }) => file !== "src/env.ts"),
      (line) => ambient.test(line),
    ),
  );
});

test("files are short", () => {
  const long = sources.filter(({ lines }) => lines.length - 1 > FILE_LINES_MAX);
  none(long.map(({ file, lines }) => `${file}: ${lines.length - 1} lines`));
});

test("lines are short", () => {
  none(linesWith(sources, (line) => line.length > LINE_COLUMNS_MAX && !line.includes("https://")));
});

test("every file starts with what it is for", () => {
  const silent = sources.filter(({ text }) => !/^(\/\*|\/\/|#!)/.test(text));
  none(silent.map(({ file }) => file));
});

test("nothing is called a utility, a helper or a manager", () => {
  const vague = /utils?\b|helper|manager/i;
  none(sources.filter(({ file }) => vague.test(file)).map(({ file }) => file));
  const declared = /\b(?:class|interface|type|function|const|let)\s+(\w+)/;
  none(linesWith(sources, (line) => vague.test(declared.exec(line)?.[1] ?? "")));
});

test("no test file runs only a part of its tests", () => {
  const tests = sources.filter(({ file }) => file.endsWith(".test.ts"));
  none(linesWith(tests, (line) => /^\s*\w+\.only\(/.test(line)));
});

test.run();
