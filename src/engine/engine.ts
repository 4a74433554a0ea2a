/**
 * The handle on one engine: its instance, its memory, typed views of it, and the I/O that it asks
 * for (pages in, pages out, more memory). No decision is taken here.
 */
import { instantiateSync } from "@assemblyscript/loader";
import type { Device, Later } from "../devices/device.ts";
import { isFull, MultisnapError } from "../errors.ts";
import type { EngineConstants, EngineExports } from "./exports.ts";
import { FAULT, FILL, GROW, WRITE_BACK } from "./status.ts";

const WASM_PAGE = 65536;
const WASM_PAGES_MAX = 65536;

export interface EngineSizes {
  /** Bytes of the metadata page cache. */
  cache: number;
  /** Bytes of a journal buffer; a record is at most that long. */
  journal: number;
  /** Bytes of the buffer that checkpoints are written through. */
  transfer: number;
  /** Bytes for copies of data, which the engine does not touch. */
  copies: number;
}

const SLOT_BYTES = 4160;
const ZEROS = new Uint8Array(256 * 1024);
const decoder = new TextDecoder();

export class Engine {
  readonly module: WebAssembly.Module;
  readonly x: EngineExports;
  readonly memory: WebAssembly.Memory;
  /** Views of memory; replaced when it grows. */
  u8!: Uint8Array;
  u32!: Uint32Array;
  f64!: Float64Array;
  /** Addresses that the host reads often. */
  readonly at: {
    runs: number;
    name: number;
    super: number;
    transfer: number;
    batch: number;
  };
  /** First byte of the region for copies. */
  readonly copies: number;
  readonly #constants: EngineConstants;
  /** Their values: to ask a global for its value costs more than most that is done with it. */
  readonly #values = new Map<string, number>();
  readonly #io: { offset: number; address: number; length: number; block: number };
  #device: Device | null = null;
  /** Reads of pages under way, by block: two requests that want one page share one read. */
  readonly #loads = new Map<number, Promise<void>>();
  readonly #writes = new Set<Promise<void>>();
  #filling: Promise<void> | null = null;
  /** Told why a page was not written back: the next checkpoint would name what is not there. */
  onFailedWrite: (error: unknown) => void = () => {};

  constructor(module: WebAssembly.Module, sizes: EngineSizes) {
    const slots = Math.ceil(sizes.cache / SLOT_BYTES);
    this.module = module;
    this.memory = allocate(module, slots, sizes);
    const { exports } = instantiateSync(module, { env: { memory: this.memory } });
    this.x = exports as unknown as EngineExports;
    this.#constants = exports as unknown as EngineConstants;
    this.#refresh();
    this.x.init(this.u8.length, slots, sizes.journal, sizes.transfer, sizes.copies);
    this.#io = {
      offset: this.constant("IO_OFFSET") >>> 3,
      address: this.constant("IO_ADDRESS") >>> 2,
      length: this.constant("IO_LENGTH") >>> 2,
      block: this.constant("IO_BLOCK") >>> 2,
    };
    this.at = {
      runs: this.constant("RUNS"),
      name: this.constant("NAME"),
      super: this.constant("SUPER"),
      transfer: this.u32[this.constant("TRANSFER") >>> 2]!,
      batch: this.constant("BATCH"),
    };
    this.copies = this.at.transfer + sizes.transfer;
  }

  /** Value of an exported constant. */
  constant(name: string): number {
    const known = this.#values.get(name);
    if (known !== undefined) return known;
    const global = this.#constants[name];
    if (!global) throw new MultisnapError("Internal", `the engine exports no ${name}`);
    this.#values.set(name, global.value);
    return global.value;
  }

  /** A 32-bit scalar of engine state by the name of its address. */
  state(name: string): number {
    return this.u32[this.constant(name) >>> 2]!;
  }

  setState(name: string, value: number): void {
    this.u32[this.constant(name) >>> 2] = value;
  }

  /** A u64 below 2^53 at an address. */
  u64At(address: number): number {
    return this.u32[address >>> 2]! + this.u32[(address >>> 2) + 1]! * 2 ** 32;
  }

  setU64(name: string, value: number): void {
    const at = this.constant(name) >>> 2;
    this.u32[at] = value % 2 ** 32;
    this.u32[at + 1] = Math.floor(value / 2 ** 32);
  }

  attach(device: Device): void {
    this.#device = device;
  }

  get ioOffset(): number {
    return this.f64[this.#io.offset]!;
  }
  get ioAddress(): number {
    return this.u32[this.#io.address]!;
  }
  get ioLength(): number {
    return this.u32[this.#io.length]!;
  }
  get ioBlock(): number {
    return this.u32[this.#io.block]!;
  }

  get device(): Device {
    if (!this.#device) throw new MultisnapError("Internal", "the engine has no device");
    return this.#device;
  }

  /** Whether pages are being read or written back. */
  get busy(): boolean {
    return this.#loads.size + this.#writes.size > 0;
  }

  /** Answers when no page is being read or written back. */
  async idle(): Promise<void> {
    while (this.busy) await Promise.allSettled([...this.#loads.values(), ...this.#writes]);
  }

  /**
   * Does what a FAULT, WRITE_BACK, FILL or GROW asks for; then the operation is called again.
   * Answers at once where the device does.
   */
  serve(status: number): undefined | Promise<void> {
    if (status === FAULT) return this.#load();
    if (status === WRITE_BACK) return this.#writeBack();
    if (status === FILL) return this.#fill();
    if (status === GROW) return this.#grow();
    throw new MultisnapError("Internal", `the engine asks for ${status}, which is not for here`);
  }

  #load(): undefined | Promise<void> {
    const block = this.ioBlock;
    const shared = this.#loads.get(block);
    if (shared) return shared;
    const status = this.x.cacheRequest();
    if (status !== FAULT) return this.serve(status);
    const page = this.ioAddress;
    let reading: ReturnType<Device["read"]>;
    try {
      reading = this.device.read(this.u8, page, this.ioLength, this.ioOffset);
    } catch (error) {
      this.x.cacheDrop(page);
      throw error;
    }
    if (!reading) return this.#insert(page, block);
    const load = reading
      .then(
        () => this.#insert(page, block),
        (error) => {
          this.x.cacheDrop(page);
          throw error;
        },
      )
      .finally(() => this.#loads.delete(block));
    this.#loads.set(block, load);
    return load;
  }

  #insert(page: number, block: number): undefined {
    if (!this.x.verifyPage(page, block)) {
      this.x.cacheDrop(page);
      throw new MultisnapError(
        "Corrupt",
        `metadata block ${block} of ${this.device.name} is not what was written: run check`,
      );
    }
    this.x.cacheInsert(page, block);
  }

  #writeBack(): undefined | Promise<void> {
    const page = this.ioAddress;
    this.x.cacheWriting(page);
    let writing: ReturnType<Device["write"]>;
    try {
      writing = this.device.write(this.u8, page, this.ioLength, this.ioOffset);
    } catch (error) {
      this.onFailedWrite(error);
      throw error;
    }
    if (!writing) {
      this.x.cacheWritten(page);
      return;
    }
    const written = writing
      .then(
        () => this.x.cacheWritten(page),
        (error) => {
          this.onFailedWrite(error);
          throw error;
        },
      )
      .finally(() => this.#writes.delete(written));
    this.#writes.add(written);
    return written;
  }

  /** One at a time: what a slab is made of is kept from everybody else meanwhile. */
  #fill(): undefined | Promise<void> {
    if (this.#filling) return this.#filling;
    const offset = this.ioOffset;
    let later: Later;
    try {
      later = this.zero(offset, this.ioLength);
    } catch (error) {
      this.#notFilled(error, offset);
      return;
    }
    if (!later) {
      this.x.slabFilled();
      return;
    }
    this.#filling = later
      .then(
        () => this.x.slabFilled(),
        (error) => this.#notFilled(error, offset),
      )
      .finally(() => {
        this.#filling = null;
      });
    return this.#filling;
  }

  /** Writes zeros, so that the device has room for what is written there later. Bytes. */
  zero(offset: number, length: number): undefined | Promise<void> {
    for (let done = 0; done < length; done += ZEROS.length) {
      const piece = Math.min(ZEROS.length, length - done);
      const later = this.device.write(ZEROS, 0, piece, offset + done);
      const next = done + piece;
      if (later) return later.then(() => this.zero(offset + next, length - next));
    }
    return undefined;
  }

  /** Without room on the device another slab is looked for, below what there is. */
  #notFilled(error: unknown, offset: number): void {
    this.x.slabDropped();
    if (isFull(error)) {
      this.refused(offset);
      return;
    }
    this.onFailedWrite(error);
    throw error;
  }

  /** The device had no room for a write to `offset` (bytes): places behind it are left alone. */
  refused(offset: number): void {
    const chunk = 2 ** this.u32[(this.at.super + this.constant("SUPER_CHUNK_SHIFT")) >>> 2]!;
    this.x.spaceRefused(Math.floor(offset / chunk), this.device.size());
  }

  #grow(): undefined {
    const pages = Math.ceil(this.ioLength / WASM_PAGE);
    this.growBy(pages);
  }

  /** More cache slots at the end of memory. */
  growBy(pages: number): void {
    try {
      this.memory.grow(pages);
    } catch (cause) {
      throw new MultisnapError("NoSpace", "WebAssembly memory cannot grow further", { cause });
    }
    this.#refresh();
    this.x.cacheGrow(this.u8.length);
  }

  #refresh(): void {
    const buffer = this.memory.buffer;
    this.u8 = new Uint8Array(buffer);
    this.u32 = new Uint32Array(buffer);
    this.f64 = new Float64Array(buffer);
  }

  /** Writes a name to where the engine expects names; answers its bytes. */
  putName(name: Uint8Array): number {
    this.u8.set(name, this.at.name);
    return name.length;
  }

  /** The name that the engine left there. */
  takeName(bytes: number): string {
    return decoder.decode(this.u8.slice(this.at.name, this.at.name + bytes));
  }
}

/** Instances without a memory of any use: they tell how much memory a real one needs. */
const sizers = new WeakMap<WebAssembly.Module, EngineExports>();

function sizer(module: WebAssembly.Module): EngineExports {
  let x = sizers.get(module);
  if (!x) {
    const memory = new WebAssembly.Memory({ initial: 16, maximum: 16, shared: true });
    x = new WebAssembly.Instance(module, { env: { memory } }).exports as unknown as EngineExports;
    sizers.set(module, x);
  }
  return x;
}

function allocate(
  module: WebAssembly.Module,
  slots: number,
  sizes: EngineSizes,
): WebAssembly.Memory {
  const bytes = sizer(module).memoryFor(slots, sizes.journal, sizes.transfer, sizes.copies);
  const initial = Math.max(16, Math.ceil(bytes / WASM_PAGE));
  return new WebAssembly.Memory({ initial, maximum: WASM_PAGES_MAX, shared: true });
}
