/** What is loaded when a page converts. */
export { exportCow } from "./export-cow.ts";
export { importCows } from "./import-cow.ts";
