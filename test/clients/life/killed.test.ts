/**
 * kill -9 under load, and what is there after the next start: everything that was acknowledged
 * before the last acknowledged flush, or written with FUA, in snapshots everything.
 */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { fresh, json, succeed } from "../../cli/program.ts";
import { Random } from "../../model/prng.ts";
import { testsWith } from "../../needs.ts";
import { runScript, seed } from "../libnbd/nbdsh.ts";
import { type Served, serveOn } from "../served.ts";

const ROUNDS = 4;
const random = new Random(Number(seed));
const nbdshTest = testsWith("nbdsh");
const known = fresh("known.pickle");

/**
 * Blocks of 6 KiB, so that requests and chunks do not fit. Of each block: what is durable, and what
 * was written to it since, oldest first; any of these may be there after a crash.
 */
const MODEL = `
import pickle
BLOCK = 6 * KIB
BLOCKS = 1200
KNOWN = os.environ["KNOWN"]
model = pickle.load(open(KNOWN, "rb")) if os.path.exists(KNOWN) else {}

def versions(name, block):
    return model.setdefault(name, {}).setdefault(block, [bytes(16)])

def content(mark):
    return mark * (BLOCK // 16)

def verify():
    """What is there is one of the versions, and from now on the only one."""
    for name, blocks in model.items():
        h = connect(name)
        for block, marks in blocks.items():
            found = bytes(h.pread(BLOCK, block * BLOCK))
            # A request may be torn where it crosses chunks: each part is of some version.
            for at in range(0, BLOCK, 512):
                part = found[at : at + 512]
                assert any(part == content(mark)[:512] for mark in marks), (name, block, at)
            h.pwrite(content(marks[-1]), block * BLOCK)
            del marks[:-1]
        h.flush()
`;

/**
 * Runs until the server is gone, and prints a line for every turn. With FLUSHES, each has a flush;
 * without, only what was forced is durable.
 */
const LOAD = `${MODEL}
FLUSHES = os.environ["FLUSHES"] == "yes"
verify()
handles = {name: [connect(name), connect(name)] for name in ["", "@side"]}
kept = f"kept-{len(model)}"
multisnap("snapshot", STORE, kept)
model["@" + kept] = {block: [versions("", block)[-1]] for block in range(BLOCKS)}
try:
    while True:
        acknowledged, forced = [], []
        for name, pair in handles.items():
            for block in R.sample(range(BLOCKS), 24):
                mark = R.randbytes(16)
                versions(name, block).append(mark)
                durable = R.random() < (0.1 if FLUSHES else 0.5)
                def done(error, name=name, block=block, mark=mark, durable=durable):
                    if error.value == 0:
                        (forced if durable else acknowledged).append((name, block, mark))
                    return 1
                R.choice(pair).aio_pwrite(content(mark), block * BLOCK, done, FUA if durable else 0)
        try:
            drain(*(h for pair in handles.values() for h in pair))
        finally:
            for name, block, mark in forced:
                marks = versions(name, block)
                del marks[: marks.index(mark)]
        if FLUSHES:
            # A flush at one connection is for all of them, on every export.
            R.choice(handles["@side"]).flush()
            for name, block, mark in acknowledged:
                marks = versions(name, block)
                del marks[: marks.index(mark)]
        print("a turn", flush=True)
except nbd.Error:
    pass
pickle.dump(model, open(KNOWN, "wb"))
`;

nbdshTest(`what is acknowledged and flushed survives kill -9 (SEED=${seed})`, async () => {
  const store = fresh("disk.msnap");
  const socket = fresh("socket");
  await succeed("create", store, "--size", "16M", "--chunk", "8K");
  await succeed("snapshot", store, "side");
  for (let round = 0; round < ROUNDS; round++) {
    await using served = await serveOn(store, socket, "--socket", socket);
    await killDuring(served, round, random.between(3, 25));
    assert.ok(fs.existsSync(socket), "the dead server's socket is there still");
    const report = await json("check", store);
    assert.equal(report.problems, []);
  }
  await using served = await serveOn(store, socket, "--socket", socket);
  await runScript(served, 8192, `${MODEL}verify()`, { env: { KNOWN: known } });
  await served.stop();
  assert.is((await json("check", store)).clean, true);
});

/** Load, and the end of the server right after so many turns. */
async function killDuring(served: Served, round: number, turns: number): Promise<void> {
  let seen = 0;
  await runScript(served, 8192, LOAD, {
    env: {
      KNOWN: known,
      SEED: String(Number(seed) + round),
      FLUSHES: round % 2 === 0 ? "yes" : "no",
    },
    onLine: () => {
      if (++seen === turns) void served.signal("SIGKILL");
    },
  });
  assert.ok(seen >= turns);
}

test.run();
