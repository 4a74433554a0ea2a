/** A Linux kernel to boot: where it lies, and the modules that the guest needs of it. */
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import path from "node:path";

export interface Kernel {
  image: string;
  /** Modules in the order in which they have to be loaded. */
  modules: { name: string; bytes: Buffer }[];
}

/** What the guest works with; a kernel may have any of them built in. */
const WANTED = ["virtio_pci", "virtio_blk", "dm_snapshot"];

/**
 * The first kernel with everything in it that `root` has, laid out as a root file system: `boot/`
 * and `lib/modules/`.
 */
export function findKernel(root: string): Kernel | null {
  const images = list(path.join(root, "boot")).filter((name) => name.startsWith("vmlinuz-"));
  for (const name of images.sort()) {
    const version = name.replace("vmlinuz-", "");
    const image = path.join(root, "boot", name);
    for (const lib of ["lib", "usr/lib"]) {
      const modules = findModules(path.join(root, lib, "modules", version));
      if (modules && isReadable(image)) return { image, modules };
    }
  }
  return null;
}

function findModules(folder: string): Kernel["modules"] | null {
  const files = new Map(
    list(folder, true)
      .filter((file) => /\.ko(\.xz)?$/.test(file))
      .map((file) => [moduleName(file), path.join(folder, file)]),
  );
  const builtin = path.join(folder, "modules.builtin");
  const there = new Set(
    isReadable(builtin) ? fs.readFileSync(builtin, "utf8").split("\n").map(moduleName) : [],
  );
  const found: Kernel["modules"] = [];
  const add = (name: string): boolean => {
    if (there.has(name)) return true;
    const file = files.get(name);
    if (file === undefined) return false;
    const bytes = readModule(file);
    if (bytes === null || !dependencies(bytes).every(add)) return false;
    there.add(name);
    found.push({ name: `${name}.ko`, bytes });
    return true;
  };
  return WANTED.every(add) ? found : null;
}

/** A kernel makes no difference between `-` and `_`. */
function moduleName(file: string): string {
  return path
    .basename(file)
    .replace(/\.ko.*$/, "")
    .replaceAll("-", "_");
}

function readModule(file: string): Buffer | null {
  if (!file.endsWith(".xz")) return fs.readFileSync(file);
  const { status, stdout } = spawnSync("xz", ["-dc", file], { maxBuffer: 2 ** 26 });
  return status === 0 ? stdout : null;
}

/** As the module itself says. */
function dependencies(module: Buffer): string[] {
  const names = /\0depends=([^\0]*)\0/.exec(module.toString("latin1"))?.[1] ?? "";
  return names
    .split(",")
    .filter((name) => name !== "")
    .map(moduleName);
}

function list(folder: string, recursive = false): string[] {
  if (!fs.existsSync(folder)) return [];
  return fs.readdirSync(folder, { recursive, encoding: "utf8" });
}

function isReadable(file: string): boolean {
  try {
    fs.accessSync(file, fs.constants.R_OK);
    return true;
  } catch {
    return false;
  }
}
