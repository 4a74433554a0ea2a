/** What a tab does to a volume that it shares: random steps, each told to the oracle. */
import type { Volume } from "../../../src/volume/types.ts";
import type { Step } from "./oracle.ts";

export const BLOCK_BYTES = 4096;

export interface Load {
  tab: number;
  blocks: number;
  /** From 0 to 1. */
  random: () => number;
  /** Answers what the oracle does. */
  tell: (step: Step) => Promise<{ ok: boolean; dead?: boolean; stop?: boolean }>;
  lanes: number;
  /** Of all steps: flushes, and changes of names. */
  flushes: number;
  names: number;
}

type Shared = Volume & { refresh(): Promise<void> };

/** Ends when the oracle says so, or with the first failure, which it is told. */
export async function load(volume: Shared, options: Load): Promise<void> {
  let sequence = 0;
  let stopped = false;
  const lane = async (index: number) => {
    // A lane is a tab of its own to the oracle: one thing at a time.
    const tab = options.tab * 10 + index;
    const tell = async (step: Omit<Step, "tab">) => {
      const reply = await options.tell({ tab, ...step });
      if (reply.dead || reply.stop) stopped = true;
      return reply.ok;
    };
    while (!stopped) {
      const value = tab * 100_000 + ++sequence;
      try {
        await step(volume, { ...options, tell, value });
      } catch (error) {
        const { code, message } = error as { code?: string; message: string };
        await tell({ op: "failed", error: `${code}: ${message}` });
        stopped = true;
      }
    }
  };
  await Promise.all(Array.from({ length: options.lanes }, (_, index) => lane(index)));
}

interface Doing {
  blocks: number;
  flushes: number;
  names: number;
  random: () => number;
  tell: (step: Omit<Step, "tab">) => Promise<boolean>;
  value: number;
}

async function step(volume: Shared, doing: Doing): Promise<void> {
  const { blocks, flushes, names, random, tell, value } = doing;
  let draw = random();
  if (draw < flushes) {
    await tell({ op: "flush" });
    await volume.flush();
    await tell({ op: "flushed" });
    return;
  }
  const count = 1 + Math.floor(random() * (random() < 0.1 ? 16 : 3));
  const first = Math.floor(random() * (blocks - count));
  draw = random();
  const named = draw < names;
  const writes = !named && random() < 0.6;
  if (!(await tell({ op: "take", first, count, value, writes }))) return;
  const bytes = new Uint8Array(count * BLOCK_BYTES);
  if (writes) {
    new Uint32Array(bytes.buffer).fill(value);
    await volume.origin.write(first * BLOCK_BYTES, bytes);
    await tell({ op: "wrote" });
  } else if (!named) {
    await volume.origin.read(first * BLOCK_BYTES, bytes);
    await tell({ op: "read", values: valuesOf(bytes) });
  } else await name(volume, doing);
}

/** Few names, so that tabs meet at them. */
async function name(volume: Shared, { random, tell }: Doing): Promise<void> {
  const name = `s${Math.floor(random() * 12)}`;
  const change = random() < 0.5 ? "make" : "delete";
  if (!(await tell({ op: "name", name, change }))) {
    await tell({ op: "read", values: [] });
    return;
  }
  try {
    if (change === "make") await volume.snapshot(name);
    else {
      await volume.refresh();
      await volume.delete(name);
    }
    await tell({ op: "named", value: 1 });
  } catch (error) {
    const { code } = error as { code?: string };
    if (code !== "Exists" && code !== "NotFound") throw error;
    await tell({ op: "named", value: 0 });
  }
}

/** A block whose words differ is torn: no tab wrote that. */
export function valuesOf(bytes: Uint8Array): number[] {
  const words = new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4);
  const each = BLOCK_BYTES / 4;
  return Array.from({ length: words.length / each }, (_, block) => {
    const [value, ...rest] = words.subarray(block * each, (block + 1) * each);
    return rest.every((word) => word === value) ? value! : -1;
  });
}

export interface Content {
  origin: number[];
  snapshots: [string, number[]][];
  problems: string[];
}

/** All that the oracle wants to know at the end. */
export async function contentOf(volume: Shared, blocks: number): Promise<Content> {
  await volume.refresh();
  const bytes = new Uint8Array(blocks * BLOCK_BYTES);
  await volume.origin.read(0, bytes);
  const origin = valuesOf(bytes);
  const snapshots: [string, number[]][] = [];
  for (const view of volume.snapshots) {
    await view.read(0, bytes);
    snapshots.push([view.name!, valuesOf(bytes)]);
  }
  const { problems } = await volume.check({ data: true });
  return { origin, snapshots, problems: problems.map(({ message }) => message) };
}
