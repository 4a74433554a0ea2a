/** `status STORE`: sizes, space, kind, error state. */
import type { Command } from "commander";
import type { ServedStatus } from "../connect/remote-volume.ts";
import { CAPABILITIES } from "../stores/kinds.ts";
import { type HalfWay, halfReceived } from "../stream/half-way.ts";
import type { Counters, Damage, GivenUp, Pruned, Status, Volume } from "../volume/types.ts";
import { addDamagedOption, addStoreCommand } from "./command.ts";
import { type StoreOptions, withVolume } from "./open.ts";
import { answer, oneLine } from "./output.ts";
import { formatBytes } from "./sizes.ts";
import { table } from "./table.ts";
import { parsePath } from "./target.ts";

interface Options extends StoreOptions {
  dm?: boolean;
}

export function addStatus(program: Command): void {
  addDamagedOption(
    addStoreCommand(program, "status", "sizes, space used and free, kind, error state"),
  )
    .argument("<store>", "store file", parsePath)
    .option("--dm", "the status line of the 2009 device-mapper target")
    .action(async (store: string, options: Options) => {
      const open = { ...options, readOnly: true };
      const { status, half } = await withVolume(store, open, statusOf);
      if (options.dm) {
        const line = status.dmStatus;
        await answer(options, { dm: line }, line);
      } else {
        const server = serverOf(status);
        const text = table([...rows(store, status, half), ...liveRows(status.counters, server)]);
        await answer(options, { ...status, server, half }, text);
      }
    });
}

/** With the snapshots that `list` shows: others are in the making. */
async function statusOf(volume: Volume): Promise<{ status: Status; half: HalfWay | null }> {
  const status = volume.status();
  const snapshots = volume.snapshots.length;
  const half = status.snapshots > snapshots ? await halfReceived(volume) : null;
  return { status: { ...status, snapshots }, half };
}

function rows(store: string, status: Status, half: HalfWay | null): string[][] {
  const limit = status.maxBytes === null ? "" : `, at most ${formatBytes(status.maxBytes)}`;
  const reclaiming = status.reclaiming === 0 ? "" : `, ${status.reclaiming} being reclaimed`;
  return [
    ["store", oneLine(store)],
    // A COW device has none.
    ...(status.uuid === "" ? [] : [["uuid", status.uuid]]),
    ["kind", status.kind],
    ["size", formatBytes(status.size)],
    ["chunk", formatBytes(status.chunk)],
    ["origin", origin(status)],
    ...(status.checksums ? [["checksums", "of what snapshots keep"]] : []),
    ["snapshots", `${status.snapshots}${reclaiming}`],
    ...(half ? [["half received", describeHalf(half)]] : []),
    ...(status.rollingBack === null ? [] : [["rollback", oneLine(describeRollback(status))]]),
    ["exceptions", String(status.exceptions)],
    ["store size", formatBytes(status.storeBytes) + limit],
    ["  data", formatBytes(status.dataBytes)],
    ["  metadata", formatBytes(status.metadataBytes)],
    ["  fixed", formatBytes(status.fixedBytes)],
    ["  free", `${formatBytes(status.freeBytes)}, used again`],
    ["when full", whenFull(status)],
    ...(status.pruned ? [["pruned", oneLine(describePruned(status.pruned))]] : []),
    ["state", state(status)],
  ];
}

function whenFull({ kind, originMode, victims, preserveOnError }: Status): string {
  if (CAPABILITIES[kind].whenFull === "invalid") return "the snapshot is lost";
  const last = preserveOnError ? "the write fails" : "all snapshots are given up for the origin";
  const broken = preserveOnError || originMode !== "attached" ? "" : ", where it breaks too";
  return victims === null ? last + broken : `prune ${oneLine(victims)}; then ${last}${broken}`;
}

function describeHalf({ snapshots, done, size }: HalfWay): string {
  const whole = snapshots === 0 ? "" : `${snapshots} snapshots, and `;
  return `${whole}${formatBytes(done)} of ${formatBytes(size)}: receive --token prints the token`;
}

function describeRollback({ rollingBack, rollback }: Status): string {
  const to = `to @${rollingBack}: `;
  if (!rollback) return `${to}cut off, call it again`;
  return `${to}${rollback.done} of ${rollback.total} chunks are there`;
}

export function describePruned({ snapshots, reason, last }: Pruned): string {
  const gone = snapshots === 1 ? "1 snapshot was" : `${snapshots} snapshots were`;
  const names = last.map(({ name }) => name).join(", ");
  const which = last.length < snapshots ? `the last ones ${names}` : names;
  return `${gone} deleted to make room (${which}): ${reason}`;
}

function state({ error, givenUp, damage }: Status): string {
  if (damage) return describeDamage(damage);
  if (givenUp) return oneLine(describeGivenUp(givenUp));
  return error === null ? "good" : `read-only: ${oneLine(error)}`;
}

export function describeGivenUp({ reason, snapshots }: GivenUp): string {
  const lost = snapshots === 1 ? "1 snapshot was" : `${snapshots} snapshots were`;
  return `${lost} given up: ${reason}`;
}

function describeDamage({ problems, lossCount }: Damage): string {
  const found = `${problems.length} ${problems.length === 1 ? "problem" : "problems"}`;
  const lost = lossCount === 0 ? "nothing is lost" : `${lossCount} ranges of chunks are lost`;
  return `damaged, opened as far as it can be read: ${found}, ${lost}: run check --repair`;
}

type Server = ServedStatus["server"] | null;

/** What is counted where the store is served; null where nobody serves it. */
function serverOf(status: Status | ServedStatus): Server {
  return "server" in status ? status.server : null;
}

function liveRows(counters: Counters, server: Server): string[][] {
  if (server === null) return [];
  return [["served", ""], ...countRows(server), ["since opened", ""], ...countRows(counters)];
}

/** `{ bytesRead: 4096, latency: { p50: 7 } }` as rows `bytes read` and `latency p50`. */
function countRows(counts: object, before = ""): string[][] {
  return Object.entries(counts).flatMap(([key, value]) => {
    const words = before + key.replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    if (typeof value === "object" && value !== null) return countRows(value, `${words} `);
    const isBytes = /bytes/i.test(key) && typeof value === "number";
    return [[`  ${oneLine(words)}`, isBytes ? formatBytes(value) : oneLine(String(value))]];
  });
}

function origin({ originMode, originPath, basePath }: Status): string {
  if (originMode === "inline") return "inline";
  const path = originMode === "attached" ? originPath : basePath;
  const kind = originMode === "attached" ? "attached" : "on base";
  return path === null ? kind : `${kind} ${oneLine(path)}`;
}
