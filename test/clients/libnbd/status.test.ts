/** libnbd: block status: where there is data, and what has changed since a snapshot. */
import { test } from "uvu";
import { endsWell, serveNew } from "../served.ts";
import { scriptsFor } from "./nbdsh.ts";

const served = await serveNew("48M", "--chunk", "8K");
const scriptTest = scriptsFor(served, 8192);

/** Asks until a range is covered, and compares with what each chunk should be. */
const STATUS = `
def statuses(handle, offset, length, flags=0):
    """One answer: the entries of each context, as (start, end, state)."""
    found = {}
    def each(context, start, entries, error):
        assert start == offset and context not in found
        runs = found[context] = []
        for run, state in zip(entries[::2], entries[1::2]):
            assert run > 0
            runs.append((start, start + run, state))
            start += run
        return 0
    handle.block_status(length, offset, each, flags)
    return found

def by_chunk(handle, context):
    """The state of every chunk of the disk, from as many answers as it takes."""
    states, at, size = [], 0, handle.get_size()
    while at < size:
        runs = statuses(handle, at, size - at)[context]
        for start, end, state in runs:
            assert start % CHUNK == 0 and end % CHUNK == 0 and end <= size
            states += [state] * ((end - start) // CHUNK)
        at = runs[-1][1]
    return states

def chunks(data):
    return [bytes(data[at : at + CHUNK]) for at in range(0, len(data), CHUNK)]

def write_somewhere(disk, times):
    for _ in range(times):
        offset, length = some_range(disk.size, 20 * CHUNK)
        disk.write(offset, R.randbytes(length))
`;

scriptTest(
  "all contexts at once, against what was written",
  `${STATUS}
origin = Disk(connect())
write_somewhere(origin, 60)
before = {}
for name in ["one", "two", "three"]:
    multisnap("snapshot", STORE, name)
    before[name] = bytes(origin.bytes)
    write_somewhere(origin, 25)
names = ["base:allocation", *("multisnap:diff:" + name for name in before)]
h = connect(contexts=names)
empty = bytes(CHUNK)
now = chunks(origin.bytes)
assert by_chunk(h, "base:allocation") == [3 if chunk == empty else 0 for chunk in now]
for name, then in before.items():
    expected = [int(a != b) for a, b in zip(chunks(then), now)]
    assert by_chunk(h, "multisnap:diff:" + name) == expected, name
assert sorted(statuses(h, 0, origin.size)) == sorted(names)
`,
);

scriptTest(
  "of a snapshot against another, and against itself",
  `${STATUS}
two = Disk(connect("@two"))
three = Disk(connect("@three"))
h = connect("@three", contexts=["multisnap:diff:two", "multisnap:diff:three", "base:allocation"])
expected = [int(a != b) for a, b in zip(chunks(two.bytes), chunks(three.bytes))]
assert any(expected) and by_chunk(h, "multisnap:diff:two") == expected
assert not any(by_chunk(h, "multisnap:diff:three"))
# What the snapshot's own clients write is a change, too.
three.write(5, b"changed")
assert by_chunk(h, "multisnap:diff:two")[0] == 1
three.trim(0, 2 * CHUNK)
assert by_chunk(h, "base:allocation")[:2] == [3, 3]
`,
);

scriptTest(
  "one extent is one, if asked for, and no longer than the range",
  `${STATUS}
h = connect(contexts=["base:allocation", "multisnap:diff:one"])
full = {name: by_chunk(h, name) for name in ["base:allocation", "multisnap:diff:one"]}
for _ in range(200):
    offset, length = some_range(h.get_size(), 60 * CHUNK)
    several = statuses(h, offset, length)
    single = statuses(h, offset, length, REQ_ONE)
    for name, states in full.items():
        assert len(single[name]) == 1
        start, end, state = single[name][0]
        assert offset == start < end <= offset + length
        for start, end, state in single[name] + several[name]:
            assert all(states[at // CHUNK] == state for at in range(start, end, 512))
            assert states[(end - 1) // CHUNK] == state
        assert several[name][-1][1] <= offset + length
`,
);

scriptTest(
  "more extents than an answer has come in several answers",
  `${STATUS}
multisnap("snapshot", STORE, "comb")
disk = Disk(connect("@comb"))
for at in range(0, disk.size, 2 * CHUNK):
    disk.zero(at, CHUNK)
    disk.handle.pwrite(b"x", at + CHUNK)
h = connect("@comb", contexts=["base:allocation"])
assert by_chunk(h, "base:allocation") == [3, 0] * (disk.size // CHUNK // 2)
`,
);

scriptTest(
  "a snapshot to compare with that is gone is an error of that request alone",
  `${STATUS}
h = connect(contexts=["base:allocation", "multisnap:diff:comb"])
statuses(h, 0, CHUNK)
multisnap("delete", STORE, "comb")
try:
    statuses(h, 0, CHUNK)
    raise AssertionError("of a snapshot that is gone")
except nbd.Error as error:
    assert h.aio_is_ready(), error
Disk(h).write(0, b"goes on")
assert h.pread(7, 0) == b"goes on"
`,
);

endsWell(served);
test.run();
