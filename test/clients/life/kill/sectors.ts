/**
 * What is written, sector by sector: each sector tells by itself which write it is of and where it
 * belongs. Marks up to 255 are that byte all over, as qemu-io writes it; 0: zeros.
 */
export const SECTOR = 512;
const BYTES = 256;

/** Fills `target` with the sectors of a write that begins at sector `first`. */
export function putSectors(target: Buffer, first: number, mark: number): void {
  if (mark < BYTES) {
    target.fill(mark);
    return;
  }
  for (let at = 0; at < target.length; at += SECTOR)
    putSector(target, at, first + at / SECTOR, mark);
}

function putSector(target: Buffer, at: number, sector: number, mark: number): void {
  target.writeUInt32LE(mark, at);
  target.writeUInt32LE(sector, at + 4);
  for (let word = 8; word < SECTOR; word += 4) {
    target.writeUInt32LE((Math.imul(mark, 0x9e3779b1) + word) >>> 0, at + word);
  }
}

const expected = Buffer.alloc(SECTOR);

/** The mark of the sector at byte `at`; -1: it is no sector that was written there. */
export function markOf(bytes: Buffer, at: number, sector: number): number {
  const found = bytes.subarray(at, at + SECTOR);
  const mark = found.readUInt32LE(0);
  if (mark >= BYTES && found.readUInt32LE(4) === sector) putSector(expected, 0, sector, mark);
  else expected.fill(found[0] as number);
  if (!found.equals(expected)) return -1;
  return mark >= BYTES && found.readUInt32LE(4) === sector ? mark : (found[0] as number);
}
