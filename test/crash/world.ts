/** The circumstances of a history that crashes, and the devices that it runs on. */
import { Image } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import type { Random } from "../model/prng.ts";
import { canHaveSums, type Devices, type Subject } from "../model/subjects.ts";
import type { DeviceOptions } from "./log.ts";

export interface CrashWorld {
  mode: OriginMode;
  chunk: number;
  size: number;
  /** Bytes of a chunk of each further store on the same origin. */
  others: readonly number[];
  /** Bytes of a disk that was in use before; null: the store is in a file that grows. */
  disk: number | null;
  /** Devices that answer late. */
  late: Random | null;
  /** What snapshots keep has checksums. */
  checksums?: boolean;
}

const OTHERS = [[512], [4096], [1024, 2048]];
const DISK_BYTES = 8 * 2 ** 20;
/** What is wiped of a disk before a store is made on it. */
const WIPED_BYTES = 8192;

export function drawWorld(random: Random, { capabilities, joins, kind }: Subject): CrashWorld {
  const { origins } = capabilities;
  const [least] = capabilities.chunk;
  const small = [least, least, 2 * least, 4096];
  const chunk = random.pick(least < 4096 ? small : [4096, 4096, 8192]);
  // With the smallest chunks a store of 32 exceptions to an area fills some.
  const size = chunk * random.between(2, chunk < 4096 ? 80 : 8);
  const mode = random.pick(origins);
  const disk = random.chance(0.1) ? DISK_BYTES : null;
  const late = random.chance(0.3) ? random.fork() : null;
  const others = joins && random.chance(0.3) ? random.pick(OTHERS) : [];
  const checksums = canHaveSums(kind) && random.chance(0.4);
  return { mode, chunk, size, others, disk, late, checksums };
}

export function describeWorld(world: CrashWorld): string {
  const { mode, chunk, size, others, disk, late, checksums } = world;
  const store = disk === null ? "" : `, a used disk of ${disk}`;
  const beside = others.length > 0 ? `, beside stores of chunk ${others}` : "";
  const devices = late === null ? "" : ", late devices";
  const sums = checksums ? ", checksums" : "";
  return `${mode}, chunk ${chunk}, size ${size}${sums}${beside}${store}${devices}`;
}

/** Small numbers all over, which could be chunks of anything. */
const garbage = new Uint8Array(new BigUint64Array(4096).map((_, i) => BigInt(1 + (i % 61))).buffer);

/** Where a store can be made. */
export function storeImage({ disk }: CrashWorld): Image {
  const image = new Image();
  if (disk === null) return image;
  for (let at = 0; at < disk; at += garbage.length) {
    image.write(garbage, 0, Math.min(garbage.length, disk - at), at);
  }
  image.write(new Uint8Array(WIPED_BYTES), 0, WIPED_BYTES, 0);
  return image;
}

/** `images`: the store's, then the attached origin's or the base's, then those of other stores. */
export function devicesOn(
  { mode, disk }: CrashWorld,
  images: Image[],
  device: (image: Image, options: DeviceOptions) => Devices["store"],
): Devices {
  const store = device(images[0] as Image, { fixed: disk !== null });
  const under = images[1];
  if (under === undefined) return { store };
  if (mode === "base") return { store, base: device(under, { readOnly: true, fixed: true }) };
  const origin = device(under, { fixed: true });
  const others = images.slice(2).map((image) => device(image, {}));
  return { store, origin, ...(others.length > 0 && { others }) };
}
