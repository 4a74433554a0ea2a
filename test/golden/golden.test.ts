/** Stores written by each released format version open, and show what they showed then. */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { suite } from "uvu";
import * as assert from "uvu/assert";
import { mustBeClean } from "../model/fixture.ts";
import { Image, imageDevice } from "../model/image.ts";
import { subjects } from "../model/openers.ts";
import type { Devices } from "../model/subjects.ts";
import { describe, type Golden } from "./make.ts";

const folder = import.meta.dirname;
const names = readdirSync(folder)
  .filter((file) => file.endsWith(".json"))
  .map((file) => file.replace(/\.json$/, ""));

function load(file: string): Image {
  return Image.of(gunzipSync(readFileSync(join(folder, file))));
}

for (const subject of subjects.filter(({ kind }) => kind === "range")) {
  const test = suite(`golden stores: ${subject.name}`);

  test("there are some", () => assert.ok(names.length > 0));

  for (const name of names) {
    test(name, async () => {
      const golden = JSON.parse(readFileSync(join(folder, `${name}.json`), "utf8")) as Golden;
      const { mode } = golden;
      const store = load(`${name}.store.gz`);
      const under = mode === "inline" ? null : load(`${name}.${mode}.gz`);
      const devices = (): Devices => {
        const device = { store: imageDevice(store) };
        if (under === null) return device;
        const below = imageDevice(under, { fixed: true, readOnly: mode === "base" });
        return mode === "base" ? { ...device, base: below } : { ...device, origin: below };
      };
      const volume = await subject.open(devices(), {});
      assert.equal(await describe(volume, mode), golden);
      await mustBeClean(volume);
      for (const view of [volume.origin, ...volume.snapshots]) {
        if (!view.readOnly) await view.write(1000, new Uint8Array(6000).fill(view.id));
      }
      const changed = await describe(volume, mode);
      await volume.close();
      const again = await subject.open(devices(), {});
      assert.equal(await describe(again, mode), changed);
      await mustBeClean(again);
      await again.close();
    });
  }

  test.run();
}
