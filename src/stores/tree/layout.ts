/**
 * Superblock fields that the host reads and writes; the offsets are the engine's
 * (`assembly/layout.ts`).
 */
import type { Engine } from "../../engine/engine.ts";
import type { OriginMode, Policy } from "../store.ts";

export const SUPER_BYTES = 4096;
export const MODES: OriginMode[] = ["inline", "base", "attached"];
export const FEATURE_SUMS = 1;
/** Of SUPER_INCOMPATIBLE: views were rolled back. */
export const FEATURE_SEATS = 1;
/** Views have marks, or were changed in other ways. */
export const FEATURE_MARKS = 2;
/** Views have more chunks than the origin's size tells. */
export const FEATURE_WIDE = 4;
/** All of them that are known. */
export const FEATURES = 7;
/** A record whose number is further off than this is no record of this journal, but damage. */
export const AHEAD_MAX = 2 ** 32;
export const KIND_RANGE = 1;
export const KIND_BITMAP = 2;
/** Bits of SUPER_POLICY. */
const POLICY_GIVES_UP = 1;

/** One superblock image in engine memory. */
export class Superblock {
  readonly #engine: Engine;
  readonly #at: number;

  constructor(engine: Engine, at: number) {
    this.#engine = engine;
    this.#at = at;
  }

  #view(): DataView {
    return new DataView(this.#engine.memory.buffer, this.#at, SUPER_BYTES);
  }

  /** Read often: through the engine's own view, since a new one of shared memory costs a lot. */
  u32(field: string): number {
    return this.#engine.u32[(this.#at + this.#engine.constant(field)) >>> 2]!;
  }

  setU32(field: string, value: number): void {
    this.#view().setUint32(this.#engine.constant(field), value, true);
  }

  /** A u64 that is known to be below 2^53. */
  u64(field: string): number {
    return this.#engine.u64At(this.#at + this.#engine.constant(field));
  }

  setU64(field: string, value: number): void {
    this.#view().setBigUint64(this.#engine.constant(field), BigInt(value), true);
  }

  f64(field: string): number {
    return this.#view().getFloat64(this.#engine.constant(field), true);
  }

  setF64(field: string, value: number): void {
    this.#view().setFloat64(this.#engine.constant(field), value, true);
  }

  setBytes(field: string, bytes: Uint8Array): void {
    this.#engine.u8.set(bytes, this.#at + this.#engine.constant(field));
  }

  uuid(): string {
    const from = this.#at + this.#engine.constant("SUPER_UUID");
    const hex = Array.from(this.#engine.u8.slice(from, from + 16), (byte) =>
      byte.toString(16).padStart(2, "0"),
    ).join("");
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, "$1-$2-$3-$4-$5");
  }

  path(field: string): string | null {
    const from = this.#at + this.#engine.constant(field);
    const length = this.#engine.u8[from]! | (this.#engine.u8[from + 1]! << 8);
    if (length === 0) return null;
    return new TextDecoder().decode(this.#engine.u8.slice(from + 2, from + 2 + length));
  }

  policy(): Policy {
    const preserves = (this.u32("SUPER_POLICY") & POLICY_GIVES_UP) === 0;
    return { victims: this.path("SUPER_VICTIMS"), preserves };
  }

  setPolicy({ victims, preserves }: Policy): void {
    this.setU32("SUPER_POLICY", preserves ? 0 : POLICY_GIVES_UP);
    if (victims !== null) this.setPath("SUPER_VICTIMS", new TextEncoder().encode(victims));
  }

  setPath(field: string, path: Uint8Array): void {
    const length = new Uint8Array([path.length & 255, path.length >>> 8]);
    this.setBytes(field, length);
    this.#engine.u8.set(path, this.#at + this.#engine.constant(field) + 2);
  }
}
