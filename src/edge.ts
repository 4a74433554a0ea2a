/** The library where everything runs in one thread and nothing compiles bytes (workerd). */
export * from "./library.ts";
