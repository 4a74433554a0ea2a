/** Makes stores that this version must not open, from one that it may. */
import assert from "node:assert/strict";

/** Of both superblocks, in bytes. */
const SUPERBLOCKS = [0, 4096];
const SUPERBLOCK_BYTES = 4096;
const VERSION = 8;
const CRC = 12;

/** A copy whose superblocks are valid, but of a later version. */
export function otherVersion(store: Buffer): Buffer {
  const copy = Buffer.from(store);
  for (const at of SUPERBLOCKS) {
    const block = copy.subarray(at, at + SUPERBLOCK_BYTES);
    const crc = block.readUInt32LE(CRC);
    block.writeUInt32LE(0, CRC);
    // A superblock slot that was never written has nothing to be of another version.
    if (block.every((byte) => byte === 0)) continue;
    assert.equal(crc32c(block), crc, "the superblock is where FORMAT.md says");
    block.writeUInt32LE(block.readUInt32LE(VERSION) + 98, VERSION);
    block.writeUInt32LE(crc32c(block), CRC);
  }
  return copy;
}

/** Bit by bit: slow, short, and not the engine's. */
function crc32c(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = crc & 1 ? (crc >>> 1) ^ 0x82f63b78 : crc >>> 1;
  }
  return ~crc >>> 0;
}
