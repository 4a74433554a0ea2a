/**
 * Runs cases in this process, on the guarded engine, and says what came of each. The corpus holds
 * the mutations that reached something new: blocks of the engine that ran one after the other, or
 * an outcome; new cases are made of them.
 */
import { MultisnapError } from "../../src/errors.ts";
import { bytesOf } from "../format/agree.ts";
import { StoreReader } from "../format/reader.ts";
import type { Image } from "../model/image.ts";
import type { Random } from "../model/prng.ts";
import { type Anatomy, anatomyOf } from "./anatomy.ts";
import { type Base, makeBases } from "./bases.ts";
import { Finding } from "./device.ts";
import { Exercise } from "./exercise.ts";
import { COVERAGE_BYTES, FOUND_KINDS, GUARD } from "./guarded-engine.ts";
import { Mutator } from "./mutate.ts";
import { apply, type Step } from "./mutation.ts";

/** Blocks of engine code that one open volume may run. */
const WORK_MAX = 40_000_000;
const MEMORY_BYTES_MAX = 96 * 2 ** 20;
const CORPUS_MAX = 4000;
/** Of a case in the corpus. */
const STEPS_MAX = 8;

export interface Case {
  base: string;
  seed: number;
  steps: Step[];
}

export interface Result {
  outcomes: string[];
  /** What must not be, or null. */
  finding: string | null;
  /** More about it. */
  detail: string;
  edges: number;
  /** The case is in the corpus now. */
  isKept: boolean;
}

const memories: WebAssembly.Memory[] = [];
/** No limit while the bases are made. */
let workMax = 0xffffffff;

/** From now on every engine is a guarded one. */
export async function useGuarded(wasm: Uint8Array<ArrayBuffer>): Promise<void> {
  const module = await WebAssembly.compile(wasm);
  WebAssembly.compile = () => Promise.resolve(module);
  const Memory = WebAssembly.Memory;
  class Counted extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      // The smallest one only tells how much memory an engine needs; the guards need more of it.
      super(descriptor.initial > 16 ? descriptor : { ...descriptor, initial: 256, maximum: 256 });
      new Uint32Array(this.buffer)[(GUARD + 16) / 4] = workMax;
      memories.push(this);
    }
  }
  WebAssembly.Memory = Counted;
}

export class Cases {
  readonly corpus: Case[] = [];
  readonly #bases: { base: Base; anatomy: Anatomy }[];
  readonly #blocks: string[];
  readonly #edges = new Uint8Array(COVERAGE_BYTES);
  readonly #signatures = new Set<string>();
  edges = 0;

  private constructor(bases: Base[], blocks: string[]) {
    this.#bases = bases.map((base) => ({ base, anatomy: anatomyOf(base) }));
    this.#blocks = blocks;
  }

  static async make(blocks: string[], only?: string): Promise<Cases> {
    const bases = (await makeBases()).filter(({ name }) => name.includes(only ?? ""));
    const made = new Cases(bases, blocks);
    const [finding] = made.#look();
    if (finding !== null) throw new Error(`while the bases were made: ${finding}`);
    workMax = WORK_MAX;
    return made;
  }

  /** Pairs of blocks that ran, a bit each, in base64. */
  get covered(): string {
    const bits = new Uint8Array(COVERAGE_BYTES / 8);
    for (let i = 0; i < COVERAGE_BYTES; i++) bits[i >>> 3]! |= this.#edges[i]! << (i & 7);
    return Buffer.from(bits).toString("base64");
  }

  set covered(text: string) {
    const bits = Buffer.from(text, "base64");
    for (let i = 0; i < COVERAGE_BYTES; i++) this.#edges[i]! |= (bits[i >>> 3]! >>> (i & 7)) & 1;
    this.edges = this.#edges.reduce((sum, bit) => sum + bit, 0);
  }

  get bases(): string[] {
    return this.#bases.map(({ base }) => base.name);
  }

  /** A new case: of the corpus with something more, or wholly new. */
  next(random: Random): Case {
    const seed = random.u32();
    const old = this.corpus.length > 0 && random.chance(0.6) ? this.#old(random) : null;
    const base = old?.base ?? random.pick(this.#bases).base.name;
    const steps = [...(old?.steps ?? [])];
    if (steps.length > 1 && random.chance(0.3)) steps.splice(random.below(steps.length), 1);
    const { base: found, anatomy } = this.#find(base);
    const mutator = new Mutator(random, anatomy, found.store);
    for (let n = random.pick([1, 1, 1, 2, 3]); n > 0; n--) steps.push(mutator.step());
    return { base, seed, steps };
  }

  #old(random: Random): Case {
    const { length } = this.corpus;
    const from = random.chance(0.5) ? Math.max(0, length - 200) : 0;
    return this.corpus[random.between(from, length - 1)] as Case;
  }

  #find(name: string): { base: Base; anatomy: Anatomy } {
    const found = this.#bases.find(({ base }) => base.name === name);
    if (!found) throw new Error(`no base ${name}`);
    return found;
  }

  async run(one: Case, begin: (what: string) => void = () => {}): Promise<Result> {
    const { base, anatomy } = this.#find(one.base);
    const image = base.store.copy();
    apply(image, anatomy, one.steps);
    const before = image.copy();
    memories.length = 0;
    const exercise = new Exercise(base, image, one.seed, keptOf(image, anatomy), begin);
    let finding: string | null = null;
    let detail = "";
    try {
      await exercise.run();
    } catch (error) {
      [finding, detail] = judge(error);
    }
    const [seen, newEdges] = this.#look();
    if (seen !== null) finding = seen;
    if (one.steps.length === 0 && exercise.clean !== true) finding ??= "the base is not clean";
    const outcomes = exercise.outcomes;
    if (exercise.clean) {
      const refusal = refused(base, before);
      if (refusal !== null) outcomes.unshift(`clean, but not as FORMAT.md says: ${refusal}`);
    }
    const signature = outcomes.join("\n");
    const isNew = !this.#signatures.has(signature);
    if (this.#signatures.size < 200_000) this.#signatures.add(signature);
    const isNews = newEdges > 0 || (isNew && Math.abs(one.seed) % 4 === 0);
    const isKept = isNews && finding === null && one.steps.length <= STEPS_MAX;
    if (isKept) this.#keep(one);
    return { outcomes, finding, detail, edges: this.edges, isKept };
  }

  #keep(one: Case): void {
    if (this.corpus.length >= CORPUS_MAX) this.corpus.splice(one.seed % CORPUS_MAX, 1);
    this.corpus.push(one);
  }

  /** What the guards found, and how many pairs of blocks ran that never ran before. */
  #look(): [finding: string | null, edges: number] {
    let finding: string | null = null;
    let edges = 0;
    for (const { buffer } of memories) {
      const words = new Uint32Array(buffer);
      const kind = words[GUARD / 4]!;
      const block = this.#blocks[words[GUARD / 4 + 2]!];
      if (kind !== 0) finding = `guard: ${FOUND_KINDS[kind]} after ${block}`;
      const coverage = words[(GUARD + 20) / 4]!;
      if (coverage === 0) continue;
      if (buffer.byteLength > MEMORY_BYTES_MAX) finding ??= "more memory than any store needs";
      edges += this.#merge(words.subarray(coverage / 4, (coverage + COVERAGE_BYTES) / 4));
    }
    this.edges += edges;
    return [finding, edges];
  }

  #merge(words: Uint32Array): number {
    let edges = 0;
    for (let i = 0; i < words.length; i++) {
      if (words[i] === 0) continue;
      for (let at = 4 * i; at < 4 * i + 4; at++) {
        if ((words[i]! >>> (8 * (at % 4))) & 1 && this.#edges[at] === 0) {
          this.#edges[at] = 1;
          edges++;
        }
      }
    }
    return edges;
  }
}

/** Bytes that hold superblocks and journal, as the newest superblock has it. */
function keptOf(image: Image, { fixed }: Anatomy): number {
  if (fixed === 0) return 0;
  let kept = 0;
  let newest = -1n;
  for (const slot of [0, 1]) {
    const bytes = Buffer.alloc(4096);
    image.read(bytes, 0, 4096, slot * 4096);
    const generation = bytes.readBigUInt64LE(48);
    if (generation < newest) continue;
    newest = generation;
    kept = (2 + 2 * Math.min(bytes.readUInt32LE(84), 2 ** 20)) * 4096;
  }
  return Math.min(kept, fixed);
}

/** What a reader made of FORMAT.md alone says against a store that `check` calls clean. */
function refused({ kind, mode, under }: Base, image: Image): string | null {
  if (kind === "persistent") return null;
  try {
    new StoreReader(bytesOf(image), mode === "inline" ? null : bytesOf(under));
    return null;
  } catch (error) {
    return String(error).replace(/\d+/g, "#").slice(0, 120);
  }
}

function judge(error: unknown): [finding: string, detail: string] {
  const stack = error instanceof Error ? String(error.stack) : "";
  const causes: string[] = [];
  for (let cause: unknown = error; cause instanceof Error; cause = cause.cause) {
    if (cause instanceof Finding) return [cause.message.replace(/\d+/g, "#"), String(cause.stack)];
    causes.push(`${cause.name}: ${cause.message}\n${cause.stack}`);
  }
  const message = error instanceof Error ? `${error.name}: ${error.message}` : String(error);
  const code = error instanceof MultisnapError ? `${error.code} ` : "";
  const from = error instanceof MultisnapError ? "" : frame(stack);
  const name = message.replace(/\d{4,}/g, "#");
  return [`${code}${name}${from}`, causes.join("\n")];
}

/** Where an error was thrown. */
function frame(stack: string): string {
  const found = stack.split("\n").find((line) => /\/src\//.test(line));
  return found ? ` (${/src\/[^:]+:\d+/.exec(found)?.[0]})` : "";
}
