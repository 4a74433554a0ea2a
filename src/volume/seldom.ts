/**
 * What few volumes ever need, or need once: making, comparing, cloning, merging, rolling back by
 * copies, other sizes and marks, accounts, identities, groups, watchers, giving up, victims,
 * damage, dm's messages and lists.
 */

export { cloneRange } from "./clone.ts";
export { CopyBack } from "./copy-back.ts";
export { readDamaged } from "./damaged.ts";
export { diffWithin } from "./diff.ts";
export { dumpStore, restoreStore } from "./dump-store.ts";
export { extentsOf } from "./extents.ts";
export { GiveUp } from "./give-up.ts";
export { makeStore } from "./make.ts";
export { described, held, released } from "./marking.ts";
export { Merger } from "./merge.ts";
export { parseMessage } from "./message.ts";
export { Positions } from "./positions.ts";
export { checkStores, usageOfSnapshots } from "./reports.ts";
export { checkResize, Resize } from "./resize.ts";
export { checkRollback } from "./rollback.ts";
export { Rolling } from "./rolling.ts";
export { snapshotAll } from "./snapshot-all.ts";
export { accountOf } from "./snapshot-usage.ts";
export { planSync } from "./sync.ts";
export { chooseVictim, parseVictims } from "./victims.ts";
export { watchersOf } from "./watchers.ts";
