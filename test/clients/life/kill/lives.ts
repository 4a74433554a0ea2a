/**
 * One store that is served, loaded and killed again and again. After each kill it is checked; at
 * the next start every view must hold what its book says.
 */
import * as assert from "uvu/assert";
import { json } from "../../../cli/program.ts";
import type { Random } from "../../../model/prng.ts";
import { runFio, runQemuIo, strangeBlock } from "./bystanders.ts";
import { Connection } from "./connection.ts";
import { loadViews } from "./load.ts";
import { type Death, type Server, startServer } from "./server.ts";
import { exportOf, nameOf } from "./shelf.ts";
import { changeTimeline } from "./timeline.ts";
import { DISK_BYTES, FIO_AT, listed, type World } from "./world.ts";

const LOAD_MS_MAX = 700;
/** Against a server that does not come to the call at which it should die. */
const DEATH_MS_MAX = 4000;
/** Against one that lives and answers no more: it is told to end, and that it did shows. */
const LEAVING_MS_MAX = 20_000;
const READ_BYTES = 2 ** 20;

export interface Tally {
  kills: number;
  /** Kills before the server was ready. */
  opening: number;
  /** Writes that were acknowledged, and snapshots made, deleted and renamed. */
  writes: number;
  changes: number;
}

export interface Around {
  random: Random;
  canTrace: boolean;
  hasFio: boolean;
  hasQemuIo: boolean;
}

/** One start and one kill. */
export async function liveAndDie(world: World, around: Around, tally: Tally): Promise<void> {
  const { random } = around;
  const death = around.canTrace && random.chance(0.5) ? drawDeath(random) : null;
  const server = startServer(world, death);
  // Some die while they open.
  const early = death === null && random.chance(0.15);
  if (early) setTimeout(() => server.kill(), random.between(50, 250));
  if (!(await server.ready)) tally.opening++;
  else if (await verify(world, server.socket)) {
    const loads = beginLoads(world, server, around);
    const delay = death ? DEATH_MS_MAX : random.between(5, LOAD_MS_MAX);
    const timer = setTimeout(() => server.kill(), delay);
    const [writes, changes] = await loads;
    clearTimeout(timer);
    tally.writes += writes;
    tally.changes += changes;
  } else {
    const late = setTimeout(() => server.stop(), LEAVING_MS_MAX);
    await server.end;
    clearTimeout(late);
  }
  const { code, stderr } = await server.end;
  assert.is(code, null, `it was killed, and did not end by itself: ${stderr}`);
  tally.kills++;
  await mustBeClean(world);
}

/** Few calls are made before it serves; a load makes thousands. */
function drawDeath(random: Random): Death {
  const call = random.pick(["write", "flush"] as const);
  return { call, nth: random.chance(0.4) ? random.between(1, 4) : random.between(5, 600) };
}

async function beginLoads(
  world: World,
  { socket, isGone }: Server,
  { random, hasFio, hasQemuIo }: Around,
): Promise<[writes: number, changes: number]> {
  const { shelf } = world;
  const uri = `nbd+unix:///?socket=${socket}`;
  const [writes, changes] = await Promise.all([
    loadViews(socket, shelf, random.fork()),
    changeTimeline(world, random.fork(), isGone),
    hasQemuIo ? runQemuIo(uri, shelf, random.fork()) : null,
    hasFio ? runFio(uri, DISK_BYTES - FIO_AT) : null,
  ]);
  return [writes, changes];
}

/** What is there is what may be there. False: the server died meanwhile. */
async function verify(world: World, socket: string): Promise<boolean> {
  // Where it is dead already, this looks into the store itself.
  world.shelf.adopt(await listed(world));
  for (const entry of world.shelf.entries) {
    const connection = await Connection.open(socket, exportOf(entry)).catch(() => null);
    if (!connection) return false;
    for (let at = 0; at < DISK_BYTES; at += READ_BYTES) {
      const bytes = await connection.read(at, READ_BYTES);
      if (bytes === null) return false;
      const wrong = at < FIO_AT ? entry.book.adopt(bytes, at) : strangeBlock(bytes, at);
      if (wrong !== null) throw new Error(`${nameOf(entry)}: ${wrong}`);
    }
    connection.close();
  }
  return true;
}

/** The last start: everything is there, and the server ends as it should. */
export async function endWell(world: World): Promise<void> {
  const server = startServer(world, null);
  assert.ok(await server.ready, "it starts");
  assert.ok(await verify(world, server.socket), "it stays");
  server.stop();
  const { code, stderr } = await server.end;
  assert.is(stderr, "");
  assert.is(code, 0);
  await mustBeClean(world);
}

async function mustBeClean({ store, options }: World): Promise<void> {
  const report = await json("check", store, ...options);
  assert.equal(report.problems, []);
  assert.is(report.clean, true);
}
