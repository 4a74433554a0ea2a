/**
 * Both superblocks of a device, each as far as it can be read: with a flipped bit put right, or
 * taken from the other's slot.
 */
import { MultisnapError } from "../../../errors.ts";
import type { Task } from "../../../task.ts";
import type { OriginMode } from "../../store.ts";
import { FEATURES, KIND_BITMAP, KIND_RANGE, MODES } from "../layout.ts";
import { BLOCK, type Blocks, putU32, type Seal, u32At, u64At } from "./blocks.ts";
import { flippedBit } from "./flip.ts";

/** "MULTISNP" */
const MAGIC = [0x544c554d, 0x504e5349];
const SIZE_MAX = 2 ** 52;
/** Generations, sequences and bytes are exact in a double. */
const EXACT = 2 ** 53;
const PLACES_MAX = 2 ** 47;
/** Milliseconds that a date has on either side of 1970. */
const TIME_MAX = 8.64e15;
const LEVELS_MAX = 12;

/** The 4,096 bytes of a superblock. */
export class SuperImage {
  readonly bytes: Uint8Array;
  readonly #blocks: Blocks;

  constructor(blocks: Blocks, bytes: Uint8Array) {
    this.#blocks = blocks;
    this.bytes = bytes;
  }

  u32(field: string): number {
    return u32At(this.bytes, this.#blocks.constant(field));
  }
  u64(field: string): number {
    return u64At(this.bytes, this.#blocks.constant(field));
  }
  u16(field: string): number {
    return this.u32(field) & 0xffff;
  }

  /** Milliseconds since 1970. */
  get created(): number {
    const at = this.bytes.byteOffset + this.#blocks.constant("SUPER_CREATED");
    return new DataView(this.bytes.buffer).getFloat64(at, true);
  }
  get slot(): number {
    return this.u32("SUPER_SLOT");
  }
  get generation(): number {
    return this.u64("SUPER_GENERATION");
  }
  get kind(): "range" | "bitmap" {
    return this.u32("SUPER_KIND") === KIND_BITMAP ? "bitmap" : "range";
  }
  get mode(): OriginMode {
    return MODES[this.u32("SUPER_MODE")]!;
  }
  /** Bytes. */
  get chunk(): number {
    return 2 ** this.u32("SUPER_CHUNK_SHIFT");
  }
  /** Device blocks of a chunk. */
  get blocksPerChunk(): number {
    return this.chunk / BLOCK;
  }
  /** Metadata blocks of a whole slab. */
  get slabBlocks(): number {
    return Math.max(64, this.blocksPerChunk);
  }
  get areaBlocks(): number {
    return this.u32("SUPER_AREA_BLOCKS");
  }
  /** Chunks that superblocks and journal areas take. */
  get fixedChunks(): number {
    return Math.ceil((2 + 2 * this.areaBlocks) / this.blocksPerChunk);
  }
  /** Null: not known. */
  path(field: string): string | null {
    const at = this.#blocks.constant(field);
    const length = this.u16(field);
    const bytes = this.bytes.subarray(at + 2, at + 2 + length);
    return length === 0 ? null : new TextDecoder().decode(bytes);
  }
  /** Chunks up to the highest place that was ever in use. */
  get top(): number {
    return this.u64("SUPER_TOP");
  }
  /** Whether the first half of a uuid, at `at` of `bytes`, is this store's. */
  isOfStore(bytes: Uint8Array, at: number): boolean {
    const uuid = this.#blocks.constant("SUPER_UUID");
    for (let i = 0; i < 8; i++) if (bytes[at + i] !== this.bytes[uuid + i]) return false;
    return true;
  }
}

/**
 * `flipped`: one bit was wrong; `misplaced`: it is the other slot's; `empty`: all zeros; `foreign`:
 * no superblock.
 */
export type SuperState =
  | "good"
  | "flipped"
  | "misplaced"
  | "empty"
  | "foreign"
  | "damaged"
  | "unsupported";

export interface SuperSlot {
  slot: number;
  state: SuperState;
  /** What can be read; null: nothing. */
  image: SuperImage | null;
}

export interface Supers {
  slots: [SuperSlot, SuperSlot];
  /** Of the newest checkpoint, and of the one before where that can be read. */
  newest: SuperImage;
  older: SuperImage | null;
}

/**
 * Errors: as of opening a store of which no superblock can be read: `Corrupt`, `Unsupported`,
 * `Invalid` (no store).
 */
export function* readSupers(blocks: Blocks): Task<Supers> {
  const slots: [SuperSlot, SuperSlot] = [yield* readSlot(blocks, 0), yield* readSlot(blocks, 1)];
  const { name } = blocks.device;
  const images = slots.flatMap(({ image }) => (image ? [image] : []));
  images.sort((a, b) => b.generation - a.generation);
  const [newest, older] = images;
  if (slots.some(({ state }) => state === "unsupported")) {
    throw new MultisnapError(
      "Unsupported",
      `${name} was written by a version that this one does not know: use a newer multisnap`,
    );
  }
  if (!newest) {
    if (slots.some(({ state }) => state === "damaged")) {
      throw new MultisnapError(
        "Corrupt",
        `both superblocks of ${name} are damaged, and no bit of them can be put right: restore ` +
          "a dump, if there is one",
      );
    }
    throw new MultisnapError("Invalid", `${name} is not a multisnap store`);
  }
  return { slots, newest, older: older ?? null };
}

function* readSlot(blocks: Blocks, slot: number): Task<SuperSlot> {
  const bytes = yield* blocks.read(slot, 1);
  if (bytes.every((byte) => byte === 0)) return { slot, state: "empty", image: null };
  const image = new SuperImage(blocks, bytes);
  const seal = isSealed(blocks, bytes) ? "sound" : mend(blocks, bytes) ? "flipped" : "damaged";
  const state = stateOf(blocks, image, seal);
  if (state !== "good") return { slot, state, image: null };
  if (image.slot !== slot) return { slot, state: "misplaced", image };
  return { slot, state: seal === "flipped" ? "flipped" : "good", image };
}

function stateOf(blocks: Blocks, image: SuperImage, seal: Seal): SuperState {
  const { bytes } = image;
  if (u32At(bytes, 0) !== MAGIC[0] || u32At(bytes, 4) !== MAGIC[1]) return "foreign";
  const isVersion = image.u32("SUPER_VERSION") === blocks.constant("VERSION");
  if (!isVersion) return "unsupported";
  if (seal === "damaged") return "damaged";
  const kind = image.u32("SUPER_KIND");
  const isKind = kind === KIND_RANGE || kind === KIND_BITMAP;
  if ((image.u32("SUPER_INCOMPATIBLE") & ~FEATURES) !== 0 || !isKind) return "unsupported";
  return isSane(image) ? "good" : "damaged";
}

/** Computed xor stored crc; the field itself counts as zeros. */
function difference(blocks: Blocks, bytes: Uint8Array): number {
  const at = blocks.constant("SUPER_CRC");
  const stored = u32At(bytes, at);
  putU32(bytes, at, 0);
  const computed = blocks.crc(bytes);
  putU32(bytes, at, stored);
  return computed ^ stored;
}

function isSealed(blocks: Blocks, bytes: Uint8Array): boolean {
  return difference(blocks, bytes) === 0;
}

function mend(blocks: Blocks, bytes: Uint8Array): boolean {
  const wrong = difference(blocks, bytes);
  const bit = flippedBit(wrong, BLOCK);
  if (bit === null) return false;
  const at = blocks.constant("SUPER_CRC");
  if (bit >= 0) bytes[bit >>> 3]! ^= 1 << (bit & 7);
  else putU32(bytes, at, (u32At(bytes, at) ^ wrong) >>> 0);
  return isSealed(blocks, bytes);
}

/**
 * Bounds without which nothing else can be looked at: those of opening, but for counts, which a
 * repair makes anew.
 */
function isSane(image: SuperImage): boolean {
  const shift = image.u32("SUPER_CHUNK_SHIFT");
  const size = image.u64("SUPER_SIZE");
  return (
    shift >= 12 &&
    shift <= 20 &&
    isNumber(image.generation) &&
    isNumber(image.u64("SUPER_SEQUENCE")) &&
    image.u64("SUPER_LIMIT") <= EXACT &&
    image.u32("SUPER_NEXT_ID") > 1 &&
    Math.abs(image.created) <= TIME_MAX &&
    image.areaBlocks >= 64 &&
    image.areaBlocks <= 2 ** 20 &&
    image.u32("SUPER_AREA") < 2 &&
    image.u32("SUPER_HEIGHT") <= LEVELS_MAX &&
    image.u32("SUPER_MODE") < MODES.length &&
    size > 0 &&
    size <= SIZE_MAX &&
    size % 512 === 0 &&
    image.fixedChunks <= image.top &&
    image.top <= PLACES_MAX &&
    image.u16("SUPER_ORIGIN_PATH") < 1023 &&
    image.u16("SUPER_BASE_PATH") < 1023 &&
    image.u16("SUPER_VICTIMS") < 511
  );
}

/** Whether it can be a generation, or a record's sequence. */
function isNumber(number: number): boolean {
  return number >= 1 && number <= EXACT;
}
