# What every script of these tests begins with: connections, and disks that know what is on them.
import errno
import os
import random
import subprocess

import nbd

SOCKET = os.environ["SOCKET"]
STORE = os.environ["STORE"]
CHUNK = int(os.environ["CHUNK"])
KIB = 1024
MIB = 1024 * 1024
PAYLOAD_MAX = 32 * MIB
R = random.Random(int(os.environ["SEED"]))

FUA = nbd.CMD_FLAG_FUA
NO_HOLE = nbd.CMD_FLAG_NO_HOLE
FAST_ZERO = nbd.CMD_FLAG_FAST_ZERO
DF = nbd.CMD_FLAG_DF
REQ_ONE = nbd.CMD_FLAG_REQ_ONE


def connect(name="", contexts=(), **settings):
    """A handle on the export; settings are those of set_NAME."""
    handle = nbd.NBD()
    for setting, value in settings.items():
        getattr(handle, "set_" + setting)(value)
    for context in contexts:
        handle.add_meta_context(context)
    handle.set_export_name(name)
    handle.connect_unix(SOCKET)
    return handle


def lax(name="", **settings):
    """A handle that sends what libnbd would keep from the server."""
    return connect(name, strict_mode=0, **settings)


def fails(number, call, *args):
    """Demands that the call ends with this error number."""
    try:
        call(*args)
    except nbd.Error as error:
        found = errno.errorcode.get(error.errnum, error.errnum)
        assert error.errnum == number, f"{found}, not {errno.errorcode[number]}: {error}"
    else:
        raise AssertionError(f"{call.__name__}{args} did not fail")


FAILED = []


def ended(error):
    """For the aio calls: nobody asks how each has ended, so `drain` does."""
    if error.value != 0:
        FAILED.append(error.value)
    return 1


def drain(*handles):
    """Moves all of them on until nothing is in flight any more; demands that nothing has failed."""
    while busy := [handle for handle in handles if handle.aio_in_flight() > 0]:
        for handle in busy:
            handle.poll(-1 if len(busy) == 1 else 1)
    assert not FAILED, FAILED


def multisnap(*args):
    """Our command-line program, in a process of its own."""
    command = [os.environ["NODE"], os.environ["MULTISNAP"], *args]
    return subprocess.run(command, check=True, capture_output=True).stdout


class Disk:
    """
    An export, or the beginning of one, and the bytes that should be on it. keeps: a trim leaves
    them, as an attached origin does.
    """

    def __init__(self, handle, size=None, keeps=False):
        self.handle = handle
        self.keeps = keeps
        self.size = handle.get_size() if size is None else size
        self.bytes = bytearray(self.read(0, self.size))

    def read(self, offset, length, flags=0):
        parts = []
        for at in range(offset, offset + length, PAYLOAD_MAX):
            count = min(PAYLOAD_MAX, offset + length - at)
            if flags & DF:
                parts.append(self.handle.pread_structured(count, at, lambda *_: 0, flags))
            else:
                parts.append(self.handle.pread(count, at, flags))
        return b"".join(bytes(part) for part in parts)

    def check(self, offset=0, length=None):
        """What is there is what should be."""
        end = self.size if length is None else offset + length
        found = self.read(offset, end - offset)
        expected = bytes(self.bytes[offset:end])
        if found != expected:
            at = next(i for i in range(len(found)) if found[i] != expected[i])
            raise AssertionError(f"{offset + at}: {found[at]}, not {expected[at]}")

    def write(self, offset, data, flags=0):
        self.handle.pwrite(data, offset, flags)
        self.bytes[offset : offset + len(data)] = data

    def zero(self, offset, length, flags=0):
        self.handle.zero(length, offset, flags)
        self.bytes[offset : offset + length] = bytes(length)

    def trim(self, offset, length, flags=0):
        """Whole chunks read as zeros afterwards, the rest stays."""
        self.handle.trim(length, offset, flags)
        start = -(-offset // CHUNK) * CHUNK
        end = (offset + length) // CHUNK * CHUNK
        if start < end and not self.keeps:
            self.bytes[start:end] = bytes(end - start)


def some_range(size, longest):
    """Often within a chunk, now and then along its borders."""
    length = R.randint(1, R.choice([16, 600, CHUNK, longest]))
    offset = R.randint(0, size - length)
    if R.random() < 0.3:
        offset -= offset % CHUNK
    if R.random() < 0.3 and length > CHUNK:
        length -= length % CHUNK
    return offset, length


def act(disk, longest=256 * KIB):
    """One random request, of any kind that changes or reads data."""
    offset, length = some_range(disk.size, longest)
    forced = FUA if R.random() < 0.1 else 0
    what = R.choice(["write"] * 4 + ["read"] * 3 + ["zero", "no hole", "fast", "trim", "cache"])
    if what == "write":
        disk.write(offset, R.randbytes(length), forced)
    elif what == "read":
        disk.check(offset, length)
    elif what == "zero":
        disk.zero(offset, length, forced)
    elif what == "no hole":
        disk.zero(offset, length, NO_HOLE | forced)
    elif what == "fast":
        try:
            disk.zero(offset, length, FAST_ZERO)
        except nbd.Error as error:
            assert error.errnum == errno.ENOTSUP, error
    elif what == "trim":
        disk.trim(offset, length, forced)
    else:
        disk.handle.cache(length, offset)
    if R.random() < 0.05:
        disk.handle.flush()
