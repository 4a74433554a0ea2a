/**
 * Malformed conversations with a live server, several at a time, each held against the reference;
 * between batches a well-behaved client finds every byte of its own, and the server at rest.
 *
 * Conversation `i` of a seed is always the same, so that one alone can be replayed.
 */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileDevice } from "../../../src/devices/file.ts";
import { openVolume } from "../../../src/volume/open/open.ts";
import { Random } from "../../model/prng.ts";
import { MIB } from "../messages.ts";
import { ServerProcess } from "../server-process.ts";
import { WellBehaved } from "../well-behaved.ts";
import { compare } from "./compare.ts";
import { conversation } from "./conversation.ts";
import { converse } from "./converse.ts";
import { interpret, type World } from "./reference.ts";

const SIZE = 40 * MIB + 512;
const AT_A_TIME = 8;
/** The well-behaved client's requests after each batch. */
const REQUESTS = 100;
/** A batch's conversations: at most so many, and with at most so many cases to go. */
const BATCH = 500;
/**
 * Of the server: Node and the engine take about 150 MiB, the volume's cache and buffers up to 72,
 * requests in flight 64 and buffers that wait to be used again 32.
 */
const MEMORY_BYTES_MAX = 400 * MIB;
/** A name that no mutation hits. */
const KEPT = "kept-f3c1a9d27b50";

export interface FuzzOptions {
  seed: number;
  /** Malformed messages that the server has to look at. */
  cases: number;
  /** Only this conversation, for a replay. */
  only?: number;
  progress?: (report: FuzzReport) => void;
}

export interface FuzzReport {
  cases: number;
  conversations: number;
  /** Those that were heard to their end and held against the reference. */
  compared: number;
  answers: number;
  /** Bytes of the server's memory, at most. */
  memory: number;
}

export async function fuzz(options: FuzzOptions): Promise<FuzzReport> {
  const base = fs.existsSync("/dev/shm") ? "/dev/shm" : os.tmpdir();
  const folder = fs.mkdtempSync(path.join(base, "multisnap-fuzz-"));
  const remove = () => fs.rmSync(folder, { recursive: true, force: true });
  process.on("exit", remove);
  try {
    return await new Fuzz(options, folder).run();
  } finally {
    process.off("exit", remove);
    remove();
  }
}

class Fuzz {
  readonly #options: FuzzOptions;
  readonly #folder: string;
  readonly #report: FuzzReport = {
    cases: 0,
    conversations: 0,
    compared: 0,
    answers: 0,
    memory: 0,
  };
  #next: number;

  constructor(options: FuzzOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
    this.#next = options.only ?? 0;
  }

  async run(): Promise<FuzzReport> {
    const store = path.join(this.#folder, "disk.msnap");
    const world = await makeStore(store);
    const server = await ServerProcess.start(store, path.join(this.#folder, "socket"));
    try {
      await this.#fuzz(server, world);
      await server.stop();
    } finally {
      server.kill();
    }
    return this.#report;
  }

  async #fuzz(server: ServerProcess, world: World): Promise<void> {
    const good = await WellBehaved.start(server.path, `@${KEPT}`, SIZE, this.#options.seed);
    await good.work(REQUESTS);
    while (!this.#enough()) {
      await this.#batch(server, world);
      await good.work(REQUESTS);
      await this.#atRest(server);
      this.#options.progress?.(this.#report);
    }
    await good.verify();
    good.close();
  }

  #enough(): boolean {
    const { only, cases } = this.#options;
    return only === undefined ? this.#report.cases >= cases : this.#next > only;
  }

  async #batch(server: ServerProcess, world: World): Promise<void> {
    const end = this.#next + (this.#options.only === undefined ? BATCH : 1);
    const worker = async () => {
      while (this.#next < end && !this.#enough()) await this.#converse(server, world, this.#next++);
    };
    await Promise.all(Array.from({ length: AT_A_TIME }, worker));
  }

  async #converse(server: ServerProcess, world: World, index: number): Promise<void> {
    const { seed } = this.#options;
    const random = new Random(Math.imul(seed, 0x9e3779b1) ^ Math.imul(index, 0x85ebca6b));
    const messages = conversation(random, world);
    const sent = Buffer.concat(messages.map(({ bytes }) => bytes));
    const expected = interpret(sent, world);
    const report = this.#report;
    try {
      const said = await converse(server.path, sent, random);
      if (said) {
        compare(said, expected);
        report.compared++;
      }
      server.mustLive();
    } catch (error) {
      const line = `npx tsx test/nbd/fuzz.ts --seed ${seed} --only ${index}`;
      throw new Error(`${error instanceof Error ? error.message : error}\nreplay: ${line}`);
    }
    let at = 0;
    for (const { bytes, isMalformed } of messages) {
      if (at <= expected.used && isMalformed) report.cases++;
      at += bytes.length;
    }
    report.conversations++;
    report.answers += expected.answers.length;
  }

  /** All fuzzing clients are gone: nothing may be left of them. */
  async #atRest(server: ServerProcess): Promise<void> {
    const report = this.#report;
    report.memory = server.memory().most;
    if (report.memory > MEMORY_BYTES_MAX) {
      throw new Error(`the server takes ${Math.round(report.memory / MIB)} MiB of memory`);
    }
    for (let waited = 0; ; waited++) {
      const { connections, queueDepth, bytesInFlight } = await server.live();
      if (connections === 1 && queueDepth === 0 && bytesInFlight === 0) return;
      if (waited === 1000) {
        const left = `${connections} connections, ${queueDepth} requests, ${bytesInFlight} bytes`;
        throw new Error(`without fuzzing clients, there are ${left}`);
      }
      await sleep(10);
    }
  }
}

/** The fuzz may write to the origin and to `@fuzz`; one snapshot is the well-behaved client's. */
async function makeStore(store: string): Promise<World> {
  const volume = await openVolume({ store: await fileDevice(store), create: { size: SIZE } });
  await volume.snapshot(KEPT);
  await volume.snapshot("fixed", { readOnly: true });
  await volume.snapshot("fuzz");
  await volume.close();
  const snapshots = [KEPT, "fixed", "fuzz"];
  const exports = new Map(["", "origin", ...snapshots.map((name) => `@${name}`)].map(writable));
  const contexts = new Set([
    "base:allocation",
    ...snapshots.map((name) => `multisnap:diff:${name}`),
  ]);
  return { size: SIZE, exports, own: ["", "origin", "@fuzz", "@fixed"], contexts };
}

function writable(name: string): [string, boolean] {
  return [name, name === "@fixed"];
}
