/** libnbd over disks that stand on a raw image: an attached origin, and a read-only base. */
import fs from "node:fs";
import { test } from "uvu";
import { fresh, succeed } from "../../cli/program.ts";
import { Random } from "../../model/prng.ts";
import { testsWith } from "../../needs.ts";
import { imageFile, sameBytes, sparseBytes } from "../image.ts";
import { endsWell, serve } from "../served.ts";
import { scriptsFor } from "./nbdsh.ts";

const SIZE = 8 * 2 ** 20;
const content = sparseBytes(new Random(51), SIZE, 6);
const attached = imageFile(content);
const base = imageFile(content);

async function serveOver(option: string, image: string) {
  const store = fresh("disk.msnap");
  await succeed("create", store, option, image, "--chunk", "16K");
  return serve(store);
}
const overAttached = await serveOver("--origin", attached);
const overBase = await serveOver("--base", base);
const nbdshTest = testsWith("nbdsh");
const attachedTest = scriptsFor(overAttached, 16384);
const baseTest = scriptsFor(overBase, 16384);

/** Exports of all ages, and requests to all of them; the origin's bytes end up in a file. */
const walk = (keeps: string, file: string) => `
CONTENT = open("${base}", "rb").read()
disks = {"": Disk(connect(), keeps=${keeps})}
assert disks[""].bytes == CONTENT
for step in range(700):
    if step % 100 == 50:
        name = f"@walk-{step}"
        of = R.choice(list(disks))
        multisnap("snapshot", STORE, name[1:], *(["--of", of[1:]] if of else []))
        disks[name] = Disk(connect(name))
        assert disks[name].bytes == disks[of].bytes, (name, of)
    act(R.choice([disks[""], *disks.values()]))
for disk in disks.values():
    disk.check()
open("${file}", "wb").write(disks[""].bytes)
`;

const attachedBytes = fresh("attached-bytes");
attachedTest(
  "a random walk over an attached origin and its snapshots",
  walk("True", attachedBytes),
);

attachedTest(
  "zeros are never fast on an attached origin, and are on its snapshots",
  `
h = connect()
h.pwrite(b"x" * CHUNK, 0)
for length, flags in [(4 * CHUNK, 0), (CHUNK, NO_HOLE)]:
    fails(errno.ENOTSUP, h.zero, length, 0, FAST_ZERO | flags)
assert h.pread(CHUNK, 0) == b"x" * CHUNK
multisnap("snapshot", STORE, "fast")
fast = connect("@fast")
fast.zero(4 * CHUNK, 0, FAST_ZERO)
assert not any(fast.pread(4 * CHUNK, 0)) and h.pread(CHUNK, 0) == b"x" * CHUNK
h.zero(CHUNK, 0)
assert not any(h.pread(CHUNK, 0))
h.pwrite(open("${attachedBytes}", "rb").read(4 * CHUNK), 0)
h.flush()
`,
);

attachedTest(
  "an attached origin is data all over; its snapshots have holes of their own",
  `
def states(h):
    found = []
    h.block_status(h.get_size(), 0, lambda c, o, entries, e: found.extend(entries))
    return found
h = connect(contexts=["base:allocation"])
assert states(h) == [h.get_size(), 0]
h.trim(8 * CHUNK, 0)
assert states(h) == [h.get_size(), 0]
fast = connect("@fast", contexts=["base:allocation"])
assert states(fast)[:2] == [4 * CHUNK, 3]
`,
);

endsWell(overAttached);

nbdshTest("the attached origin is the raw image that its clients saw", () => {
  sameBytes(fs.readFileSync(attached), fs.readFileSync(attachedBytes), "raw image");
});

const baseBytes = fresh("base-bytes");
baseTest("a random walk over a base image and snapshots", walk("False", baseBytes));

endsWell(overBase);

test("the base image is as it was", () => {
  sameBytes(fs.readFileSync(base), content, "base image");
});

test.run();
