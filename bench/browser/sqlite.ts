/** The peers: both SQLites for OPFS, 4 KiB blobs in transactions of 100. */
import sqlite3InitModule from "@sqlite.org/sqlite-wasm";
import * as SQLite from "wa-sqlite";
import SQLiteModule from "wa-sqlite/dist/wa-sqlite.mjs";
import { AccessHandlePoolVFS } from "wa-sqlite/src/examples/AccessHandlePoolVFS.js";
import type { Contestant, Opened } from "./contest.ts";
import { type Courses, orderOf, unit } from "./workload.ts";

/**
 * One connection that owns its files, every commit durable, a cache that holds all. The database
 * stays from turn to turn, so its file need not grow again.
 */
const SETTINGS = [
  "PRAGMA locking_mode = exclusive",
  "PRAGMA journal_mode = JOURNAL",
  "PRAGMA synchronous = full",
  "PRAGMA cache_size = -65536",
  "CREATE TABLE IF NOT EXISTS blobs (id INTEGER PRIMARY KEY, data BLOB)",
  "DELETE FROM blobs",
];
const INSERT = "INSERT OR REPLACE INTO blobs VALUES (?, ?)";
/** Databases and journals, one of each for each kind of journal. */
const FILES = 12;

type Open = (keys: Uint32Array, journal: string) => Promise<Opened>;

async function waSqlite(): Promise<Open> {
  const api = SQLite.Factory(await SQLiteModule());
  const pool = new AccessHandlePoolVFS("wa-sqlite");
  await pool.isReady;
  await pool.addCapacity(FILES);
  api.vfs_register(pool as unknown as SQLiteVFS, true);
  return async (keys, journal) => {
    const db = await api.open_v2(`blobs-${journal}.db`);
    for (const text of SETTINGS) await api.exec(db, text.replace("JOURNAL", journal));
    const text = api.str_new(db, INSERT);
    const { stmt } = (await api.prepare_v2(db, api.str_value(text))) as { stmt: number };
    return {
      async work(from, to) {
        await api.exec(db, "BEGIN");
        for (let i = from; i < to; i++) {
          api.bind_int(stmt, 1, keys[i]!);
          api.bind_blob(stmt, 2, unit);
          await api.step(stmt);
          await api.reset(stmt);
        }
        await api.exec(db, "COMMIT");
      },
      async close() {
        await api.finalize(stmt);
        await api.close(db);
      },
    };
  };
}

async function sqliteWasm(): Promise<Open> {
  const sqlite3 = await sqlite3InitModule();
  const pool = await sqlite3.installOpfsSAHPoolVfs({
    directory: "sqlite-wasm",
    initialCapacity: FILES,
  });
  return async (keys, journal) => {
    const db = new pool.OpfsSAHPoolDb(`/blobs-${journal}.db`);
    for (const text of SETTINGS) db.exec(text.replace("JOURNAL", journal));
    const insert = db.prepare(INSERT);
    return {
      work(from, to) {
        db.exec("BEGIN");
        for (let i = from; i < to; i++) insert.bind([keys[i]!, unit]).stepReset();
        db.exec("COMMIT");
      },
      async close() {
        insert.finalize();
        db.close();
      },
    };
  };
}

export async function sqliteContestants(
  { blobs }: Courses,
  journals: readonly string[],
): Promise<Contestant[]> {
  const wa = await waSqlite();
  const official = await sqliteWasm();
  const keys = orderOf(blobs.count);
  return journals.flatMap((journal): Contestant[] => [
    { measure: "blobs", name: `wa-sqlite, ${journal}`, open: () => wa(keys, journal) },
    { measure: "blobs", name: `sqlite-wasm, ${journal}`, open: () => official(keys, journal) },
  ]);
}
