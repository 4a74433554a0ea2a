/**
 * Stores written by each released format version open, for reading and for writing, and show what
 * they showed then: to the library, and to the reader that is written from FORMAT.md.
 */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { StoreReader } from "../format/reader.ts";
import { same } from "../model/explain.ts";
import { mustBeClean } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { subjects } from "../model/openers.ts";
import type { Devices } from "../model/subjects.ts";
import { describe, ENDINGS, type Golden, MODES, make, nameOf, SETS } from "./make.ts";

const FILE_BYTES_MAX = 50 * 1024;
const folder = import.meta.dirname;
const all = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.replace(/\.json$/, ""));
/** Range stores were there first: their names need not say so. */
const kindOf = (name: string) => (name.includes("-bitmap-") ? "bitmap" : "range");

interface Stored {
  golden: Golden;
  store: Uint8Array;
  under: Uint8Array | null;
}

function load(name: string): Stored {
  const read = (end: string) => readFileSync(join(folder, `${name}.${end}`));
  const golden = JSON.parse(read("json").toString()) as Golden;
  const under = golden.mode === "inline" ? null : gunzipSync(read(`${golden.mode}.gz`));
  return { golden, store: gunzipSync(read("store.gz")), under };
}

/** Devices on copies of the images; `readOnly`: they take no write. */
function opener({ golden, store, under }: Stored, readOnly: boolean): () => Devices {
  const image = Image.of(store);
  const below = under && Image.of(under);
  return () => {
    const devices: Devices = { store: imageDevice(image, { readOnly }) };
    if (golden.mode === "base" && below) {
      devices.base = imageDevice(below, { fixed: true, readOnly: true });
    }
    if (golden.mode === "attached" && below) {
      devices.origin = imageDevice(below, { fixed: true, readOnly });
    }
    return devices;
  };
}

for (const { name, kind, open } of subjects) {
  const sets = SETS.filter((set) => set.kind === kind);
  if (sets.length === 0) continue;
  const test = suite(`golden stores: ${name}`);
  const names = all.filter((stored) => kindOf(stored) === kind);

  test("there are some of each origin mode and each ending, and they are small", () => {
    for (const set of sets) {
      for (const mode of MODES) {
        for (const ending of ENDINGS) assert.ok(names.includes(nameOf(set, mode, ending)));
      }
    }
    for (const file of readdirSync(folder)) {
      assert.ok(statSync(join(folder, file)).size < FILE_BYTES_MAX, file);
    }
  });

  test("the generator makes the same bytes each time", async () => {
    for (const set of sets) {
      for (const mode of MODES) {
        const [one, other] = [await make(set, mode, "closed"), await make(set, mode, "closed")];
        assert.equal(one.golden, other.golden);
        assert.ok(same(one.store, other.store), nameOf(set, mode, "closed"));
      }
    }
  });

  for (const stored of names) {
    const { golden, store, under } = load(stored);

    test(`${stored}, for reading`, async () => {
      const volume = await open(opener({ golden, store, under }, true)(), { readOnly: true });
      assert.is(volume.status().kind, kind);
      const found = await describe(volume, golden.mode);
      const views = golden.views.map((view) => ({ ...view, readOnly: true }));
      assert.equal(found, { ...golden, views });
      await mustBeClean(volume);
      await volume.close();
    });

    test(`${stored}, for writing`, async () => {
      const devices = opener({ golden, store, under }, false);
      const volume = await open(devices(), {});
      assert.equal(await describe(volume, golden.mode), golden);
      await mustBeClean(volume);
      for (const view of [volume.origin, ...volume.snapshots]) {
        if (!view.readOnly) await view.write(1000, new Uint8Array(6000).fill(view.id));
      }
      const changed = await describe(volume, golden.mode);
      await volume.close();
      const again = await open(devices(), {});
      assert.equal(await describe(again, golden.mode), changed);
      await mustBeClean(again);
      await again.close();
    });

    test(`${stored}, to the reader of FORMAT.md`, () => {
      const reader = new StoreReader(store, under);
      assert.is(reader.kind, kind);
      assert.is(reader.records > 0, stored.endsWith("-crashed"), "records to replay");
      for (const { id, name, sha256 } of golden.views) {
        const bytes =
          id === 1 && golden.mode === "attached" ? under : reader.read(id, 0, golden.size);
        assert.is(reader.view(id).name, name ?? "");
        assert.is(
          createHash("sha256")
            .update(bytes as Uint8Array)
            .digest("hex"),
          sha256,
        );
      }
    });
  }

  test.run();
}
