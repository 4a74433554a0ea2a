/**
 * Blocks of a remote image: those in memory, those wanted, those on their way.
 *
 * Invariants:
 * - H1 A block is in memory, or waits to be asked for, or is on its way; nobody asks twice.
 * - H2 No more than `limits.blocks` are in memory and on their way together.
 * - H3 A read answers when nothing can write to its target any more, whatever became of it.
 */
import { isClosed } from "../transfer.ts";
import type { Range } from "./answer.ts";
import type { Sink } from "./image.ts";
import { BLOCK_BYTES, type HttpLimits } from "./options.ts";

type Fetch = (range: Range, sink: Sink) => Promise<void>;

/** A read that waits for some of its blocks. */
interface Waiting {
  left: number;
  error: unknown;
  resolve: () => void;
  reject: (error: unknown) => void;
}

/** What a read wants of a block: bytes `from` to `to` of it, at `at` of the target. */
interface Want {
  read: Waiting;
  target: Uint8Array;
  at: number;
  from: number;
  to: number;
}

/** Blocks that one read registers at a time: what bounds the memory of its wants. */
const READ_BLOCKS_MAX = 1024;

export class Blocks {
  hits = 0;
  misses = 0;
  readonly #name: string;
  readonly #size: number;
  readonly #limits: HttpLimits;
  readonly #fetch: Fetch;
  /** Slots by block (CLOCK: `#used` gives a second chance), and the block of a slot, -1: none. */
  readonly #slots = new Map<number, number>();
  readonly #bytes: Uint8Array[] = [];
  readonly #blocks: number[] = [];
  readonly #used: boolean[] = [];
  readonly #free: number[] = [];
  #hand = 0;
  /** Not asked for yet: by readers, in the order of their coming, and ahead of them. */
  readonly #wanted = new Map<number, Want[]>();
  readonly #ahead = new Set<number>();
  /** On their way. */
  readonly #coming = new Map<number, Want[]>();
  #inFlight = 0;
  #isPumping = false;
  #closed = false;

  constructor(name: string, size: number, limits: HttpLimits, fetch: Fetch) {
    this.#name = name;
    this.#size = size;
    this.#limits = limits;
    this.#fetch = fetch;
  }

  /** The image's first bytes, which have come already: a block, or all of a shorter image. */
  keep(head: Uint8Array): void {
    if (head.length === 0) return;
    const slot = this.#take();
    this.#bytes[slot]!.set(head);
    this.#land(0, slot);
  }

  /** The range lies inside the image. */
  read(target: Uint8Array, start: number, range: Range): undefined | Promise<void> {
    const end = range.offset + range.length;
    const border = (Math.floor(range.offset / BLOCK_BYTES) + READ_BLOCKS_MAX) * BLOCK_BYTES;
    if (end <= border) return this.#some(target, start, range);
    return this.#inTurn(target, start, range, border);
  }

  async #inTurn(target: Uint8Array, start: number, range: Range, border: number): Promise<void> {
    const length = border - range.offset;
    await this.#some(target, start, { offset: range.offset, length });
    await this.read(target, start + length, { offset: border, length: range.length - length });
  }

  #some(target: Uint8Array, start: number, range: Range): undefined | Promise<void> {
    let read: Waiting | null = null;
    let answer: Promise<void> | undefined;
    for (let done = 0; done < range.length; ) {
      const from = (range.offset + done) % BLOCK_BYTES;
      const to = Math.min(BLOCK_BYTES, from + range.length - done);
      const block = (range.offset + done - from) / BLOCK_BYTES;
      const slot = this.#slots.get(block);
      if (slot !== undefined) {
        this.hits++;
        this.#used[slot] = true;
        target.set(this.#bytes[slot]!.subarray(from, to), start + done);
      } else {
        this.misses++;
        if (!read) {
          const made: Waiting = { left: 0, error: null, resolve: () => {}, reject: () => {} };
          answer = new Promise((resolve, reject) => Object.assign(made, { resolve, reject }));
          read = made;
        }
        read.left++;
        this.#want(block, { read, target, at: start + done, from, to });
      }
      done += to - from;
    }
    if (read) this.#pumpSoon();
    return answer;
  }

  #want(block: number, want: Want): void {
    const others = this.#coming.get(block) ?? this.#wanted.get(block);
    if (others) {
      others.push(want);
      return;
    }
    this.#ahead.delete(block);
    this.#wanted.set(block, [want]);
  }

  /** Asks for blocks that nobody waits for, when nobody waits for others. */
  prefetch(first: number, end: number): void {
    for (let block = first; block < end && block * BLOCK_BYTES < this.#size; block++) {
      const known = this.#slots.has(block) || this.#coming.has(block) || this.#wanted.has(block);
      if (!known) this.#ahead.add(block);
    }
    // What was asked for in vain, by readers that went elsewhere, does not pile up.
    for (const block of this.#ahead) {
      if (this.#ahead.size <= this.#limits.aheadBlocks) break;
      this.#ahead.delete(block);
    }
    this.#pumpSoon();
  }

  /** After all that is asked for in this turn, so that neighbours go in one request. */
  #pumpSoon(): void {
    if (this.#isPumping) return;
    this.#isPumping = true;
    queueMicrotask(() => {
      this.#isPumping = false;
      this.#pump();
    });
  }

  #pump(): void {
    while (!this.#closed && this.#inFlight < this.#limits.requests) {
      const queue = this.#wanted.size > 0 ? this.#wanted : this.#ahead;
      const [head] = queue.keys();
      if (head === undefined) return;
      let first = head;
      let count = 1;
      const most = this.#limits.rangeBlocks;
      while (count < most && this.#isQueued(first + count)) count++;
      while (count < most && this.#isQueued(first - 1)) {
        first--;
        count++;
      }
      void this.#fly(first, count);
    }
  }

  #isQueued(block: number): boolean {
    return this.#wanted.has(block) || this.#ahead.has(block);
  }

  /** One request, from its start to the last block's landing. Never rejects. */
  async #fly(first: number, count: number): Promise<void> {
    this.#inFlight++;
    const slots: number[] = [];
    for (let block = first; block < first + count; block++) {
      this.#coming.set(block, this.#wanted.get(block) ?? []);
      this.#wanted.delete(block);
      this.#ahead.delete(block);
      slots.push(this.#take());
    }
    const offset = first * BLOCK_BYTES;
    const length = Math.min(count * BLOCK_BYTES, this.#size - offset);
    let come = 0;
    let landed = 0;
    const sink: Sink = (bytes) => {
      for (let done = 0; done < bytes.length; ) {
        const from = come % BLOCK_BYTES;
        const piece = Math.min(BLOCK_BYTES - from, bytes.length - done);
        this.#bytes[slots[landed]!]!.set(bytes.subarray(done, done + piece), from);
        come += piece;
        done += piece;
        if (come % BLOCK_BYTES === 0 || come === length) {
          this.#land(first + landed, slots[landed]!);
          landed++;
        }
      }
    };
    try {
      await this.#fetch({ offset, length }, sink);
    } catch (error) {
      for (; landed < count; landed++) this.#fail(first + landed, slots[landed]!, error);
    }
    this.#inFlight--;
    this.#pump();
  }

  #land(block: number, slot: number): void {
    const wants = this.#coming.get(block) ?? [];
    this.#coming.delete(block);
    this.#slots.set(block, slot);
    this.#blocks[slot] = block;
    this.#used[slot] = wants.length > 0;
    const bytes = this.#bytes[slot]!;
    for (const { target, at, from, to, read } of wants) {
      try {
        target.set(bytes.subarray(from, to), at);
      } catch (error) {
        // Its memory is gone: that is no matter of the others.
        read.error ??= error;
      }
      settled(read);
    }
  }

  #fail(block: number, slot: number, error: unknown): void {
    const wants = this.#coming.get(block) ?? [];
    this.#coming.delete(block);
    this.#free.push(slot);
    for (const { read } of wants) {
      read.error ??= error;
      settled(read);
    }
  }

  /** A slot for a block on its way. There is one: those on their way are at most half of them. */
  #take(): number {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    if (this.#bytes.length < this.#limits.blocks) {
      this.#blocks.push(-1);
      this.#used.push(false);
      return this.#bytes.push(new Uint8Array(BLOCK_BYTES)) - 1;
    }
    for (;;) {
      const slot = this.#hand;
      this.#hand = (slot + 1) % this.#bytes.length;
      const block = this.#blocks[slot]!;
      if (block < 0) continue;
      if (this.#used[slot]) {
        this.#used[slot] = false;
        continue;
      }
      this.#slots.delete(block);
      this.#blocks[slot] = -1;
      return slot;
    }
  }

  /** Those on their way fail with their requests. */
  close(): void {
    this.#closed = true;
    for (const wants of this.#wanted.values()) {
      for (const { read } of wants) {
        read.error ??= isClosed(this.#name);
        settled(read);
      }
    }
    this.#wanted.clear();
    this.#ahead.clear();
    this.#slots.clear();
  }
}

/** One want less; with the last the read answers (H3). */
function settled(read: Waiting): void {
  read.left--;
  if (read.left > 0) return;
  if (read.error === null) read.resolve();
  else read.reject(read.error);
}
