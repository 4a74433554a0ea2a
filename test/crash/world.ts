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
  /** The store is on a disk that was in use before, instead of a file that grows. */
  used: boolean;
  /** Devices that answer late. */
  late: Random | null;
}

const DISK_BYTES = 8 * 2 ** 20;
/** What is wiped of a disk before a store is made on it. */
const WIPED_BYTES = 8192;

export function drawWorld(random: Random, { origins, chunk: [least] }: Capabilities): CrashWorld {
  const small = [least, least, 2 * least, 4096];
  const chunk = random.pick(least < 4096 ? small : [4096, 4096, 8192]);
  // With the smallest chunks a store of 32 exceptions to an area fills some.
  const size = chunk * random.between(2, chunk < 4096 ? 80 : 8);
  const mode = random.pick(origins);
  const used = random.chance(0.1);
  return { mode, chunk, size, used, late: random.chance(0.3) ? random.fork() : null };
}

export function describeWorld({ mode, chunk, size, used, late }: CrashWorld): string {
  const store = used ? ", a used disk" : "";
  return `${mode}, chunk ${chunk}, size ${size}${store}${late === null ? "" : ", late devices"}`;
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

/** `images`: the store's, then the attached origin's or the base's. */
export function devicesOn(
  { mode, used }: CrashWorld,
  images: Image[],
  device: (image: Image, options: DeviceOptions) => Devices["store"],
): Devices {
  const store = device(images[0] as Image, { fixed: used });
  const under = images[1];
  if (under === undefined) return { store };
  if (mode === "base") return { store, base: device(under, { readOnly: true, fixed: true }) };
  return { store, origin: device(under, { fixed: true }) };
}
