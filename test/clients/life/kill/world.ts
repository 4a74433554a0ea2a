/** The store that is served and killed, and what lies under it. */
import fs from "node:fs";
import { fresh, json, succeed } from "../../../cli/program.ts";
import { putSectors, SECTOR } from "./sectors.ts";
import { Shelf } from "./shelf.ts";

const MIB = 2 ** 20;
export const DISK_BYTES = 16 * MIB;
/** Whose part of the disk begins where; fio's goes to the end. */
export const QEMU_IO_AT = 8 * MIB;
export const FIO_AT = 12 * MIB;
/** Of what the base or the attached origin holds, up to fio's part. */
const FIRST_MARK = 256;

export interface Shape {
  kind: "range" | "bitmap" | "persistent";
  mode: "inline" | "base" | "attached";
  chunk: string;
}

export const SHAPES: readonly Shape[] = [
  { kind: "range", mode: "inline", chunk: "4K" },
  { kind: "range", mode: "attached", chunk: "4K" },
  { kind: "bitmap", mode: "inline", chunk: "16K" },
  { kind: "persistent", mode: "attached", chunk: "4K" },
  { kind: "range", mode: "base", chunk: "16K" },
  { kind: "bitmap", mode: "attached", chunk: "4K" },
  { kind: "bitmap", mode: "base", chunk: "4K" },
  { kind: "range", mode: "attached", chunk: "64K" },
  { kind: "persistent", mode: "attached", chunk: "512" },
];

export interface World {
  shape: Shape;
  store: string;
  /** Options that every command on the store takes. */
  options: string[];
  shelf: Shelf;
}

export async function makeWorld(shape: Shape): Promise<World> {
  const { kind, mode, chunk } = shape;
  const store = fresh("disk.msnap");
  const args = ["--kind", kind, "--chunk", chunk];
  if (mode === "inline") args.push("--size", String(DISK_BYTES));
  const image = mode === "inline" ? null : makeImage();
  if (image) args.push(mode === "base" ? "--base" : "--origin", image);
  await succeed("create", store, ...args);
  const shelf = new Shelf(FIO_AT / SECTOR, image ? FIRST_MARK : 0);
  const options = kind === "persistent" && image ? ["--origin", image] : [];
  const world = { shape, store, options, shelf };
  for (const name of await listed(world)) {
    const { book } = shelf.origin.book.beginSnapshot();
    shelf.origin.book.endSnapshot(book);
    shelf.snapshots.push({ book, names: new Set([name]), maybe: false, closed: false });
  }
  return world;
}

function makeImage(): string {
  const image = fresh("image.raw");
  const bytes = Buffer.alloc(DISK_BYTES);
  putSectors(bytes.subarray(0, FIO_AT), 0, FIRST_MARK);
  fs.writeFileSync(image, bytes);
  return image;
}

/** Names of the snapshots that there are. */
export async function listed({ store, options }: World): Promise<string[]> {
  const { snapshots } = (await json("list", store, ...options)) as {
    snapshots: { name: string }[];
  };
  return snapshots.map(({ name }) => name);
}
