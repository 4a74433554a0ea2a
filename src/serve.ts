/**
 * What `import ... from "multisnap/serve"` gives, under Node: a volume that this process has open
 * served to others. To NBD clients, to the command-line program, and with rolling snapshots.
 */
import "./stores/preloaded.ts";

export {
  type ControlOptions,
  type ControlServer,
  serveControl,
} from "./control/server.ts";
export type { Latency, LiveStatus } from "./nbd/live.ts";
export { type NbdServer, type NbdServerOptions, serveNbd } from "./nbd/server.ts";
export { type KeepRule, parseKeep } from "./schedule/keep.ts";
export { parsePeriod } from "./schedule/period.ts";
export { planRetention, type Verdict } from "./schedule/retention.ts";
export { type Roller, type RollerOptions, startRoller } from "./schedule/roller.ts";
