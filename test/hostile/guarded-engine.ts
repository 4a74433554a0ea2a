/**
 * The engine with guards: built from the sources of `assembly/`, changed so that no access outside
 * of what it may touch goes unseen. A wasm access traps only past the end of memory; here every
 * load, store, copy and fill is checked against a shadow of memory.
 *
 * - Between two regions of the memory map, between what `init` lays out, and behind the page of
 *   each slot lie gaps that nobody may touch. The page of a free slot may not be touched either.
 * - Every block of code counts itself: for the corpus (which pairs of blocks ran one after the
 *   other), and against a limit of work, so that a loop without end is found where it is.
 *
 * What a guard finds is written to `GUARD` and traps.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import asc from "assemblyscript/asc";

/**
 * Words of u32 that guard and host share, in the guard area at the bottom of memory: kind of the
 * finding (0 none), its address, where in the code; work done in millions of blocks and the rest,
 * its limit in millions; the address of the coverage map.
 */
export const GUARD = 512;
export const FOUND_KINDS = ["none", "access", "write below state", "work"];
export const COVERAGE_BYTES = 65536;

const GAP = 4096;
/** Bytes of memory that have a shadow: more than any test needs. */
const COVERED = 24 * 2 ** 20;
const ASSEMBLY = path.join(import.meta.dirname, "..", "..", "assembly");

/** `cover`, `work` and so on in the engine: everything it needs is at fixed addresses. */
function guardSource(): string {
  return `import { COVERAGE, COVERED, SHADOW } from "./memory";
const G: usize = ${GUARD};

function fail(kind: u32, at: usize): void {
  if (load<u32>(G) == 0) {
    store<u32>(G, kind);
    store<u32>(G, <u32>at, 4);
    store<u32>(G, load<u32>(G, 28), 8);
  }
  unreachable();
}

// @ts-ignore: decorator
@inline
function check(at: usize, bytes: usize): void {
  if (at < COVERED) {
    if ((load<u8>(SHADOW + (at >>> 3)) | load<u8>(SHADOW + ((at + bytes - 1) >>> 3))) != 0) {
      fail(1, at);
    }
  }
}

export function grange(at: usize, bytes: usize): void {
  if (bytes == 0) return;
  for (let i: usize = 0; i < bytes; i += 2048) check(at + i, 1);
  check(at + bytes - 1, 1);
}

// @ts-ignore: decorator
@inline
export function gload<T>(at: usize, offset: usize = 0): T {
  check(at + offset, sizeof<T>());
  return load<T>(at + offset);
}

// @ts-ignore: decorator
@inline
export function gstore<T>(at: usize, value: T, offset: usize = 0): void {
  check(at + offset, sizeof<T>());
  if (at + offset < 1024) fail(2, at + offset);
  store<T>(at + offset, value);
}

export function gcopy(to: usize, from: usize, bytes: usize): void {
  grange(to, bytes);
  grange(from, bytes);
  if (bytes > 0 && to < 1024) fail(2, to);
  memory.copy(to, from, bytes);
}

export function gfill(to: usize, value: u8, bytes: usize): void {
  grange(to, bytes);
  memory.fill(to, value, bytes);
}

/** Nobody may touch [from, to) from now on, or may again. */
export function gmark(from: usize, to: usize, denied: u8): void {
  if (from >= COVERED) return;
  if (to > COVERED) to = COVERED;
  const first = (from + 7) >>> 3;
  memory.fill(SHADOW + first, denied, (to >>> 3) - first);
}

/** The end of a gap at \`at\`. */
export function ggap(at: u32): u32 {
  const end = (at + ${GAP} + 63) & ~63;
  gmark(at, end, 1);
  return end;
}

/** Block \`id\` of the code runs. */
export function gcover(id: u32): void {
  const edge = ((load<u32>(G, 28) << 3) ^ id) & ${COVERAGE_BYTES - 1};
  store<u32>(G, id, 28);
  store<u8>(COVERAGE + edge, 1);
  const work = load<u32>(G, 12) + 1;
  store<u32>(G, work, 12);
  if (work > load<u32>(G, 16)) fail(3, id);
}

export function guardInit(): void {
  store<u32>(G, <u32>COVERAGE, 20);
}
`;
}

interface Built {
  wasm: Uint8Array;
  /** Files and lines of the blocks of code, by number. */
  blocks: string[];
}

export async function buildGuarded(): Promise<Built> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-guarded-"));
  try {
    const blocks = writeGuarded(folder);
    const out = path.join(folder, "engine.wasm");
    const options = ["--runtime", "stub", "--importMemory", "--noExportMemory", "--sharedMemory"];
    const sizes = ["--initialMemory", "16", "--maximumMemory", "65536"];
    const build = ["-O2", "--uncheckedBehavior", "always", "--use", "abort=", "--outFile", out];
    const enable = ["--enable", "threads", "--enable", "simd"];
    const { error, stderr } = await asc.main([
      path.join(folder, "index.ts"),
      ...options,
      ...sizes,
      ...enable,
      ...build,
    ]);
    if (error) throw new Error(`${error.message}\n${stderr.toString()}`);
    return { wasm: fs.readFileSync(out), blocks };
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** Writes the changed sources; answers the places of the blocks of code. */
function writeGuarded(folder: string): string[] {
  const blocks: string[] = [];
  const files = fs.readdirSync(ASSEMBLY, { recursive: true, encoding: "utf8" });
  for (const name of files.filter((file) => file.endsWith(".ts"))) {
    let text = fs.readFileSync(path.join(ASSEMBLY, name), "utf8");
    if (name === "memory.ts") text = withGaps(text);
    else text = guarded(text, name, blocks);
    const target = path.join(folder, name);
    fs.mkdirSync(path.dirname(target), { recursive: true });
    fs.writeFileSync(target, text);
  }
  fs.writeFileSync(path.join(folder, "guard.ts"), guardSource());
  return blocks;
}

/** The memory map with a gap before each region of fixed size. */
function withGaps(text: string): string {
  const [scalars, regions] = text.split("// ---- regions of fixed size") as [string, string];
  if (regions === undefined) throw new Error("memory.ts has no regions of fixed size");
  const gaps: string[] = [];
  const map = regions.replace(
    /export const (\w+): usize = ([A-Z(][^;]*);/g,
    (_, name: string, before: string) => {
      gaps.push(name);
      const start = `export const ${name}_GAP: usize = ${before};`;
      if (name === "HEAP") return start.replace("HEAP_GAP", "GAPS_END");
      return `${start}\nexport const ${name}: usize = (${name}_GAP + ${GAP} + 15) & ~15;`;
    },
  );
  const last = gaps.pop();
  if (last !== "HEAP") throw new Error("memory.ts does not end with HEAP");
  const marks = gaps.map((name) => `  gmark(${name}_GAP, ${name}, 1);`).join("\n");
  const heap = `
import { gmark } from "./guard";
export const COVERED: usize = ${COVERED};
export const SHADOW: usize = GAPS_END;
export const COVERAGE: usize = SHADOW + (COVERED >>> 3);
export const HEAP: usize = (COVERAGE + ${COVERAGE_BYTES} + 65535) & ~65535;
export function markGaps(): void {
${marks}
}
`;
  return `${scalars}// ---- regions of fixed size${map}${heap}`;
}

/** A source with all its accesses checked and its blocks counted. */
function guarded(text: string, name: string, blocks: string[]): string {
  if (name === "crc32c.ts") return guardedSum(text);
  const depth = name.split(path.sep).length - 1;
  const from = `${depth === 0 ? "./" : "../".repeat(depth)}guard`;
  let changed = text
    .replace(/(?<![\w.])load</g, "gload<")
    .replace(/(?<![\w.])store</g, "gstore<")
    .replace(/memory\.copy\(/g, "gcopy(")
    .replace(/memory\.fill\(/g, "gfill(");
  changed = changed
    .split("\n")
    .map((line, index) => {
      if (!/(\)( *:[^=]*)?|else) \{$/.test(line)) return line;
      blocks.push(`${name}:${index + 1}`);
      return `${line} gcover(${blocks.length - 1});`;
    })
    .join("\n");
  if (name === "cache.ts") changed = guardedSlots(changed);
  if (name === "open.ts") changed = guardedInit(changed);
  return `import { gcopy, gcover, gfill, ggap, gload, gmark, gstore, guardInit } from "${from}";
${changed}`;
}

/** Half of an engine's time goes here: what it sums up is checked as a whole. */
function guardedSum(text: string): string {
  const checked = replaced(text, [
    [/(function crc32c\([^)]*\): u32 \{)/, "$1 grange(address, length);"],
  ]);
  return `import { grange } from "./guard";\n${checked}`;
}

function guardedSlots(text: string): string {
  return replaced(text, [
    ["SLOT_BYTES: u32 = 4160", `SLOT_BYTES: u32 = ${4160 + GAP}`],
    // Of slots that were never used only the next one: marking all would cost more than most cases.
    [/(const more = \(end - at\) [^\n]*)/, "$1 gmark(at, at + SLOT_BYTES, 1);"],
    [
      /(store<u32>\(m\.SLOTS_UNUSED, slot \+ SLOT_BYTES\);)/,
      "$1 gmark(slot, slot + 64, 0); gmark(slot + 64, slot + 2 * SLOT_BYTES, 1);",
    ],
    [/(function release\(slot: u32\): void \{[^\n]*)/, "$1 gmark(slot + 64, slot + 4160, 1);"],
    [/(\n {2}return slot;)/, "\n  gmark(slot + 64, slot + 4160, 0);$1"],
  ]);
}

function guardedInit(text: string): string {
  const changed = replaced(text, [
    ["  crcInit();", "  guardInit(); m.markGaps();\n  crcInit();"],
    ["at + journal, 4)", "ggap(at + journal), 4)"],
    ["at += 2 * journal;", `at += 2 * journal + ${GAP};`],
    ["    <f64>m.HEAP +", `    <f64>m.HEAP + 6.0 * ${2 * GAP} +`],
  ]);
  const end = changed.indexOf("/** Bytes of memory that `init` needs. */");
  const init = changed.slice(0, end).replace(/\n {2}at \+= [^;]*;/g, "$& at = ggap(at);");
  return init + changed.slice(end);
}

function replaced(text: string, changes: [string | RegExp, string][]): string {
  let changed = text;
  for (const [from, to] of changes) {
    const next = changed.replace(from, to);
    if (next === changed) throw new Error(`the engine's source has no ${from}`);
    changed = next;
  }
  return changed;
}
