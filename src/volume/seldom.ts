/**
 * What few volumes ever need: comparing, cloning, merging, rolling back by copies, other sizes and
 * marks, giving up, damage, dm's messages and lists.
 */
export { cloneRange } from "./clone.ts";
export { CopyBack } from "./copy-back.ts";
export { readDamaged } from "./damaged.ts";
export { diffWithin } from "./diff.ts";
export { dumpStore, restoreStore } from "./dump-store.ts";
export { extentsOf } from "./extents.ts";
export { GiveUp } from "./give-up.ts";
export { described, held, released } from "./marking.ts";
export { Merger } from "./merge.ts";
export { parseMessage } from "./message.ts";
export { checkResize, Resize } from "./resize.ts";
export { checkRollback } from "./rollback.ts";
export { Rolling } from "./rolling.ts";
export { planSync } from "./sync.ts";
