/** A short run of the fuzz; `npx tsx test/hostile/fuzz.ts` is the long one. */
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Engine } from "../../src/engine/engine.ts";
import { GUARD } from "./guarded-engine.ts";
import { PAST } from "./past.ts";
import { fuzz, replay, writeEngine } from "./run.ts";

const CASES = Number(process.env.CASES ?? 240);
const SEED = Number(process.env.SEED ?? 1);

const folder = fs.mkdtempSync(path.join(os.tmpdir(), "multisnap-hostile-"));
const engine = path.join(folder, "engine.wasm");

test.before(() => writeEngine(engine));
test.after(() => fs.rmSync(folder, { recursive: true, force: true }));

async function guarded(work: number): Promise<{ engine: Engine; found: () => number }> {
  const module = await WebAssembly.compile(new Uint8Array(fs.readFileSync(engine)));
  const Memory = WebAssembly.Memory;
  // As `useGuarded` does, for this engine alone.
  WebAssembly.Memory = class extends Memory {
    constructor(descriptor: WebAssembly.MemoryDescriptor) {
      super(descriptor.initial > 16 ? descriptor : { ...descriptor, initial: 256, maximum: 256 });
      new Uint32Array(this.buffer)[(GUARD + 16) / 4] = work;
    }
  };
  const sizes = { cache: 64 * 4096, journal: 4096, transfer: 8192, copies: 0 };
  try {
    const made = new Engine(module, sizes);
    return { engine: made, found: () => made.u32[GUARD / 4]! };
  } finally {
    WebAssembly.Memory = Memory;
  }
}

test("the guards find accesses between regions and behind buffers, and endless work", async () => {
  const { engine: one, found } = await guarded(100_000);
  const name = one.constant("NAME");
  one.x.superCheck(name, 0);
  assert.is(found(), 0);
  assert.throws(() => one.x.superCheck(name + 508, 0));
  assert.is(found(), 1);
  const other = await guarded(100_000);
  assert.throws(() => other.engine.x.crc32c(other.engine.copies, 8, 0));
  assert.is(other.found(), 1);
  const third = await guarded(1000);
  assert.throws(() => {
    for (let i = 0; i < 1000; i++) third.engine.x.superCheck(third.engine.at.name, 0);
  });
  assert.is(third.found(), 3);
});

test("what was found once is not found again", async () => {
  assert.equal(await replay(PAST, engine), []);
});

test(`${CASES} hostile stores, seed ${SEED}`, async () => {
  const { cases, found, outcomes } = await fuzz({ seed: SEED, cases: CASES, engine, jobs: 2 });
  assert.equal([...found.keys()], []);
  assert.ok(cases >= CASES);
  assert.ok(outcomes.size > Math.min(10, CASES / 50), "stores are hostile in many ways");
});

test.run();
