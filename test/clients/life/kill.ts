/**
 * kill -9 of a server under load (our own clients, fio, qemu-io; snapshots taken, renamed and
 * deleted), as often as you like:
 *
 *     tsx test/clients/life/kill.ts --kills 200 --seed 1
 *
 * What this proves: whatever moment a process ends at, in a request, a commit, a checkpoint, a
 * reclaim or while it opens, the next start finds everything that a client had flushed and every
 * snapshot that was answered for, unchanged. What it does not: a process that dies takes nothing of
 * the system's page cache with it, so writes that no flush has reached are never lost, reordered or
 * torn here. That is what the simulator is for (`npm run sim`), with power cuts after every write.
 */
import { parseArgs } from "node:util";
import { runKills } from "./kill/kills.ts";

const KEPT = 12;

const { values } = parseArgs({
  options: { kills: { type: "string", default: "200" }, seed: { type: "string", default: "1" } },
});
const [kills, seed] = [Number(values.kills), Number(values.seed)];
if (!(kills > 0) || !Number.isInteger(seed)) {
  console.error("usage: kill.ts [--kills N] [--seed N]");
  process.exit(2);
}
const { opening, writes, changes } = await runKills({
  kills,
  seed,
  kept: KEPT,
  progress: (tally) => console.log(`${tally.kills} kills, ${tally.writes} writes`),
});
console.log(
  `${kills} kills (${opening} of them while it opened), ${writes} writes acknowledged, ` +
    `${changes} snapshots made, renamed or deleted: nothing lost`,
);
