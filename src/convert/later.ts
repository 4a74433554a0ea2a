/** The conversions for pages: loaded when one is asked for. Their docstrings are at their homes. */
import type * as conversions from "./conversions.ts";

export const exportCow: typeof conversions.exportCow = async (...given) => {
  const { exportCow } = await import("./conversions.ts");
  return exportCow(...given);
};

export const importCows: typeof conversions.importCows = async (...given) => {
  const { importCows } = await import("./conversions.ts");
  return importCows(...given);
};
