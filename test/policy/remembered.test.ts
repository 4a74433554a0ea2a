/** The policy of a full store: remembered, overridden, shown, and refused where there is none. */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { openVolume } from "../../src/volume/open/open.ts";
import type { CreateOptions, OpenOptions } from "../../src/volume/types.ts";
import { BLOCK, crc32c, StoreBlocks } from "../format/blocks.ts";
import { expectCode } from "../model/history.ts";
import { Image, imageDevice } from "../model/image.ts";
import { pruning } from "./pruning.ts";

const SIZE = 2 ** 20;
/** FORMAT.md, section 2. */
const SUPER_POLICY = 204;
const SUPER_VICTIMS = 2560;

type Options = Partial<OpenOptions>;

async function inForce(image: Image, options: Options = {}) {
  const volume = await openVolume({ store: imageDevice(image), ...options });
  const { victims, preserveOnError, pruned } = volume.status();
  assert.is(pruned, null);
  await volume.close();
  return [victims, preserveOnError];
}

async function made(create: CreateOptions, options: Options = {}): Promise<Image> {
  const image = new Image();
  await inForce(image, { create: { size: SIZE, ...create }, ...options });
  return image;
}

/** Changes the superblocks that are there, with checksums that are right. */
function patch(image: Image, change: (block: DataView) => void): void {
  for (const at of [0, BLOCK]) {
    const bytes = new Uint8Array(BLOCK);
    image.read(bytes, 0, BLOCK, at);
    if (bytes.every((byte) => byte === 0)) continue;
    const block = new DataView(bytes.buffer);
    change(block);
    block.setUint32(12, 0, true);
    block.setUint32(12, crc32c(bytes), true);
    image.write(bytes, 0, BLOCK, at);
  }
}

for (const { kind } of pruning) {
  const test = suite(`what a full store shall do: ${kind}`);

  test("nothing said: no victims, every snapshot is kept", async () => {
    assert.equal(await inForce(await made({ kind })), [null, true]);
    assert.equal(await inForce(await made({ kind, victims: "  " })), [null, true]);
  });

  test("said when it is made: remembered, and in force from the beginning", async () => {
    const victims = "tmp-*=0, nächtlich-?=-5";
    const image = new Image();
    const create = { kind, size: SIZE, victims, preserveOnError: false };
    assert.equal(await inForce(image, { create }), [victims, false]);
    assert.equal(await inForce(image), [victims, false]);
    assert.equal(await inForce(image, { readOnly: true }), [victims, false]);
    const bytes = new Uint8Array(image.size);
    image.read(bytes, 0, bytes.length, 0);
    const blocks = new StoreBlocks(bytes);
    assert.is(blocks.field(SUPER_POLICY), 1);
    const text = new TextEncoder().encode(victims);
    const at = bytes.findIndex((_, i) => text.every((byte, j) => bytes[i + j] === byte));
    assert.is(at % BLOCK, SUPER_VICTIMS + 2);
    assert.is(new DataView(bytes.buffer).getUint16(at - 2, true), text.length);
  });

  test("as long as it may be", async () => {
    const victims = `${"é".repeat(250)},b*=-12345`.slice(0, 259).padEnd(259, "6");
    assert.is(new TextEncoder().encode(victims).length, 509);
    const image = await made({ kind, victims });
    assert.equal(await inForce(image), [victims, true]);
    await expectCode("Invalid", made({ kind, victims: `${victims}7` }));
  });

  test("who opens it may say otherwise, for that time", async () => {
    const image = await made({ kind, victims: "a*", preserveOnError: false });
    assert.equal(await inForce(image, { victims: "b*" }), ["b*", false]);
    assert.equal(await inForce(image, { victims: "" }), [null, false]);
    assert.equal(await inForce(image, { preserveOnError: true }), ["a*", true]);
    assert.equal(await inForce(image), ["a*", false]);
    const other = await made({ kind, victims: "a*" }, { victims: "b*", preserveOnError: false });
    assert.equal(await inForce(other), ["a*", true], "of options nothing is remembered");
  });

  test("what is no list of patterns makes and opens nothing", async () => {
    const image = new Image();
    const store = imageDevice(image);
    await expectCode("Invalid", openVolume({ store, create: { kind, size: SIZE, victims: "a=" } }));
    await expectCode("Invalid", openVolume({ store, create: { kind, size: SIZE }, victims: ",a" }));
    assert.is(image.size, 0);
  });

  test("what it remembers cannot be read: it opens for reading, or with others", async () => {
    const image = await made({ kind, victims: "abc" });
    patch(image, (block) => block.setUint8(SUPER_VICTIMS + 2, 44));
    const error = await openVolume({ store: imageDevice(image) }).catch((caught) => caught);
    assert.is(error.code, "Corrupt");
    assert.match(error.message, /remembers .*character 1: .*give victims/);
    assert.equal(await inForce(image, { readOnly: true }), [",bc", true]);
    assert.equal(await inForce(image, { victims: "" }), [null, true]);
  });

  test("a length past its field is damage; other bits are not looked at", async () => {
    const image = await made({ kind, victims: "abc" });
    patch(image, (block) => block.setUint32(SUPER_POLICY, 0xfffffffe, true));
    assert.equal(await inForce(image), ["abc", true]);
    patch(image, (block) => block.setUint16(SUPER_VICTIMS, 510, true));
    assert.is((await inForce(image, { readOnly: true }))[0]?.toString().length, 510);
    patch(image, (block) => block.setUint16(SUPER_VICTIMS, 511, true));
    await expectCode("Corrupt", openVolume({ store: imageDevice(image), readOnly: true }));
  });

  test.run();
}

const fixed = suite("stores whose snapshot stays");
for (const kind of ["persistent", "transient"] as const) {
  fixed(`${kind}: no victims, nothing remembered`, async () => {
    const under = Image.of(new Uint8Array(SIZE));
    const [store, origin] = [imageDevice(new Image()), imageDevice(under, { fixed: true })];
    const devices = { store, origin };
    for (const policy of [{ victims: "a*" }, { preserveOnError: false }]) {
      await expectCode("Invalid", openVolume({ ...devices, create: { kind, ...policy } }));
    }
    await expectCode("Invalid", openVolume({ ...devices, create: { kind }, victims: "a*" }));
    const volume = await openVolume({ ...devices, create: { kind }, victims: "" });
    assert.is(volume.status().victims, null);
    await volume.close();
  });
}

fixed("persistent: nor when it is opened", async () => {
  const under = Image.of(new Uint8Array(SIZE));
  const image = new Image();
  const origin = () => imageDevice(under, { fixed: true });
  const create = { kind: "persistent" } as const;
  await (await openVolume({ store: imageDevice(image), origin: origin(), create })).close();
  const again = openVolume({ store: imageDevice(image), origin: origin(), victims: "cow" });
  await expectCode("Invalid", again);
});
fixed.run();
