/** libnbd: the largest requests, those past a limit, and other mistakes that a client can make. */
import { test } from "uvu";
import { endsWell, serveNew } from "../served.ts";
import { scriptsFor } from "./nbdsh.ts";

const served = await serveNew("96M");
await served.snapshot("frozen", "--read-only");
const large = await serveNew("6T");
const scriptTest = scriptsFor(served, 4096);
const largeTest = scriptsFor(large, 4096);

scriptTest(
  "block sizes are told: any, a chunk, 32 MiB",
  `
h = connect()
asked = [nbd.SIZE_MINIMUM, nbd.SIZE_PREFERRED, nbd.SIZE_MAXIMUM]
sizes = [h.get_block_size(which) for which in asked]
assert sizes == [1, CHUNK, PAYLOAD_MAX], sizes
`,
);

scriptTest(
  "32 MiB in one request; a byte more is refused, and the connection goes on",
  `
for replies in [True, False]:
    h = lax(request_structured_replies=replies)
    disk = Disk(h)
    data = R.randbytes(PAYLOAD_MAX + 1)
    disk.write(12345, data[:-1])
    assert h.pread(PAYLOAD_MAX, 12345) == data[:-1]
    fails(errno.EINVAL, h.pwrite, data, 1)
    fails(errno.EINVAL, h.pread, PAYLOAD_MAX + 1, 0)
    disk.write(0, b"still here")
    disk.check()
`,
);

scriptTest(
  "requests past the end are refused, whole",
  `
for replies in [True, False]:
    h = lax(request_structured_replies=replies)
    disk = Disk(h)
    end = disk.size
    for offset, length in [(end - 1, 2), (end, 1), (end + 5, 10), (2**63 - 1, 1), (2**62, 4096)]:
        fails(errno.EINVAL, h.pread, length, offset)
        fails(errno.ENOSPC, h.pwrite, R.randbytes(length), offset)
        fails(errno.EINVAL, h.trim, length, offset)
        fails(errno.ENOSPC, h.zero, length, offset)
        fails(errno.EINVAL, h.cache, length, offset)
    disk.write(end - 1, b"x")
    disk.check()
`,
);

scriptTest(
  "an export that is read-only reads, and refuses what would change it",
  `
h = lax("@frozen")
assert h.is_read_only()
disk = Disk(h)
for call in [lambda: h.pwrite(b"no", 0), lambda: h.zero(CHUNK, 0), lambda: h.trim(CHUNK, 0)]:
    fails(errno.EPERM, call)
fails(errno.EPERM, h.pwrite, bytes(PAYLOAD_MAX), 0)
h.flush()
disk.check()
`,
);

scriptTest(
  "flags that a command does not have are refused",
  `
h = lax()
disk = Disk(h)
fails(errno.EINVAL, h.pread, 10, 0, NO_HOLE)
fails(errno.EINVAL, h.pwrite, b"0123456789", 0, DF)
fails(errno.EINVAL, h.trim, CHUNK, 0, FAST_ZERO)
fails(errno.EINVAL, h.zero, CHUNK, 0, 1 << 9)
fails(errno.EINVAL, h.flush, NO_HOLE)
fails(errno.EINVAL, h.cache, 10, 0, REQ_ONE)
disk.check()
`,
);

scriptTest(
  "requests of no length are answered, one way or the other",
  `
for replies in [True, False]:
    h = lax(request_structured_replies=replies)
    disk = Disk(h)
    calls = [lambda: h.pread(0, 5), lambda: h.pwrite(b"", 5), lambda: h.trim(0, 0)]
    for call in calls + [lambda: h.zero(0, 5), lambda: h.cache(0, disk.size)]:
        try:
            call()
        except nbd.Error as error:
            assert error.errnum == errno.EINVAL, error
        assert h.aio_is_ready(), "the connection is gone"
    disk.check()
`,
);

scriptTest(
  "block status that nobody can have is refused",
  `
fails(errno.EINVAL, lax().block_status, CHUNK, 0, lambda *_: 0)
for replies in [True, False]:
    h = lax(contexts=["base:allocation"], request_structured_replies=replies)
    fails(errno.EINVAL, h.block_status, 10, h.get_size(), lambda *_: 0)
    if replies:
        h.block_status(CHUNK, 0, lambda *_: 0)
    else:
        fails(errno.EINVAL, h.block_status, CHUNK, 0, lambda *_: 0)
    h.pread(10, 0)
`,
);

largeTest(
  "a disk of terabytes is written anywhere, and emptied 4 GiB at a time",
  `
h = connect(contexts=["base:allocation"])
size = h.get_size()
assert size == 6 << 40
places = [0, (1 << 32) - 5, (1 << 40) + 3, (5 << 40) - 70000, size - 9]
written = {at: R.randbytes(min(70000, size - at)) for at in places}
for at, data in written.items():
    h.pwrite(data, at)
for at, data in written.items():
    assert h.pread(len(data), at) == data
most = 2**32 - CHUNK
h.zero(most, 0)
h.trim(most, 1 << 40)
assert not any(h.pread(70000, 0))
assert not any(h.pread(70000, 1 << 40))
found = []
h.block_status(most, 1 << 40, lambda c, o, entries, e: found.extend(entries))
assert found == [most, 3], found
assert h.pread(9, size - 9) == written[size - 9]
h.flush()
`,
);

endsWell(large);
endsWell(served);
test.run();
