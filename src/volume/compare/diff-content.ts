/**
 * Which of the ranges that may differ do: reads both views there and drops chunks that are equal.
 *
 * Memory: two pieces of `PIECE_BYTES`, or two chunks where those are larger.
 */
import { endIfAborted, turn } from "../../task.ts";
import type { ByteRange, ProgressOptions, View } from "../types.ts";
import { differing, grouped } from "./compare.ts";

const PIECE_BYTES = 2 ** 20;

export interface ContentOptions extends ProgressOptions {
  /** Bytes that are equal or not as a whole; ranges begin and end at multiples of it. */
  chunk: number;
  /** All that is compared, for the progress. */
  within: ByteRange;
}

/** `ranges`: in order, as `diffInBatches` answers them. Lets other work in after every piece. */
export async function* byContent(
  from: View,
  to: View,
  ranges: AsyncIterable<ByteRange>,
  { chunk, within, signal, progress }: ContentOptions,
): AsyncGenerator<ByteRange> {
  const common = Math.min(from.size, to.size);
  const most = Math.max(PIECE_BYTES, chunk);
  const [ours, theirs] = [new Uint8Array(most), new Uint8Array(most)];
  let open: ByteRange | null = null;
  for await (const { offset, length } of ranges) {
    const end = offset + length;
    for (let at = offset; at < end; ) {
      endIfAborted(signal);
      const next = at < common ? Math.min(end, common, pieceEnd(at, chunk, most)) : end;
      for (const range of at < common ? await unequal(at, next) : [{ at, end: next }]) {
        if (open && open.offset + open.length === range.at) {
          open.length = range.end - open.offset;
          continue;
        }
        if (open) yield open;
        open = { offset: range.at, length: range.end - range.at };
      }
      at = next;
      progress?.(at - within.offset, within.length);
      await turn();
    }
  }
  if (open) yield open;
  progress?.(within.length, within.length);

  async function unequal(at: number, end: number): Promise<{ at: number; end: number }[]> {
    const [a, b] = [ours.subarray(0, end - at), theirs.subarray(0, end - at)];
    await Promise.all([from.read(at, a), to.read(at, b)]);
    const groups = [...grouped(differing(a, b, chunk))].filter(({ value }) => value);
    return groups.map((group) => ({
      at: at + group.from * chunk,
      end: Math.min(end, at + group.to * chunk),
    }));
  }
}

/** A piece ends where the next multiple of its size begins; one inside a chunk with that. */
function pieceEnd(at: number, chunk: number, most: number): number {
  const unit = at % chunk === 0 ? most : chunk;
  return at - (at % unit) + unit;
}
