/** The circumstances of a history that crashes, and the devices that it runs on. */
import type { Capabilities } from "../../src/stores/store.ts";
import { Image } from "../model/image.ts";
import type { OriginMode } from "../model/model.ts";
import type { Random } from "../model/prng.ts";
import type { Devices } from "../model/subjects.ts";
import type { DeviceOptions } from "./log.ts";

export interface CrashWorld {
  mode: OriginMode;
  chunk: number;
  size: number;
  /** Bytes of a chunk of each further store on the same origin. */
  others: readonly number[];
  /** The store is on a disk that was in use before, instead of a file that grows. */
  used: boolean;
  /** Devices that answer late. */
  late: Random | null;
}

const OTHERS = [[512], [4096], [1024, 2048]];
const DISK_BYTES = 8 * 2 ** 20;
/** What is wiped of a disk before a store is made on it. */
const WIPED_BYTES = 8192;

export function drawWorld(random: Random, capabilities: Capabilities): CrashWorld {
  const { origins, merge: canJoin } = capabilities;
  const [least] = capabilities.chunk;
  const small = [least, least, 2 * least, 4096];
  const chunk = random.pick(least < 4096 ? small : [4096, 4096, 8192]);
  // With the smallest chunks a store of 32 exceptions to an area fills some.
  const size = chunk * random.between(2, chunk < 4096 ? 80 : 8);
  const mode = random.pick(origins);
  const used = random.chance(0.1);
  const late = random.chance(0.3) ? random.fork() : null;
  const others = canJoin && random.chance(0.3) ? random.pick(OTHERS) : [];
  return { mode, chunk, size, others, used, late };
}

export function describeWorld({ mode, chunk, size, others, used, late }: CrashWorld): string {
  const store = used ? ", a used disk" : "";
  const beside = others.length > 0 ? `, beside stores of chunk ${others}` : "";
  const devices = late === null ? "" : ", late devices";
  return `${mode}, chunk ${chunk}, size ${size}${beside}${store}${devices}`;
}

/** Small numbers all over, which could be chunks of anything. */
const garbage = new Uint8Array(new BigUint64Array(4096).map((_, i) => BigInt(1 + (i % 61))).buffer);

/** Where a store can be made. */
export function storeImage({ used }: CrashWorld): Image {
  const image = new Image();
  if (!used) return image;
  for (let at = 0; at < DISK_BYTES; at += garbage.length) {
    image.write(garbage, 0, garbage.length, at);
  }
  image.write(new Uint8Array(WIPED_BYTES), 0, WIPED_BYTES, 0);
  return image;
}

/** `images`: the store's, then the attached origin's or the base's, then those of other stores. */
export function devicesOn(
  { mode, used }: CrashWorld,
  images: Image[],
  device: (image: Image, options: DeviceOptions) => Devices["store"],
): Devices {
  const store = device(images[0] as Image, { fixed: used });
  const under = images[1];
  if (under === undefined) return { store };
  if (mode === "base") return { store, base: device(under, { readOnly: true, fixed: true }) };
  const origin = device(under, { fixed: true });
  const others = images.slice(2).map((image) => device(image, {}));
  return { store, origin, ...(others.length > 0 && { others }) };
}
