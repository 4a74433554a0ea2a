/** libnbd: what goes in comes out, by every kind of request, on the origin and on snapshots. */
import { test } from "uvu";
import { endsWell, serveNew } from "../served.ts";
import { scriptsFor } from "./nbdsh.ts";

const served = await serveNew("16M", "--chunk", "8K");
const scriptTest = scriptsFor(served, 8192);

scriptTest(
  "a random walk over the origin and snapshots of it, each a disk of its own",
  `
disks = {"": Disk(connect())}
assert not any(disks[""].bytes)
for step in range(900):
    if step % 150 == 100:
        name = f"@walk-{step}"
        of = R.choice(list(disks))
        disks[of].handle.flush()
        multisnap("snapshot", STORE, name[1:], *(["--of", of[1:]] if of else []))
        disks[name] = Disk(connect(name))
        assert disks[name].bytes == disks[of].bytes, (name, of)
    act(R.choice(list(disks.values())))
for disk in disks.values():
    disk.check()
`,
);

scriptTest(
  "the same with simple replies, and over the export called origin",
  `
disk = Disk(connect("origin", request_structured_replies=False))
assert not disk.handle.get_structured_replies_negotiated()
assert not disk.handle.can_df()
for step in range(500):
    act(disk)
disk.check()
Disk(connect()).check()
`,
);

scriptTest(
  "a request that asks to be durable at once is there for all, as after a flush",
  `
h, other = connect(), connect()
assert h.can_fua() and h.can_flush() and h.can_multi_conn()
disk = Disk(h)
disk.write(5, b"forced" * 1000, FUA)
disk.zero(100, 900, FUA)
disk.zero(3 * CHUNK, 2 * CHUNK, FUA | NO_HOLE)
disk.trim(8 * CHUNK, 5 * CHUNK, FUA)
# The protocol allows the flag everywhere.
g = lax()
g.pread(10, 0, FUA)
g.cache(10, 0, FUA)
g.flush(FUA)
seen = Disk(other)
assert seen.bytes == disk.bytes
other.flush()
`,
);

scriptTest(
  "a trimmed chunk is a hole; what is left of others stays",
  `
disk = Disk(connect(contexts=["base:allocation"]))
disk.write(0, R.randbytes(10 * CHUNK))
disk.trim(CHUNK + 1, 5 * CHUNK)
disk.check(0, 10 * CHUNK)
found = []
disk.handle.block_status(10 * CHUNK, 0, lambda c, o, entries, e: found.extend(entries))
assert found == [2 * CHUNK, 0, 4 * CHUNK, 3, 4 * CHUNK, 0], found
`,
);

scriptTest(
  "zeros take no space where they may be a hole, and do where not",
  `
disk = Disk(connect(contexts=["base:allocation"]))
def states(offset, length):
    found = []
    disk.handle.block_status(length, offset, lambda c, o, entries, e: found.extend(entries))
    return found
disk.write(0, R.randbytes(8 * CHUNK))
disk.zero(0, 4 * CHUNK)
assert states(0, 8 * CHUNK) == [4 * CHUNK, 3, 4 * CHUNK, 0]
disk.zero(0, 3 * CHUNK, NO_HOLE)
assert states(0, 4 * CHUNK) == [3 * CHUNK, 0, CHUNK, 3]
disk.check()
`,
);

scriptTest(
  "zeros that would be no faster than a write are refused where speed is asked for",
  `
disk = Disk(connect())
assert disk.handle.can_fast_zero()
disk.write(0, R.randbytes(8 * CHUNK))
disk.zero(CHUNK, 2 * CHUNK, FAST_ZERO)
fails(errno.ENOTSUP, disk.handle.zero, CHUNK, 5 * CHUNK, FAST_ZERO | NO_HOLE)
fails(errno.ENOTSUP, disk.handle.zero, 100, 5 * CHUNK + 1, FAST_ZERO)
fails(errno.ENOTSUP, disk.handle.zero, 2 * CHUNK - 2, 5 * CHUNK + 1, FAST_ZERO)
disk.check()
`,
);

scriptTest(
  "a read in one piece, if asked for; no piece goes missing, if not",
  `
disk = Disk(connect())
assert disk.handle.can_df()
disk.write(3 * CHUNK + 7, R.randbytes(4 * MIB))
for flags in [0, DF]:
    for offset, length in [(0, 1), (CHUNK, 70 * KIB), (11, 5 * MIB)]:
        pieces = []
        def piece(data, at, kind, error):
            pieces.append((at, bytes(data), kind))
        disk.handle.pread_structured(length, offset, piece, flags)
        pieces.sort()
        assert flags != DF or len(pieces) == 1
        end = offset
        for at, data, kind in pieces:
            assert at == end and kind in (nbd.READ_DATA, nbd.READ_HOLE)
            assert kind == nbd.READ_HOLE or data == bytes(disk.bytes[at : at + len(data)])
            end += len(data)
        assert end == offset + length
`,
);

scriptTest(
  "a request to cache is answered, and changes nothing",
  `
disk = Disk(connect())
assert disk.handle.can_cache()
disk.handle.cache(disk.size, 0)
disk.handle.cache(1, disk.size - 1)
disk.check()
`,
);

endsWell(served);
test.run();
