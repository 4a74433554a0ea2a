/** What a caller can know of a stream that broke off, and do about it. */
import type { Volume } from "../volume/types.ts";
import { HalfReceived } from "./half-received.ts";
import { diskOf, mustBeIdle } from "./receiving.ts";
import { tokenOf } from "./token.ts";

export interface HalfWay {
  /** For `sendStream`: goes on there; `receiveStream` with `resume` takes that. */
  token: string;
  /** Snapshots of the stream that are whole. */
  snapshots: number;
  /** Bytes of the next one that are there, and of all of it. */
  done: number;
  size: number;
}

/** A volume that is served elsewhere. */
interface Elsewhere {
  halfReceived(): Promise<HalfWay | null>;
  dropReceived(): Promise<void>;
}

/** Null: nothing is half received that could be gone on with. */
export async function halfReceived(volume: Volume): Promise<HalfWay | null> {
  const elsewhere = volume as Volume & Partial<Elsewhere>;
  if (elsewhere.halfReceived) return elsewhere.halfReceived();
  const half = new HalfReceived(diskOf(volume));
  half.release();
  if (!half.current) return null;
  const { point, view } = half.current;
  return {
    token: tokenOf(point),
    snapshots: half.ready.length,
    done: point.offset,
    size: view.size,
  };
}

/** Gives up what is half received; its space comes back in the background. */
export async function dropReceived(volume: Volume): Promise<void> {
  const elsewhere = volume as Volume & Partial<Elsewhere>;
  if (elsewhere.dropReceived) return elsewhere.dropReceived();
  const disk = diskOf(volume);
  disk.core.assertWritable();
  mustBeIdle(volume);
  await new HalfReceived(disk).drop();
}
