/** libnbd: how a client comes to an export, the new ways and the old, by any name. */
import { test } from "uvu";
import { succeed } from "../../cli/program.ts";
import { endsWell, serveNew } from "../served.ts";
import { scriptsFor } from "./nbdsh.ts";

const served = await serveNew("4M");
const scriptTest = scriptsFor(served, 4096);

const NAMES = [
  "plain",
  "with spaces in it",
  " at both ends ",
  "Grüße, 世界 \u{1f4be}",
  "slash/and?query=100%&more#x",
  "n".repeat(255),
  "é".repeat(127),
];
for (const [index, name] of NAMES.entries()) {
  await succeed("write", served.store, "--offset", String(index));
  await served.snapshot(name);
}

scriptTest(
  "an export is found by its name, whatever the name is",
  `
names = ${JSON.stringify(NAMES)}
origin = connect("")
for name in names:
    h = connect("@" + name)
    assert h.get_size() == 4 * MIB
    h.pwrite(name.encode(), 100)
for name in names:
    bytes = name.encode()
    assert connect("@" + name).pread(len(bytes), 100) == bytes, name
assert not any(origin.pread(4096, 0)), "the origin stays as it was"
listed = []
h = nbd.NBD()
h.set_opt_mode(True)
h.connect_unix(SOCKET)
assert h.opt_list(lambda name, description: listed.append(name)) == len(names) + 2
assert sorted(listed) == sorted(["", "origin"] + ["@" + name for name in names])
h.opt_abort()
`,
);

scriptTest(
  "a name that no export has is refused, and the client may try another",
  `
wrong = ["@nobody", "plain", "@", "@@plain", "@PLAIN", "@plain ", "@" + "x" * 256, "z" * 4096]
for name in wrong:
    fails(errno.ENOENT, connect, name)
h = nbd.NBD()
h.set_opt_mode(True)
h.connect_unix(SOCKET)
for name in wrong:
    h.set_export_name(name)
    fails(errno.ENOENT, h.opt_info)
    fails(errno.ENOENT, h.opt_go)
h.set_full_info(True)
h.set_export_name("@plain")
h.opt_info()
assert h.get_size() == 4 * MIB and h.get_export_description() == "snapshot plain"
h.set_export_name("origin")
h.opt_go()
assert h.get_canonical_export_name() == "origin"
assert not any(h.pread(4096, 0))
`,
);

scriptTest(
  "the old way in, NBD_OPT_EXPORT_NAME, with and without the zeros that end it",
  `
for flags in [0, nbd.HANDSHAKE_FLAG_NO_ZEROES]:
    for name in ["", "origin", "@with spaces in it"]:
        h = connect(name, handshake_flags=flags)
        assert h.get_protocol() == "newstyle", h.get_protocol()
        assert h.get_size() == 4 * MIB
        assert h.can_flush() and h.can_fua() and h.can_multi_conn() and h.can_zero()
        assert not h.can_df()
        disk = Disk(h)
        for step in range(50):
            act(disk, 32 * KIB)
        disk.check()
    try:
        connect("@nobody", handshake_flags=flags)
        raise AssertionError("an export that is not there")
    except nbd.Error:
        pass
assert connect().get_protocol() == "newstyle-fixed"
`,
);

scriptTest(
  "structured replies, handshake flags and contexts are the client's to choose",
  `
for structured in [True, False]:
    h = connect(request_structured_replies=structured, contexts=["base:allocation"])
    assert h.get_structured_replies_negotiated() == structured
    assert h.can_df() == structured
    assert h.can_meta_context("base:allocation") == structured
    h.pwrite(b"either way", 9000)
    assert h.pread(10, 9000) == b"either way"
h = connect(contexts=["base:allocation", "multisnap:diff:plain", "multisnap:diff:nobody", "x:y"])
has = [h.can_meta_context(name) for name in
       ["base:allocation", "multisnap:diff:plain", "multisnap:diff:nobody", "x:y"]]
assert has == [True, True, False, False], has
`,
);

scriptTest(
  "contexts are listed: all, by their beginning, by name",
  `
diffs = ["multisnap:diff:" + name for name in ${JSON.stringify(NAMES)}]
def listed(*queries):
    h = nbd.NBD()
    h.set_opt_mode(True)
    for query in queries:
        h.add_meta_context(query)
    h.connect_unix(SOCKET)
    found = []
    h.opt_list_meta_context(found.append)
    h.opt_abort()
    return sorted(found)
assert listed() == sorted(["base:allocation"] + diffs), listed()
assert listed("base:") == ["base:allocation"]
assert listed("multisnap:") == sorted(diffs)
both = ["base:allocation", "multisnap:diff:plain"]
assert listed(*reversed(both)) == both
assert listed("multisnap:diff:nobody", "other:", "base:other") == []
`,
);

scriptTest(
  "clients that ask, leave, or fall silent in between cost nothing",
  `
silent = []
for turn in range(100):
    h = nbd.NBD()
    h.set_opt_mode(True)
    h.connect_unix(SOCKET)
    if turn % 2:
        h.opt_list(lambda *_: 0)
        h.opt_abort()
    else:
        silent.append(h)
    Disk(connect("@plain")).check(0, 8192) if turn % 10 == 0 else None
del silent
connect().flush()
`,
);

endsWell(served);
test.run();
