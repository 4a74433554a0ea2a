/**
 * A server over devices that answer late, in this process: requests of real clients overlap, and
 * end in another order than they came in.
 */
import fs from "node:fs";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { memoryDevice } from "../../src/devices/memory.ts";
import { type NbdServer, serveNbd } from "../../src/nbd/server.ts";
import { openVolume } from "../../src/volume/open/open.ts";
import type { OpenOptions, Volume } from "../../src/volume/types.ts";
import { fresh } from "../cli/program.ts";
import { lateDevice } from "../model/late.ts";
import { Random } from "../model/prng.ts";
import { testsWith } from "../needs.ts";
import { runScript, seed } from "./libnbd/nbdsh.ts";
import { ask } from "./programs.ts";

const SIZE = 32 * 2 ** 20;
const CHUNK = 8192;
const random = new Random(Number(seed));
const nbdshTest = testsWith("nbdsh");
const fioTest = testsWith("fio");

interface Late {
  volume: Volume;
  server: NbdServer;
  socket: string;
}

/** `turnsMax`: of the event loop, that a device takes to answer. */
async function served(
  { attached = false, turnsMax = 12 },
  body: (late: Late) => Promise<void>,
): Promise<void> {
  const late = (size?: number) => {
    return lateDevice(memoryDevice(size ? { size } : {}), random.fork(), { turnsMax });
  };
  const devices: OpenOptions = { store: late(), create: { size: SIZE, chunk: CHUNK } };
  if (attached) devices.origin = late(SIZE);
  const volume = await openVolume(devices);
  const socket = fresh("socket");
  const server = await serveNbd(volume, { socket });
  try {
    await body({ volume, server, socket });
  } finally {
    await server.close();
  }
  assert.equal((await volume.check()).problems, []);
  await volume.close();
}

/** Requests that overlap in time but not in place; some of each kind, at several connections. */
const CROWD = `
from collections import Counter
SLOT = 40 * KIB
SLOTS = 16 * MIB // SLOT
came = []
def crowd(names, turns, keeps=()):
    """keeps: exports that a trim leaves as they are."""
    handles = [connect(name, request_structured_replies=n % 3 > 0)
               for n, name in enumerate(names * 3)]
    models = {name: [bytes(connect(name).pread(SLOT, slot * SLOT)) for slot in range(SLOTS)]
              for name in names}
    for turn in range(turns):
        reads = []
        for name in names:
            mine = [h for h in handles if h.get_export_name() == name]
            for slot in R.sample(range(SLOTS), 60):
                h, model = R.choice(mine), models[name]
                offset, length = some_range(SLOT, SLOT)
                at = slot * SLOT + offset
                old = model[slot]
                number = len(came)
                came.append(None)
                def done(error, number=number):
                    order.append(number)
                    return ended(error)
                what = R.choice(["read", "read", "write", "write", "zero", "trim", "flush"])
                if what == "read":
                    buffer = nbd.Buffer(length)
                    h.aio_pread(buffer, at, done)
                    reads.append((buffer, old[offset : offset + length], name, at))
                elif what == "write":
                    data = R.randbytes(length)
                    h.aio_pwrite(data, at, done, FUA if R.random() < 0.1 else 0)
                    model[slot] = old[:offset] + data + old[offset + length :]
                elif what == "zero":
                    h.aio_zero(length, at, done, R.choice([0, NO_HOLE]))
                    model[slot] = old[:offset] + bytes(length) + old[offset + length :]
                elif what == "trim":
                    start, end = -(-at // CHUNK) * CHUNK, (at + length) // CHUNK * CHUNK
                    h.aio_trim(length, at, done)
                    if start < end and name not in keeps:
                        start, end = start - slot * SLOT, end - slot * SLOT
                        model[slot] = old[:start] + bytes(end - start) + old[end:]
                else:
                    h.aio_flush(done)
        drain(*handles)
        for buffer, expected, name, at in reads:
            assert bytes(buffer.to_bytearray()) == expected, (name, at)
    for name, model in models.items():
        found = connect(name).pread(SLOT * SLOTS, 0)
        assert bytes(found) == b"".join(model), name
    return models
order = []
`;

for (const attached of [false, true]) {
  const what = attached ? "with an attached origin" : "with an inline origin";
  nbdshTest(`requests overlap and are answered out of order, ${what} (SEED=${seed})`, async () => {
    await served({ attached }, async ({ volume, socket }) => {
      const place = { socket, store: "none" };
      // An attached origin keeps its bytes.
      const keeps = attached ? '[""]' : "[]";
      await runScript(place, CHUNK, `${CROWD}crowd([""], 4, ${keeps})`);
      await volume.snapshot("one");
      await volume.snapshot("two");
      const script = `${CROWD}
crowd(["", "@one", "@two"], 6, ${keeps})
assert sorted(order) == list(range(len(order)))
late = sum(a > b for a, b in zip(order, order[1:]))
assert late > len(order) / 10, f"{late} of {len(order)} were overtaken"
`;
      await runScript(place, CHUNK, script);
    });
  });
}

nbdshTest("snapshots are taken in the middle of it, each of one instant", async () => {
  await served({}, async ({ volume, socket }) => {
    // Two connections write a growing number to two places, the second after the first is there.
    const script = `
first, second = connect(), connect("origin")
stop = os.environ["STOP"]
n = 0
while not os.path.exists(stop):
    n += 1
    mark = n.to_bytes(4, "big") * KIB
    first.pwrite(mark, 100)
    second.pwrite(mark, 9 * MIB + 100)
    if n % 20 == 0:
        print(n, flush=True)
`;
    const stop = fresh("stop");
    let taken = 0;
    const snapshots: Promise<unknown>[] = [];
    await runScript({ socket, store: "none" }, CHUNK, script, {
      env: { STOP: stop },
      onLine: () => {
        if (taken < 12) snapshots.push(volume.snapshot(`at-${taken++}`));
        if (taken === 12) fs.writeFileSync(stop, "");
      },
    });
    await Promise.all(snapshots);
    assert.is(taken, 12);
    let before = 0;
    for (const view of volume.snapshots) {
      const [a, b] = [Buffer.alloc(4096), Buffer.alloc(4096)];
      await view.read(100, a);
      await view.read(9 * 2 ** 20 + 100, b);
      const [one, two] = [a.readUInt32BE(0), b.readUInt32BE(0)];
      assert.ok(one === two || one === two + 1, `${one} and ${two}`);
      assert.ok(two >= before, "later snapshots are not older");
      before = two;
    }
  });
});

fioTest("fio verifies over devices that are late", async () => {
  await served({ turnsMax: 4 }, async ({ volume, server, socket }) => {
    await volume.snapshot("side");
    const uri = (name: string) => `--uri=nbd+unix:///${name}?socket=${socket}`;
    const verify = ["--verify=crc32c", "--verify_fatal=1", "--do_verify=1", "--randseed=5"];
    const common = ["--ioengine=nbd", "--thread", "--iodepth=16", ...verify];
    const mixed = ["--rw=randrw", "--bsrange=512-32k", "--bs_unaligned", "--size=5m"];
    await ask("fio", [
      ...common,
      ...["--name=origin", uri(""), ...mixed],
      ...["--name=snapshot", uri("@side"), ...mixed],
      ...["--name=blocks", uri(""), "--offset=8m", "--size=4m", "--rw=randwrite", "--bs=4k"],
    ]);
    const { requestsFailed, queueDepth, bytesInFlight } = server.live();
    assert.equal([requestsFailed, queueDepth, bytesInFlight], [0, 0, 0]);
  });
});

test.run();
