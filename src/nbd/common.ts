/** What all connections of a server have in common. */
import { monotonic } from "../env.ts";
import type { Volume } from "../volume/types.ts";
import { Awake } from "./awake.ts";
import { Budget } from "./budget.ts";
import { Flushes } from "./commands.ts";
import { Live } from "./live.ts";
import { Pool } from "./pool.ts";

export interface Common {
  volume: Volume;
  pool: Pool;
  budget: Budget;
  flushes: Flushes;
  live: Live;
  awake: Awake;
}

export function commonOf(volume: Volume): Common {
  return {
    volume,
    pool: new Pool(),
    budget: new Budget(monotonic),
    flushes: new Flushes(volume),
    live: new Live(),
    awake: new Awake(),
  };
}
