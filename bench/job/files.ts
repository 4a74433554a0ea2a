/** Real file data for the job: this project's own sources and what it depends on. */
import { cpSync, mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import path from "node:path";
import { fileURLToPath } from "node:url";

const PROJECT = fileURLToPath(new URL("../..", import.meta.url));
/** Left out: what changes while the job runs, and what the image itself would hold. */
const SKIPPED = new Set([".git", "dist"]);
/** One huge bundle would be most of the image otherwise. */
const FILE_BYTES_MAX = 24 << 20;

const JOINED_BYTES_LEAST = 4 << 20;

export interface RealFile {
  /** From the project's folder. */
  name: string;
  bytes: number;
}

/**
 * Files of the project, its own first, in the order of their names, until `budgetBytes` are
 * together.
 */
export function realFiles(budgetBytes: number): RealFile[] {
  const files: RealFile[] = [];
  let total = 0;
  const walk = (folder: string) => {
    const entries = readdirSync(path.join(PROJECT, folder), { withFileTypes: true });
    entries.sort((a, b) => (a.name < b.name ? -1 : 1));
    entries.sort((a, b) => Number(a.name === "node_modules") - Number(b.name === "node_modules"));
    for (const entry of entries) {
      const name = path.join(folder, entry.name);
      if (entry.isDirectory() && !SKIPPED.has(entry.name)) walk(name);
      if (!entry.isFile()) continue;
      const bytes = statSync(path.join(PROJECT, name)).size;
      if (bytes > FILE_BYTES_MAX || total + bytes > budgetBytes) continue;
      files.push({ name, bytes });
      total += bytes;
    }
  };
  walk("");
  return files;
}

/** Copies the files, with their folders, to `target`. */
export function copyFiles(files: readonly RealFile[], target: string): void {
  for (const { name } of files) {
    const copy = path.join(target, name);
    mkdirSync(path.dirname(copy), { recursive: true });
    cpSync(path.join(PROJECT, name), copy);
  }
}

/**
 * All their bytes, one file behind the other; over again where they are fewer than the job's writes
 * are long.
 */
export function joinedFiles(files: readonly RealFile[]): Buffer {
  const parts = files.map(({ name }) => readFileSync(path.join(PROJECT, name)));
  const bytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const times = Math.ceil(JOINED_BYTES_LEAST / bytes);
  return Buffer.concat(Array(times).fill(parts).flat());
}
