/**
 * Entries that are not what FORMAT.md says, under a checksum that is right: the reader refuses each
 * (so it would see the library write one), and the library does not call such a store clean.
 */
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { MultisnapError } from "../../src/errors.ts";
import { Fixture } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { bytesOf, TREES } from "./agree.ts";
import { BLOCK, crc32c, HEADER, StoreBlocks } from "./blocks.ts";
import { type Entry, readEntry } from "./entries.ts";
import { StoreReader } from "./reader.ts";

const CHUNK = 4096;
const ENTRY = 24;

/** A leaf that is to be damaged. */
class Leaf {
  readonly entries: Entry[];
  readonly #bytes: DataView;

  constructor(bytes: DataView, entries: Entry[]) {
    this.#bytes = bytes;
    this.entries = entries;
  }

  #at(index: number, field: number): number {
    return HEADER + index * ENTRY + field;
  }
  u16(index: number, field: number, value: number): void {
    this.#bytes.setUint16(this.#at(index, field), value, true);
  }
  u32(index: number, field: number, value: number): void {
    this.#bytes.setUint32(this.#at(index, field), value, true);
  }
  mask(index: number, value: bigint): void {
    this.#bytes.setBigUint64(this.#at(index, 8), value, true);
  }
  place(index: number, place: number): void {
    const { flags } = this.entries[index] as Entry;
    const word = (BigInt(place) << 16n) | BigInt(flags);
    this.#bytes.setBigUint64(this.#at(index, 16), word, true);
  }
  flags(index: number, change: (flags: number) => number): void {
    this.u16(index, 16, change((this.entries[index] as Entry).flags));
  }
  swap(index: number): void {
    const all = new Uint8Array(this.#bytes.buffer, this.#bytes.byteOffset + HEADER);
    const other = all.slice((index + 1) * ENTRY, (index + 2) * ENTRY);
    all.copyWithin((index + 1) * ENTRY, index * ENTRY, (index + 1) * ENTRY);
    all.set(other, index * ENTRY);
  }

  /** Index of the first entry that is so. */
  find(wanted: (entry: Entry) => boolean): number {
    const found = this.entries.findIndex(wanted);
    assert.ok(found >= 0, "the store has an entry to damage");
    return found;
  }
}

/** The store with its one leaf changed, and sealed again. */
function damaged(store: Uint8Array, change: (leaf: Leaf) => void): Uint8Array {
  const bytes = store.slice();
  const blocks = new StoreBlocks(bytes);
  assert.is(blocks.field(92), 1, "one leaf");
  const at = blocks.blockAt(blocks.field(112));
  const page = new DataView(bytes.buffer, at, BLOCK);
  const count = page.getUint16(10, true);
  const entries = Array.from({ length: count }, (_, i) =>
    readEntry(blocks, at + HEADER + i * ENTRY),
  );
  change(new Leaf(page, entries));
  page.setUint32(0, crc32c(bytes.subarray(at + 4, at + BLOCK)), true);
  return bytes;
}

interface Damage {
  what: string;
  said: RegExp;
  change: (leaf: Leaf) => void;
  /** The library takes no notice of it: it would not read anything else. */
  isPassedOver?: boolean;
}

const ALWAYS: Damage[] = [
  { what: "no chunks", said: /chunks of an entry/, change: (leaf) => leaf.u16(0, 0, 0) },
  { what: "a ragged column", said: /columns overlap/, change: (leaf) => leaf.u16(1, 0, 2) },
  {
    what: "a place of two columns",
    said: /named twice/,
    change: (leaf) => {
      const first = leaf.find(({ place }) => place > 0);
      const { last, place } = leaf.entries[first] as Entry;
      leaf.place(
        leaf.find((entry) => entry.place > 0 && entry.last !== last),
        place,
      );
    },
  },
  {
    what: "a place behind the end",
    said: /chunks in use|bit of place/,
    change: (leaf) => {
      leaf.place(
        leaf.find(({ place }) => place > 0),
        2 ** 40,
      );
    },
  },
];

const KINDS: Record<string, Damage[]> = {
  range: [
    {
      what: "an entry for no view",
      said: /covers a view/,
      change: (leaf) => leaf.u32(0, 8, leaf.entries[0]?.to ?? 0),
    },
    { what: "an id that is not there", said: /timeline/, change: (leaf) => leaf.u32(0, 12, 99) },
    {
      what: "entries out of order",
      said: /\(I1\)|in order/,
      change: (leaf) => leaf.swap(0),
    },
    {
      what: "an entry that begins inside the one before",
      said: /\(I1\)/,
      change: (leaf) => {
        const { last } = leaf.entries[0] as Entry;
        assert.is(leaf.entries[1]?.last, last, "a column of two");
        leaf.u32(1, 8, 0);
      },
    },
    {
      what: "an entry marked filled above a view without one",
      said: /FILLED/,
      change: (leaf) => leaf.flags(0, (flags) => flags | 4),
      isPassedOver: true,
    },
  ],
  bitmap: [
    {
      what: "two entries with a bit in common",
      said: /\(I1\)/,
      change: (leaf) => {
        const [one, other] = leaf.entries as [Entry, Entry];
        assert.is(one.last, other.last, "a column of two");
        leaf.mask(1, one.mask | other.mask);
      },
    },
    { what: "masks out of order", said: /in order/, change: (leaf) => leaf.swap(0) },
    {
      what: "a bit that no view has",
      said: /bits of views/,
      change: (leaf) => leaf.mask(0, (leaf.entries[0] as Entry).mask | (1n << 40n)),
    },
    {
      what: "an entry marked shared",
      said: /flags of an entry/,
      change: (leaf) => leaf.flags(0, (flags) => flags | 1),
      isPassedOver: true,
    },
    {
      what: "an entry that is under and no hole",
      said: /FLAG_UNDER/,
      change: (leaf) => {
        leaf.flags(
          leaf.find(({ flags }) => (flags & 2) === 0),
          (flags) => flags | 8,
        );
      },
      isPassedOver: true,
    },
    {
      what: "a place that two entries of a column name",
      said: /named twice/,
      change: (leaf) => {
        const [one, other] = leaf.entries as [Entry, Entry];
        assert.ok(one.last === other.last && one.place > 0 && other.place > 0, "two places");
        leaf.place(1, one.place);
      },
    },
  ],
};

for (const { name, kind, open } of TREES) {
  const test = suite(`damaged entries: ${name}`);

  /** Two columns; the first with entries for one snapshot, for others, for the origin. */
  async function make(): Promise<{ store: Uint8Array; under: Uint8Array }> {
    const fixture = await Fixture.make(open, { mode: "base", size: 16 * CHUNK });
    const { origin } = fixture.volume;
    const bytes = (value: number) => new Uint8Array(CHUNK).fill(value);
    await fixture.write(origin, 2 * CHUNK, bytes(1));
    for (const snapshot of ["a", "b", "c"]) await fixture.snapshot(snapshot);
    await fixture.write(fixture.volume.get("a"), 2 * CHUNK, bytes(2));
    await fixture.write(origin, 2 * CHUNK, bytes(3));
    await fixture.write(fixture.volume.get("c"), 4 * CHUNK, bytes(4));
    await fixture.volume.close();
    return { store: bytesOf(fixture.store), under: bytesOf(fixture.under) };
  }

  async function isClean(store: Uint8Array, under: Uint8Array): Promise<boolean> {
    const devices = {
      store: imageDevice(Image.of(store), { readOnly: true }),
      base: imageDevice(Image.of(under), { fixed: true, readOnly: true }),
    };
    try {
      const volume = await open(devices, { readOnly: true });
      const { clean } = await volume.check();
      await volume.close();
      return clean;
    } catch (error) {
      assert.is(error instanceof MultisnapError && error.code, "Corrupt");
      return false;
    }
  }

  test("none, sealed again", async () => {
    const { store, under } = await make();
    const same = damaged(store, () => {});
    assert.equal(same, store);
    assert.ok(new StoreReader(same, under).entries >= 3);
    assert.ok(await isClean(same, under));
  });

  test("a byte of a leaf, and its checksum is wrong", async () => {
    const { store, under } = await make();
    const blocks = new StoreBlocks(store);
    const leaf = blocks.blockAt(blocks.field(112));
    for (const at of [leaf + 12, leaf + HEADER + 9]) {
      const bytes = store.slice();
      bytes[at] = (bytes[at] as number) ^ 1;
      assert.throws(() => new StoreReader(bytes, under), /crc of block/);
      assert.not.ok(await isClean(bytes, under));
    }
  });

  for (const { what, said, change, isPassedOver } of [...ALWAYS, ...(KINDS[kind] ?? [])]) {
    test(what, async () => {
      const { store, under } = await make();
      const bytes = damaged(store, change);
      assert.throws(() => new StoreReader(bytes, under), said);
      if (!isPassedOver) assert.not.ok(await isClean(bytes, under), "the library says it is clean");
    });
  }

  test.run();
}
