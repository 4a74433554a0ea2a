/**
 * Linux' own dm-snapshot: what we write it loads, and what it wrote we go on from. A kernel is
 * booted twice; before, between and after, the volume works on the same devices.
 */
import { test } from "uvu";
import { whyNoKernel } from "./kernel/guest.ts";

const why = whyNoKernel();
if (why === null) await import("./kernel/story.ts");
else test.skip(`a Linux kernel works on snapshots of ours, and we on its own: ${why}`, () => {});

test.run();
