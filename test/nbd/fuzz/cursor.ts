/** Reads numbers and bytes off a buffer, from its beginning on. */
export class Cursor {
  readonly bytes: Buffer;
  at = 0;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  get left(): number {
    return this.bytes.length - this.at;
  }

  has(count: number): boolean {
    return this.left >= count;
  }

  take(count: number): Buffer {
    if (count > this.left) throw new Error(`${this.left} bytes are left, not ${count}`);
    this.at += count;
    return this.bytes.subarray(this.at - count, this.at);
  }

  u16(): number {
    return this.take(2).readUInt16BE();
  }

  u32(): number {
    return this.take(4).readUInt32BE();
  }

  u64(): bigint {
    return this.take(8).readBigUInt64BE();
  }

  text(): string | null {
    if (!this.has(4)) return null;
    const length = this.u32();
    return this.has(length) && length <= 4096 ? this.take(length).toString() : null;
  }
}
