/** Of the conformance suite: what a volume tells of itself, and requests without promises. */
import * as assert from "uvu/assert";
import type { View } from "../../src/volume/types.ts";
import { expectCode } from "../model/history.ts";
import type { Setting } from "./place.ts";

export type Story = (setting: Setting) => Promise<void>;

export const reports: Record<string, Story> = {
  diff: async (setting) => {
    const { chunk } = setting.place;
    const snapshot = await setting.anySnapshot("s");
    const changed = async () => {
      const ranges: [number, number][] = [];
      for await (const { offset, length } of setting.volume.diff(snapshot, setting.origin)) {
        ranges.push([offset, offset + length]);
      }
      return ranges;
    };
    assert.equal(await changed(), []);
    await setting.write(setting.origin, chunk + 10, 10);
    assert.equal(await changed(), [[chunk, 2 * chunk]]);
    await setting.write(setting.origin, 2 * chunk, 10);
    await setting.write(snapshot, setting.size - 1, 1);
    const last = setting.size - 1 - ((setting.size - 1) % chunk);
    assert.equal(await changed(), [
      [chunk, 3 * chunk],
      [last, setting.size],
    ]);
  },

  extents: async (setting) => {
    const { chunk, mode } = setting.place;
    const snapshot = await setting.anySnapshot("s");
    const kinds = async (view: View, offset: number, length: number) => {
      const found: [number, number, boolean][] = [];
      for await (const extent of view.extents(offset, length)) {
        found.push([extent.offset, extent.length, extent.data]);
      }
      return found;
    };
    const under = mode !== "inline";
    assert.equal(await kinds(snapshot, 7, chunk), [[7, chunk, under]]);
    assert.equal(await kinds(snapshot, 7, 0), []);
    await setting.write(snapshot, chunk, 2 * chunk);
    const all = await kinds(snapshot, 10, 4 * chunk);
    assert.equal(
      all,
      under
        ? [[10, 4 * chunk, true]]
        : [
            [10, chunk - 10, false],
            [chunk, 2 * chunk, true],
            [3 * chunk, chunk + 10, false],
          ],
    );
    await snapshot.trim(2 * chunk, chunk);
    setting.model.trim(snapshot.id, 2 * chunk, chunk);
    const isData = !setting.can.trim;
    assert.equal(await kinds(snapshot, 2 * chunk, chunk), [[2 * chunk, chunk, isData]]);
    await expectCode(
      "Invalid",
      inPromise(() => snapshot.extents(setting.size, 1)),
    );
  },

  "requests without promises": async (setting) => {
    const { chunk, mode } = setting.place;
    const atOnce = setting.answersAtOnce && !setting.subject.remote && mode !== "attached";
    const [origin, snapshot] = await twoViews(setting);
    for (const [view, offset, length] of [
      [origin, 0, chunk],
      [snapshot, 5, 100],
      [origin, chunk - 1, 2 * chunk],
    ] as const) {
      const source = new Uint8Array(length).fill(offset % 251);
      const later = view.startWrite(offset, source);
      if (atOnce) assert.is(later, undefined);
      await later;
      setting.model.write(view.id, offset, source);
      const target = new Uint8Array(length);
      const read = view.startRead(offset, target);
      if (atOnce) assert.is(read, undefined);
      await read;
      assert.equal(target, source);
    }
    const past = [setting.size, new Uint8Array(1)] as const;
    await expectCode(
      "Invalid",
      inPromise(() => void origin.startWrite(...past)),
    );
    await expectCode(
      "Invalid",
      inPromise(() => void origin.startRead(...past)),
    );
    await setting.verify();
  },

  usage: async (setting) => {
    const { chunk } = setting.place;
    const before = setting.volume.status();
    assert.is(before.kind, setting.subject.kind);
    assert.is(before.originMode, setting.place.mode);
    assert.is(before.size, setting.size);
    assert.is(before.dataBytes, 0);
    assert.is(before.error, null);
    const { name } = await setting.anySnapshot("s");
    await setting.write(setting.origin, 0, 2 * chunk);
    const after = setting.volume.usage();
    assert.is(after.dataBytes, 2 * chunk);
    assert.is(after.snapshots, 1);
    const [one] = await setting.volume.snapshotUsage();
    assert.is(one?.name, name);
    assert.is(one?.parent, null);
    assert.is(one?.exclusive, setting.place.mode === "attached" ? 2 * chunk : 0);
  },
};

export async function twoViews(setting: Setting): Promise<[View, View]> {
  await setting.write(setting.origin, 0, setting.size);
  return [setting.origin, await setting.anySnapshot("s")];
}

export async function inPromise(call: () => void): Promise<void> {
  call();
}
