/**
 * The sum map: checksums of chunks. Damage to it loses nothing but the means to tell that data is
 * as it was written.
 *
 * Memory: some bytes a group.
 */
import type { Task } from "../../../task.ts";
import { BLOCK, u32At } from "./blocks.ts";
import { HEADER, type MetaBlocks } from "./meta.ts";
import { readStream } from "./stream.ts";

/** Bit of `read compatible`: only then the superblock has the fields. */
const FEATURE_SUMS = 1;
const SUM_PLACES = 1008;

interface SumGroup {
  block: number;
  sums: number;
}

export function checkSums(meta: MetaBlocks): Task<void> {
  return eachSums(meta, nothing);
}

function* nothing(): Task<void> {}

/** Every block of sums that can be read, with its first place. */
export function* eachSums(
  meta: MetaBlocks,
  take: (place: number, sums: Uint32Array) => Task<void>,
): Task<void> {
  const { image, blocks, findings } = meta;
  if ((image.u32("SUPER_READ_COMPATIBLE") & FEATURE_SUMS) === 0) return;
  const words = image.u32("SUPER_SUM_GROUPS");
  const first = image.u64("SUPER_SUMS");
  if (words === 0) {
    if (first !== 0) findings.problem("sums", "a stream without words begins somewhere");
    return;
  }
  const groups: SumGroup[] = [];
  const stream = { where: "sums" as const, type: blocks.constant("TYPE_SUM_INDEX"), first, words };
  yield* readStream(meta, stream, (block, sums) => {
    const isGroup = block === 0 ? sums === 0 : sums > 0 && sums <= SUM_PLACES;
    if (!isGroup) return `group ${groups.length} has block ${block} and ${sums} sums`;
    groups.push({ block, sums });
    return null;
  });
  const type = blocks.constant("TYPE_SUMS");
  for (const [group, { block, sums }] of groups.entries()) {
    findings.step();
    if (block === 0) continue;
    const bytes = yield* meta.fetch(block, "sums", (found) => sumsProblem(found, type, sums));
    if (bytes) yield* take(group * SUM_PLACES, new Uint32Array(bytes.slice(HEADER).buffer));
  }
}

function sumsProblem(bytes: Uint8Array, type: number, sums: number): string | null {
  if (u32At(bytes, 12) !== type) return "it is of another type";
  if (u32At(bytes, 8) !== 0) return "it has a level or a count";
  let found = 0;
  for (let at = HEADER; at < BLOCK; at += 4) if (u32At(bytes, at) !== 0) found++;
  return found === sums ? null : `it has ${found} sums, the index says ${sums}`;
}
