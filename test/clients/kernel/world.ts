/**
 * An origin and COW devices on it that go back and forth between the volume and a kernel: as images
 * for the one, as disks for the other. Beside them stands what each view should hold.
 */
import { createHash } from "node:crypto";
import fs from "node:fs";
import * as assert from "uvu/assert";
import { fresh, succeed } from "../../cli/program.ts";
import { Attached, bytesOf, mustBe, ORIGIN } from "../../cow/attached.ts";
import { noise } from "../../cow/craft.ts";
import { readCow } from "../../cow/format.ts";
import { Image } from "../../model/image.ts";
import { Random } from "../../model/prng.ts";
import type { Answers, Disk } from "./guest.ts";

export const SECTOR = 512;

/** What the kernel writes: parts of this disk. */
const NOISE = noise(2 ** 21, new Random(1));
const NOISE_DISK = "noise";
/** Sectors of a write in one request, and of one through the page cache. */
const DIRECT_MOST = 64;
const CACHED_MOST = 512;

export function noiseDisk(): Disk {
  const file = fresh(NOISE_DISK);
  fs.writeFileSync(file, NOISE);
  return { name: NOISE_DISK, file };
}

export class World {
  readonly name: string;
  /** The origin's, then those of the COW devices. */
  readonly images: Image[];
  /** Bytes of a chunk of each COW device. */
  readonly chunks: readonly number[];
  /** What each view holds, by number: the origin is 0, the snapshots follow. */
  readonly contents: Uint8Array[];
  readonly #files: readonly string[];
  /** By name of the answer: what the kernel was asked, and must answer. */
  readonly #hashes = new Map<string, string>();

  /** `contents`: of the snapshots, where they differ from the origin. */
  constructor(
    name: string,
    chunks: readonly number[],
    images: readonly Image[],
    contents: readonly Uint8Array[] = [],
  ) {
    const origin = bytesOf(images[ORIGIN] as Image);
    this.name = name;
    this.chunks = chunks;
    this.images = [...images];
    this.contents = [origin, ...chunks.map((_, index) => (contents[index] ?? origin).slice())];
    this.#files = images.map((_, number) => fresh(this.disk(number)));
  }

  /** Opens it, finds what it should hold, does the work, and leaves what a strict reader reads. */
  async open(work: (attached: Attached) => Promise<void> = async () => {}): Promise<void> {
    const attached = await Attached.open(this.images);
    for (const [number, found] of attached.contents.entries()) {
      mustBe(found, this.content(number), this.disk(number));
    }
    await attached.verify();
    await work(attached);
    await attached.volume.flush();
    attached.inspect();
    await attached.verify();
    await attached.volume.close();
    for (const [number, content] of attached.contents.entries()) this.becomes(number, content);
  }

  image(number: number): Image {
    return this.images[number] as Image;
  }

  content(number: number): Uint8Array {
    return this.contents[number] as Uint8Array;
  }

  /** From now on that is what the view should hold. */
  becomes(number: number, content: Uint8Array): void {
    this.contents[number] = content.slice();
  }

  /** How many are on the COW device. */
  exceptions(number: number): number {
    return readCow(bytesOf(this.image(number))).exceptions.length;
  }

  // ---- as disks

  /** Name of the disk, and of the kernel's device on it. */
  disk(number: number): string {
    return `${this.name}.${number}`;
  }

  file(number: number): string {
    return this.#files[number] as string;
  }

  /** Writes the images to files. */
  disks(): Disk[] {
    return this.images.map((image, number) => {
      const file = this.file(number);
      fs.writeFileSync(file, bytesOf(image));
      return { name: this.disk(number), file };
    });
  }

  /** Reads the files, which the kernel has written. */
  takeBack(): void {
    for (const [number, file] of this.#files.entries()) {
      this.images[number] = Image.of(fs.readFileSync(file));
    }
  }

  /** What the program prints for each COW device, as it is in its file. */
  async ourStatuses(): Promise<string[]> {
    const [origin, ...cows] = this.#files as [string, ...string[]];
    const status = (cow: string) => succeed("status", cow, "--origin", origin, "--dm");
    const printed: string[] = [];
    for (const cow of cows) printed.push((await status(cow)).toString().trimEnd());
    return printed;
  }

  // ---- as a task of the kernel's: lines of shell with the functions of init.sh

  /** The snapshots first: an origin is not written without them. */
  attach(): string[] {
    return [...this.snapshots(1), `origin ${this.disk(ORIGIN)}`];
  }

  snapshots(from: number): string[] {
    return this.chunks.slice(from - 1).map((chunk, index) => {
      return `snapshot ${this.disk(ORIGIN)} ${this.disk(from + index)} ${chunk / SECTOR}`;
    });
  }

  /** Instead of the origin and the first snapshot. */
  merge(): string {
    return `merge ${this.disk(ORIGIN)} ${this.disk(1)} ${(this.chunks[0] as number) / SECTOR}`;
  }

  detach(numbers: Iterable<number> = this.contents.keys()): string {
    return `detach ${[...numbers].map((number) => this.disk(number)).join(" ")}`;
  }

  /** Asks for the status of the devices, and whether they hold what they should at that moment. */
  tell(when: string, numbers: Iterable<number> = this.contents.keys()): string[] {
    return [...numbers].map((number) => {
      const hash = createHash("sha256").update(this.content(number)).digest("hex");
      this.#hashes.set(`${when}.${this.disk(number)}.sha256`, hash);
      return `tell ${when}.${this.disk(number)} ${this.disk(number)}`;
    });
  }

  /** Random writes to the views, to all at once. Writes to one view come in their order. */
  writes(
    random: Random,
    count: number,
    numbers: Iterable<number> = this.contents.keys(),
  ): string[] {
    const each = [...numbers].map((number) => {
      const lines = Array.from({ length: count }, () => this.write(number, random));
      return `( ${lines.join("\n")} ) & writers="$writers $!"`;
    });
    return ["writers=", ...each, 'for writer in $writers; do wait "$writer"; done'];
  }

  write(number: number, random: Random): string {
    const isDirect = random.chance(0.8);
    const sectors = this.content(number).length / SECTOR;
    const most = isDirect ? random.pick([1, 8, DIRECT_MOST]) : CACHED_MOST;
    const count = random.between(1, Math.min(most, sectors));
    const at = random.between(0, sectors - count);
    const from = random.between(0, NOISE.length / SECTOR - count);
    return this.writeAt(number, at, count, from, isDirect ? "write" : "write_back");
  }

  /** Writes `count` sectors at sector `at`: the noise from its sector `from` on. */
  writeAt(number: number, at: number, count: number, from: number, how = "write"): string {
    const bytes = NOISE.subarray(from * SECTOR, (from + count) * SECTOR);
    this.content(number).set(bytes, at * SECTOR);
    return `${how} ${this.disk(number)} ${at} ${count} ${from}`;
  }

  // ---- what the kernel said

  /** Each view that was asked for held what it should. */
  mustHaveHeld(answers: Answers, when: string): void {
    const asked = [...this.#hashes].filter(([name]) => name.startsWith(`${when}.`));
    assert.ok(asked.length > 0, `${this.name}: nothing was asked ${when}`);
    for (const [name, hash] of asked) assert.is(answers.get(name), hash, name);
  }

  /** The status of each COW device was this. */
  mustHaveStatus(answers: Answers, when: string, statuses: readonly string[]): void {
    assert.is(statuses.length, this.chunks.length);
    for (const [index, status] of statuses.entries()) {
      const what = `${when}.${this.disk(index + 1)}.status`;
      assert.match(status, /^\d+\/\d+ \d+$/);
      assert.is(answers.get(what), status, what);
    }
  }
}
