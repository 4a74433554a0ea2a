/** `dump` and `restore`: what comes back is what there was, whatever has become of the metadata. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { restoreStore } from "../../src/volume/open/dump-store.ts";
import { imageDevice } from "../model/image.ts";
import { dumpOf, source } from "./text.ts";
import { mustBeAsBefore } from "./verify.ts";
import { copyOf, KINDS, MODES, makeWorld, type World } from "./world.ts";

/** Lines but for the number of the checkpoint and what follows from where metadata lies. */
function lasting(text: string): string[] {
  return text
    .split("\n")
    .filter((line) => line !== "" && !line.startsWith('{"end"'))
    .map((line) => line.replace(/"(generation|top|sequence)":\d+/g, ""));
}

/** Both superblocks and all metadata blocks of a store are gone. */
function wreck(world: World): void {
  const { store } = world;
  store.write(new Uint8Array(8192), 0, 8192, 0);
  const block = new Uint8Array(4096);
  for (let at = 8192; at < store.size; at += 4096) {
    store.read(block, 0, 4096, at);
    const type = String.fromCharCode(...block.subarray(12, 16));
    if (["LEAF", "INER", "SPAC", "TABL", "VIEW"].includes(type)) {
      store.write(new Uint8Array(4096).fill(0xee), 0, 4096, at);
    }
  }
}

for (const kind of KINDS) {
  for (const mode of MODES) {
    test(`${kind}, ${mode}: all metadata gone, a dump brings it back`, async () => {
      for (let seed = 1; seed <= 8; seed++) {
        const world = await makeWorld(seed, { kind, mode, crashed: seed % 2 === 0 });
        const text = await dumpOf(world);
        const gone = copyOf(world);
        wreck(gone);
        const store = imageDevice(gone.store);
        await restoreStore({ store, dump: source(text), force: true });
        await mustBeAsBefore(gone);
        assert.equal(lasting(await dumpOf(gone)), lasting(text), world.name);
      }
    });

    test(`${kind}, ${mode}: onto the store as it is`, async () => {
      const world = await makeWorld(21, { kind, mode });
      const text = await dumpOf(world);
      await restoreStore({ store: imageDevice(world.store), dump: source(text) });
      await mustBeAsBefore(world);
      assert.equal(lasting(await dumpOf(world)), lasting(text), world.name);
    });
  }
}

test.run();
