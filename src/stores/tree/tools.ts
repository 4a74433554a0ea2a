/** What is loaded when a store is accounted, checked, repaired, dumped or restored. */
export { costsOf } from "./accounting.ts";
export { checkDevice } from "./check/checker.ts";
export { withData } from "./check/data.ts";
export { Dumper } from "./dump/dumper.ts";
export { loadTree } from "./dump/load.ts";
export { repairTree } from "./repair/repair.ts";
