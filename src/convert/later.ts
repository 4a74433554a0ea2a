/** The conversions for pages: loaded when one is asked for. Their docstrings are at their homes. */
import type * as exporting from "./export-cow.ts";
import type * as importing from "./import-cow.ts";

export const exportCow: typeof exporting.exportCow = async (...given) => {
  const { exportCow } = await import("./export-cow.ts");
  return exportCow(...given);
};

export const importCows: typeof importing.importCows = async (...given) => {
  const { importCows } = await import("./import-cow.ts");
  return importCows(...given);
};
