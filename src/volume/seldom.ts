/** What is loaded when views are compared, cloned or merged. */
export { cloneRange } from "./clone.ts";
export { diffViews } from "./diff.ts";
export { Merger } from "./merge.ts";
