/** What work on a store needs that is no volume: no copies of data, a small cache. */
import { engineModule } from "../../engine/module.ts";
import { systemEnv } from "../../env.ts";
import type { Setup } from "../../stores/kinds.ts";

const CACHE_BYTES = 16 * 2 ** 20;

export async function smallSetup(): Promise<Setup> {
  const module = await engineModule();
  return { module, cacheBytes: CACHE_BYTES, copyBytes: () => 0, env: systemEnv };
}
