/** libnbd: many requests and connections at once, and an export that goes away meanwhile. */
import { test } from "uvu";
import { endsWell, serveNew } from "../served.ts";
import { scriptsFor } from "./nbdsh.ts";

const served = await serveNew("256M");
const scriptTest = scriptsFor(served, 4096);

scriptTest(
  "what is quick is not kept waiting by what is slow: replies in any order",
  `
h = connect()
order = []
def note(name):
    def done(error):
        order.append(name)
        return ended(error)
    return done
h.aio_zero(200 * MIB, 0, note("slow"), NO_HOLE)
buffers = [nbd.Buffer(4096) for _ in range(50)]
for buffer in buffers:
    h.aio_pread(buffer, 250 * MIB, note("read"))
h.aio_pwrite(b"quick" * 100, 251 * MIB, note("write"))
drain(h)
assert sorted(set(order)) == ["read", "slow", "write"] and len(order) == 52
assert order[-1] == "slow", order
h.trim(200 * MIB, 0)
`,
);

scriptTest(
  "hundreds of requests in flight at four connections, each on ground of its own",
  `
PART, PIECE = 16 * MIB, 64 * KIB
handles = [connect() for _ in range(4)]
model = {}
for turn in range(3):
    reads = []
    for n, h in enumerate(handles):
        places = R.sample(range(PART // PIECE), 100)
        for place in places:
            at = n * PART + place * PIECE + R.randint(0, 100)
            data = R.randbytes(R.randint(1, PIECE - 100))
            old = model.get(at // PIECE)
            if old is not None and R.random() < 0.5:
                buffer = nbd.Buffer(len(old[1]))
                reads.append((buffer, old))
                h.aio_pread(buffer, old[0], ended)
            else:
                model[at // PIECE] = (at, data)
                h.aio_pwrite(data, at, ended)
    drain(*handles)
    for buffer, (at, data) in reads:
        assert bytes(buffer.to_bytearray()) == data, at
# What one connection wrote, another reads; and a flush on one is for all.
handles[0].flush()
for at, data in model.values():
    assert R.choice(handles).pread(len(data), at) == data, at
`,
);

scriptTest(
  "large requests at every connection at once: more than the server holds at a time",
  `
handles = [connect() for _ in range(6)]
data = [R.randbytes(PAYLOAD_MAX) for _ in range(2)]
for n, h in enumerate(handles):
    h.aio_pwrite(data[n % 2], n * PAYLOAD_MAX, ended)
    h.aio_pwrite(data[n % 2][: 5 * MIB], n * PAYLOAD_MAX + 7, ended)
drain(*handles)
buffers = [nbd.Buffer(PAYLOAD_MAX) for _ in handles]
for n, h in enumerate(handles):
    h.aio_pread(buffers[n], n * PAYLOAD_MAX, ended)
drain(*handles)
for n, h in enumerate(handles):
    whole = data[n % 2]
    got = buffers[n].to_bytearray()
    # Both writes were in flight together: each byte is of one of them.
    small = data[n % 2][: 5 * MIB]
    tail = 7 + len(small)
    assert got[:7] == whole[:7] and got[tail:] == whole[tail:]
    sample = range(7, tail, 4099)
    assert all(got[at] in (whole[at], small[at - 7]) for at in sample)
`,
);

scriptTest(
  "a client that does not take its replies does not stop another",
  `
stubborn = connect()
buffers = [nbd.Buffer(MIB) for _ in range(40)]
for n, buffer in enumerate(buffers):
    stubborn.aio_pread(buffer, n * MIB, ended)
other = Disk(connect("origin"))
for _ in range(50):
    offset = R.randint(200 * MIB, 255 * MIB)
    other.write(offset, R.randbytes(10000))
    other.check(offset, 10000)
drain(stubborn)
for n, buffer in enumerate(buffers):
    assert buffer.to_bytearray() == other.bytes[n * MIB : (n + 1) * MIB]
`,
);

scriptTest(
  "the clients of a deleted snapshot get ESHUTDOWN, and nobody else anything",
  `
for name in ["doomed", "spared"]:
    multisnap("snapshot", STORE, name)
doomed = [connect("@doomed"), connect("@doomed", request_structured_replies=False)]
spared, origin = Disk(connect("@spared"), 16 * MIB), Disk(connect(), 16 * MIB)
for h in doomed:
    h.pread(4096, 0)
    h.pwrite(b"mine", 0)
multisnap("delete", STORE, "doomed")
for h in doomed:
    for call in [lambda: h.pread(4096, 0), lambda: h.pwrite(b"x", 0), lambda: h.trim(4096, 0),
                 lambda: h.zero(4096, 0), lambda: h.pread(10 * MIB, 0)]:
        fails(errno.ESHUTDOWN, call)
    assert h.aio_is_ready()
fails(errno.ENOENT, connect, "@doomed")
for disk in [spared, origin]:
    for _ in range(20):
        act(disk)
    disk.check()
# The name is free; who had the old one open does not see the new one.
multisnap("snapshot", STORE, "doomed")
fails(errno.ESHUTDOWN, doomed[0].pread, 1, 0)
connect("@doomed").pread(1, 0)
`,
);

scriptTest(
  "a snapshot that is renamed stays open",
  `
disk = Disk(connect("@spared"), 4 * MIB)
multisnap("rename", STORE, "spared", "renamed")
disk.write(77, b"still the same disk")
disk.check()
assert connect("@renamed").pread(19, 77) == b"still the same disk"
fails(errno.ENOENT, connect, "@spared")
`,
);

endsWell(served);
test.run();
