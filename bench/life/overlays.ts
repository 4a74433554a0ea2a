/** Images over a base image, qcow2's other kind of snapshot, and qemu-img on them. */
import { copyFileSync, rmSync } from "node:fs";
import { missingOf } from "../peers/server-process.ts";
import type { Scratch } from "../scratch.ts";
import { commandMs } from "./commands.ts";
import type { Deed, Family } from "./contestant.ts";
import { makeImage, makeOverlay } from "./image.ts";

const DIFFERENT = 1;

/** One snapshot is one image; a chain of thousands is nobody's. */
export async function* overlays(scratch: Scratch, count: number): Family {
  if (count > 1) return;
  const missing = missingOf("qemu-img", "qemu-io");
  if (missing !== null) {
    yield missing;
    return;
  }
  const names = ["base", "other-base", "after", "same", "sent"];
  const files = names.map((name) => scratch.file(`life-${name}.qcow2`));
  const [base, otherBase, after, same, sent] = files as [string, string, string, string, string];
  await makeImage(base);
  copyFileSync(base, otherBase);
  for (const overlay of [after, same]) await makeOverlay(overlay, base);
  let [below, next] = [base, otherBase];
  const over = (image: string) => ["-F", "qcow2", "-b", image];
  const deeds: Partial<Record<Deed, () => Promise<number>>> = {
    diff: () => commandMs("qemu-img", ["map", "--output=json", after]),
    differ: () => commandMs("qemu-img", ["compare", base, after], DIFFERENT),
    equal: () => commandMs("qemu-img", ["compare", after, same]),
    send: () => {
      const from = ["-F", "qcow2", "-B", below];
      return commandMs("qemu-img", ["convert", "-O", "qcow2", ...from, after, sent]);
    },
    move: async () => {
      const ms = await commandMs("qemu-img", ["rebase", ...over(next), after]);
      [below, next] = [next, below];
      return ms;
    },
  };
  yield {
    name: "qemu-img, overlays",
    reached: 1,
    how: {
      diff: "map, which clusters of 64 KiB an overlay has",
      differ: "compare, to the first difference",
      equal: "compare, all of it",
      send: "convert -B, into a file",
      move: "rebase; ours receives the increment on another store that has its base",
    },
    time: async (deed) => deeds[deed]?.() ?? null,
    close: async () => {
      for (const file of files) rmSync(file, { force: true });
    },
  };
}
