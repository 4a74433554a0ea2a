/** The library where everything runs in one thread and nothing compiles bytes (workerd). */
export { exportCow, importCows } from "./convert/later.ts";
export * from "./library.ts";
