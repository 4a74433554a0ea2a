/** Makes mutations: picks structures and fields, and values that hurt. */
import { BLOCK, HEADER } from "../format/blocks.ts";
import type { Image } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import type { Anatomy, Field, Kind, Structure } from "./anatomy.ts";
import type { Step } from "./mutation.ts";

const KINDS: Record<Kind, number> = {
  super: 20,
  tables: 14,
  views: 10,
  space: 4,
  leaf: 18,
  inner: 12,
  record: 24,
  header: 8,
  area: 30,
};

const NAMES = ["", "a", "snapshot-0", "\xff\xfe\x80", "x".repeat(255), "..", "a\0b", "\xc0\xaf"];

export class Mutator {
  readonly #random: Random;
  readonly #anatomy: Anatomy;
  readonly #image: Image;
  readonly #byKind = new Map<Kind, Structure[]>();

  constructor(random: Random, anatomy: Anatomy, image: Image) {
    this.#random = random;
    this.#anatomy = anatomy;
    this.#image = image;
    for (const structure of anatomy.structures) {
      const same = this.#byKind.get(structure.kind);
      if (same) same.push(structure);
      else this.#byKind.set(structure.kind, [structure]);
    }
  }

  step(): Step {
    const random = this.#random;
    const how = random.weighted({
      field: 60,
      operation: 14,
      copy: 8,
      node: 8,
      bits: 6,
      view: 5,
      text: 2,
      cut: 1,
    });
    if (how === "field") return this.#field();
    if (how === "operation" && this.#byKind.has("record")) return this.#operation();
    if (how === "copy") return this.#copy();
    if (how === "node" && this.#byKind.has("leaf")) return this.#node();
    if (how === "view" && this.#byKind.has("views")) return this.#view();
    if (how === "text" && this.#byKind.has("super")) return this.#text();
    if (how === "cut") {
      return { what: "cut", at: random.below(this.#image.size / 512) * 512, cut: true };
    }
    return this.#bits();
  }

  #pick(kind?: Kind): Structure {
    if (kind) return this.#random.pick(this.#byKind.get(kind) as Structure[]);
    const weights = Object.fromEntries([...this.#byKind.keys()].map((key) => [key, KINDS[key]]));
    return this.#pick(this.#random.weighted(weights) as Kind);
  }

  #field(): Step {
    const structure = this.#pick();
    const field = this.#pickField(structure);
    const value = this.#value(field);
    return this.#put(`${structure.kind} ${field.name}`, field, value);
  }

  #pickField({ fields }: Structure): Field {
    const random = this.#random;
    // The header's fields are few beside those of entries.
    return random.chance(0.3) ? random.pick(fields.slice(0, 24)) : random.pick(fields);
  }

  #put(what: string, { at, bytes }: { at: number; bytes: number }, value: bigint): Step {
    const buffer = Buffer.alloc(8);
    buffer.writeBigUInt64LE(BigInt.asUintN(64, value));
    const hex = buffer.subarray(0, bytes).toString("hex");
    return { what: `${what} = ${BigInt.asUintN(8 * bytes, value)}`, at, hex };
  }

  #now({ at, bytes }: Field): bigint {
    const found = Buffer.alloc(8);
    this.#image.read(found, 0, bytes, at);
    return found.readBigUInt64LE();
  }

  #value(field: Field): bigint {
    const random = this.#random;
    const now = this.#now(field);
    const bits = BigInt(8 * field.bytes);
    const one = 1n << BigInt(random.below(Number(bits)));
    const how = random.below(12);
    if (how === 0) return 0n;
    if (how === 1) return (1n << bits) - 1n - BigInt(random.below(3));
    if (how === 2) return now + BigInt(random.pick([1, -1, 2, -2, 64, -64]));
    if (how === 3) return now ^ one;
    if (how === 4) return one - BigInt(random.below(2));
    if (how === 5) return BigInt(random.below(300));
    if (how === 6) return now * 2n;
    if (how === 7) return this.#now(random.pick(this.#pick().fields));
    return this.#known(field.name, now);
  }

  /** A number of the kind that the field has. */
  #known(name: string, now: bigint): bigint {
    const random = this.#random;
    const { blocks, ids, places, deviceBlocks } = this.#anatomy.numbers;
    if (/PLACE/.test(name)) return (BigInt(random.pick(places)) << 16n) | (now & 0xffffn);
    if (/CHILD|ROOT|NUMBER/.test(name)) return BigInt(random.pick(blocks));
    if (/AFTER|_TO|VIEW|ID/.test(name)) return BigInt(random.pick(ids));
    if (/NEXT|TABLES|VIEWS/.test(name)) return BigInt(random.pick(deviceBlocks));
    if (/SPAN|LAST/.test(name)) {
      return (BigInt(random.below(100)) << 16n) | BigInt(random.below(random.pick([3, 99, 65536])));
    }
    if (/LEVEL|HEIGHT/.test(name)) return BigInt(random.below(14));
    if (/flags/.test(name)) return BigInt(random.below(16)) | (now & 0xfff0n);
    const pool = random.pick([blocks, ids, places, deviceBlocks]);
    return BigInt(random.pick(pool));
  }

  /** An operation of a record becomes another. */
  #operation(): Step {
    const random = this.#random;
    const record = this.#pick("record");
    const { at, length } = random.pick(record.parts);
    const { ids, places } = this.#anatomy.numbers;
    const bytes = Buffer.alloc(Math.min(length, 24));
    const kind = random.chance(0.9) ? random.between(1, 10) : random.below(256);
    bytes[0] = kind;
    bytes[1] = random.pick([0, 0, 0, 1, 2, 4, 8, 10, 12, 255]);
    bytes.writeUInt16LE(random.pick([0, 1, 1, 2, 7, 64, 64, 255, 256, 65535]), 2);
    bytes.writeUInt32LE(random.chance(0.9) ? random.pick(ids) : random.u32(), 4);
    const far = [2n ** 32n, 2n ** 47n - 1n, 2n ** 48n, 2n ** 64n - 1n];
    const word = () => {
      if (random.chance(0.15)) return random.pick(far);
      const pool = random.chance(0.5) ? places : ids.concat(5, 9, 50, 95, 96);
      return BigInt(random.pick(pool));
    };
    bytes.writeBigUInt64LE(kind === 3 && random.chance(0.7) ? 1n : word(), 8);
    bytes.writeBigUInt64LE(word(), 16);
    return { what: `operation ${kind}`, at, hex: bytes.toString("hex") };
  }

  /** A structure stands where another was; mostly under the number that belongs there. */
  #copy(): Step {
    const random = this.#random;
    const from = this.#pick();
    const to = random.chance(0.6) ? this.#pick(from.kind) : this.#pick();
    const what = `${from.kind} copied to ${to.kind}`;
    if (from.kind === "record" || from.kind === "super" || random.chance(0.2)) {
      return { what, at: to.at, from: from.at, length: Math.min(from.length, to.length) };
    }
    const skip = random.chance(0.5) ? 8 : HEADER;
    return { what, at: to.at + skip, from: from.at + skip, length: BLOCK - skip };
  }

  /** A node of any entries. */
  #node(): Step {
    const random = this.#random;
    const wanted = random.pick(["leaf", "leaf", "inner", "space"] as const);
    const target = this.#pick(this.#byKind.has(wanted) ? wanted : "leaf");
    const level = random.below(random.pick([1, 2, 4]));
    const count = random.pick([1, 2, random.below(252), level > 0 ? 252 : 168, 65535]);
    const entryBytes = level > 0 ? 16 : 24;
    const bytes = Buffer.alloc(BLOCK - 8);
    bytes.writeUInt16LE(level, 0);
    bytes.writeUInt16LE(count, 2);
    bytes.writeUInt32LE(level > 0 ? 0x52454e49 : 0x4641454c, 4);
    this.#image.read(bytes, 8, 24, target.at + 16);
    const { blocks, ids, places } = this.#anatomy.numbers;
    const stays = random.below(4);
    let last = 0;
    for (let i = 0; i < Math.min(count, 250); i++) {
      const at = HEADER - 8 + i * entryBytes;
      if (at + entryBytes > bytes.length) break;
      if (random.below(4) >= stays) last += 1 + random.below(3);
      const span = (BigInt(last) << 16n) | (level > 0 ? 0n : 1n);
      bytes.writeBigUInt64LE(span, at);
      if (level > 0) {
        bytes.writeUInt32LE(random.pick(ids), at + 8);
        bytes.writeUInt32LE(random.pick(blocks), at + 12);
      } else {
        const [after, to] = [random.below(12), random.below(12)];
        bytes.writeUInt32LE(Math.min(after, to), at + 8);
        bytes.writeUInt32LE(Math.max(after, to), at + 12);
        const flags = random.pick([0, 1, 2, 8, random.below(16)]);
        const place = BigInt(random.chance(0.8) ? 140 + random.below(400) : random.pick(places));
        bytes.writeBigUInt64LE((place << 16n) | BigInt(flags), at + 16);
      }
    }
    return { what: `${target.kind} made anew`, at: target.at + 8, hex: bytes.toString("hex") };
  }

  /** A record of the views stream, with a name. */
  #view(): Step {
    const random = this.#random;
    const { at } = this.#pick("views");
    const { ids } = this.#anatomy.numbers;
    const name = Buffer.from(random.pick(NAMES), "latin1");
    const bytes = Buffer.alloc(48 + Math.ceil(name.length / 8) * 8);
    bytes.writeUInt32LE(random.pick(ids), 0);
    bytes.writeUInt32LE(random.pick(ids), 4);
    bytes.writeUInt32LE(random.pick([0, 1, 2, 3, 4, 5, 7, 0x101, 0x3f01, 0xffffffff]), 8);
    bytes.writeUInt32LE(random.pick([name.length, 0, 256, 65535]), 12);
    const times = [0, 1e12, Number.NaN, 1e300, -1, Number.POSITIVE_INFINITY];
    bytes.writeDoubleLE(random.pick(times), 16);
    const sizes = [0n, 512n, 393216n, 2n ** 40n, 2n ** 52n, 2n ** 63n, 2n ** 64n - 1n];
    bytes.writeBigUInt64LE(random.pick(sizes), 24);
    bytes.set(name, 48);
    const word = random.chance(0.4) ? 0 : random.below(60);
    return { what: "view", at: at + HEADER + 8 * word, hex: bytes.toString("hex") };
  }

  /** A text of the superblock: a path, or the victims. */
  #text(): Step {
    const random = this.#random;
    const { at } = this.#pick("super");
    const text = random.chance(0.5)
      ? random.bytes(random.below(600))
      : Buffer.from(random.pick(["a*".repeat(200), "*=9999999999", "a=1=2,,", "\xff", "/\0/", ""]));
    const length = random.chance(0.8) ? text.length : random.pick([1021, 1022, 1023, 65535]);
    const bytes = Buffer.alloc(2 + text.length);
    bytes.writeUInt16LE(length, 0);
    bytes.set(text, 2);
    const field = random.pick([512, 1536, 2560]);
    return { what: "text", at: at + field, hex: bytes.toString("hex") };
  }

  /** Some bits, anywhere: seldom with a right checksum. */
  #bits(): Step {
    const random = this.#random;
    const structure = this.#pick();
    const at = structure.at + random.below(structure.length);
    const byte = Buffer.alloc(1);
    this.#image.read(byte, 0, 1, at);
    byte[0] = random.chance(0.7) ? byte[0]! ^ (1 << random.below(8)) : random.below(256);
    const blind = random.chance(0.5);
    return { what: `byte of ${structure.kind}`, at, hex: byte.toString("hex"), blind };
  }
}
