/**
 * What few volumes ever need, or need once: making, comparing, cloning, merging, rolling back by
 * copies, other sizes and marks, accounts, identities, groups, watchers, giving up, victims,
 * damage, dm's messages and lists.
 */

export { diffWithin } from "./compare/diff.ts";
export { GiveUp } from "./full/give-up.ts";
export { chooseVictim, parseVictims } from "./full/victims.ts";
export { Positions } from "./identity/positions.ts";
export { cloneRange } from "./life/clone.ts";
export { CopyBack } from "./life/copy-back.ts";
export { described, held, released } from "./life/marking.ts";
export { Merger } from "./life/merge.ts";
export { parseMessage } from "./life/message.ts";
export { checkResize, Resize } from "./life/resize.ts";
export { checkRollback } from "./life/rollback.ts";
export { Rolling } from "./life/rolling.ts";
export { snapshotAll } from "./life/snapshot-all.ts";
export { planSync } from "./life/sync.ts";
export { readDamaged } from "./open/damaged.ts";
export { dumpStore, restoreStore } from "./open/dump-store.ts";
export { makeStore } from "./open/make.ts";
export { checkStores, usageOfSnapshots } from "./reports/reports.ts";
export { accountOf } from "./reports/snapshot-usage.ts";
export { watchersOf } from "./reports/watchers.ts";
export { extentsOf } from "./requests/extents.ts";
