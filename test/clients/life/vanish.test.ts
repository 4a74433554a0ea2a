/** Clients that go without a word, in the middle of a request: nobody else notices. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { test } from "uvu";
import * as assert from "uvu/assert";
import { json } from "../../cli/program.ts";
import { testsWith } from "../../needs.ts";
import { atEnd } from "../ending.ts";
import { runScript } from "../libnbd/nbdsh.ts";
import { endsWell, serveNew } from "../served.ts";

const served = await serveNew("256M");
const fioTest = testsWith("fio", "nbdsh");
const nbdshTest = testsWith("nbdsh");

interface Live {
  connections: number;
  requests: number;
  queueDepth: number;
  bytesInFlight: number;
}

async function live(): Promise<Live> {
  return (await json("status", served.store)).server as Live;
}

/** Ends when the server has nothing to do for anybody any more. */
async function quiet(): Promise<void> {
  for (let now = await live(); ; now = await live()) {
    if (now.connections === 0 && now.queueDepth === 0 && now.bytesInFlight === 0) return;
    await sleep(100);
  }
}

/** fio, that writes as fast as it can until somebody ends it. */
function load(): ChildProcess {
  const job = ["--name=load", "--rw=randwrite", "--bsrange=4k-256k", "--iodepth=16", "--size=128m"];
  const args = ["--ioengine=nbd", "--thread", `--uri=${served.uri()}`, ...job];
  const endless = ["--time_based", "--runtime=600"];
  const child = spawn("fio", [...args, ...endless], { stdio: "ignore" });
  child.once(
    "exit",
    atEnd(() => child.kill("SIGKILL")),
  );
  return child;
}

fioTest("a fio that is killed leaves nothing behind, and another client goes on", async () => {
  const walk = runScript(
    served,
    4096,
    `
h, model = connect(), {}
for step in range(400):
    at = 128 * MIB + R.randint(0, 1000) * 100 * KIB
    model[at] = R.randbytes(50 * KIB)
    h.pwrite(model[at], at)
    at = R.choice(list(model))
    assert h.pread(len(model[at]), at) == model[at]
for at, data in model.items():
    assert h.pread(len(data), at) == data
`,
  );
  for (let round = 0; round < 3; round++) {
    const { requests } = await live();
    const child = load();
    while ((await live()).requests < requests + 2000) await sleep(20);
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await walk;
  await quiet();
});

nbdshTest("clients that are gone in the middle of a payload, or before their replies", async () => {
  await runScript(
    served,
    4096,
    `
import socket, struct
def raw():
    """A connection past its handshake, byte by byte."""
    s = socket.socket(socket.AF_UNIX)
    s.connect(SOCKET)
    assert s.recv(18, socket.MSG_WAITALL)[:16] == b"NBDMAGICIHAVEOPT"
    s.sendall(struct.pack(">I", 3) + b"IHAVEOPT" + struct.pack(">II", 1, 0))
    assert len(s.recv(10, socket.MSG_WAITALL)) == 10
    return s
def request(kind, offset, length, flags=0):
    return struct.pack(">IHHQQI", 0x25609513, flags, kind, 7, offset, length)
other = Disk(connect("origin"), 8 * MIB)
for turn in range(60):
    s = raw()
    cut = turn % 6
    if cut == 0:
        s.sendall(request(1, 100 * MIB, PAYLOAD_MAX) + R.randbytes(R.randint(0, 300000)))
    elif cut == 1:
        for n in range(20):
            s.sendall(request(0, n * MIB, MIB))
    elif cut == 2:
        s.sendall(request(0, 0, 4096)[: R.randint(1, 27)])
    elif cut == 3:
        s.sendall(request(6, 64 * MIB, 128 * MIB, 2))
    elif cut == 4:
        s.sendall(b"garbage" * 100)
    else:
        s.sendall(request(3, 0, 0) + request(7, 0, 4096) + request(99, 0, 0))
        s.shutdown(socket.SHUT_WR)
        while s.recv(65536):
            pass
    if turn % 2:
        s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()
    act(other)
other.check()
`,
  );
  await quiet();
});

nbdshTest("a thousand connections at once are served, and let go", async () => {
  await runScript(
    served,
    4096,
    `
import resource
hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
handles = [connect() for _ in range(1000)]
for n, h in enumerate(handles):
    h.aio_pwrite(n.to_bytes(4096, "big"), n * 4096, ended)
drain(*handles)
for n, h in enumerate(reversed(handles)):
    assert h.pread(4096, n * 4096) == n.to_bytes(4096, "big")
`,
  );
  await quiet();
});

fioTest("the counters say how it was", async () => {
  const { requests } = await live();
  assert.ok(requests > 6000);
});

endsWell(served);
test.run();
