/** Messages as they should not be. */
import type { Random } from "../../model/prng.ts";
import { CMD, MIB, option, request, u32 } from "../messages.ts";
import { Cursor } from "./cursor.ts";

/** Payloads that come with a request, at most: more would be a test of the socket. */
const PAYLOAD_BYTES_MAX = 70_000;

const LENGTHS = [0, 1, 511, 512, 513, 4095, 4096, 4097, 65535, 65536, 65537];
const HUGE = [MIB, 32 * MIB - 1, 32 * MIB, 32 * MIB + 1, 40 * MIB, 2 ** 31, 2 ** 32 - 1];
const OPTION_LENGTHS = [0, 1, 3, 65535, 65536, 65537, 2 ** 31, 2 ** 32 - 1];

/** A length: small, at a border, or (seldom, it may cost) huge. */
export function length(random: Random): number {
  if (random.chance(0.004)) return random.pick(HUGE);
  if (random.chance(0.2)) return 2 ** 31 + random.below(2 ** 31);
  return random.chance(0.5) ? random.pick(LENGTHS) : random.below(random.pick([100, 20_000]));
}

export function offset(random: Random, size: number): bigint {
  if (random.chance(0.6)) return BigInt(random.below(size));
  const near = [0, size, 2 ** 31, 2 ** 32, 2 ** 53].map(BigInt);
  const base = random.pick([...near, 2n ** 63n, 2n ** 64n]);
  const moved = base + BigInt(random.between(-70_000, 70_000) >> random.below(17));
  return moved < 0n ? 0n : moved >= 2n ** 64n ? 2n ** 64n - 1n : moved;
}

/** A request with some fields that are anything: mostly one that does not end the conversation. */
export function requestFields(random: Random, bytes: Buffer, size: number): Buffer {
  const fields = new Cursor(bytes);
  fields.take(4);
  let [flags, type, cookie] = [fields.u16(), fields.u16(), fields.u64()];
  let [from, count] = [fields.u64(), fields.u32()];
  for (let i = random.between(1, 3); i > 0; i--) {
    const field = random.below(5);
    if (field === 0) flags = random.chance(0.7) ? 1 << random.below(16) : random.below(65536);
    else if (field === 1) type = random.chance(0.7) ? random.below(10) : random.below(65536);
    else if (field === 2) cookie = (BigInt(random.u32()) << 32n) | BigInt(random.u32());
    else if (field === 3) from = offset(random, size);
    else count = length(random);
  }
  if (type === CMD.disconnect && random.chance(0.95)) type = CMD.flush;
  if (type === CMD.write && count > PAYLOAD_BYTES_MAX && random.chance(0.97)) count = 100;
  const payload = type === CMD.write ? Math.min(count, PAYLOAD_BYTES_MAX) : 0;
  const head = request({ type, flags, cookie, offset: from, length: count });
  return Buffer.concat([head, random.bytes(payload)]);
}

/** An option that is wrong inside, of a length that is right: the conversation goes on. */
export function optionFields(random: Random, bytes: Buffer): Buffer {
  const fields = new Cursor(bytes);
  fields.take(8);
  let code = fields.u32();
  let data: Buffer = Buffer.from(bytes.subarray(16));
  switch (random.below(6)) {
    case 0:
      code = random.chance(0.7) ? random.below(14) : random.u32();
      break;
    case 1:
      data = data.subarray(0, random.below(data.length + 1));
      break;
    case 2:
      data = Buffer.concat([data, random.bytes(random.between(1, 30))]);
      break;
    case 3:
      if (data.length >= 4)
        data.set(u32(random.pick(OPTION_LENGTHS)), random.below(data.length - 3));
      break;
    case 4:
      data = Buffer.from(random.bytes(random.below(random.pick([8, 200]))));
      break;
    default:
      data = bits(random, data);
  }
  // EXPORT_NAME of what is not there ends it.
  if (code === 1 && random.chance(0.9)) code = random.between(6, 10);
  return option(code, data);
}

/** Some bits are others. */
export function bits(random: Random, bytes: Buffer): Buffer {
  const changed = Buffer.from(bytes);
  for (let i = random.between(1, 8); i > 0 && bytes.length > 0; i--) {
    changed[random.below(bytes.length)] ^= 1 << random.below(8);
  }
  return changed;
}

/** What mostly ends a conversation: the stream is another from here on. */
export function harsh(random: Random, bytes: Buffer, other: Buffer): Buffer {
  const cut = bytes.subarray(0, random.below(bytes.length + 1));
  switch (random.below(6)) {
    case 0:
      return bits(random, bytes);
    case 1:
      return cut;
    case 2:
      return Buffer.concat([cut, other.subarray(random.below(other.length + 1))]);
    case 3:
      return Buffer.concat([random.bytes(random.between(1, 40)), bytes]);
    case 4:
      return Buffer.concat([cut, random.bytes(random.between(1, 100)), bytes]);
    default: {
      // Twelve bytes into an option, twenty-four into a request, its length is found.
      const lying = Buffer.from(bytes);
      const at = bytes.length >= 28 && bytes[0] === 0x25 ? 24 : 12;
      if (lying.length >= at + 4) lying.set(u32(random.pick(OPTION_LENGTHS)), at);
      return lying;
    }
  }
}
