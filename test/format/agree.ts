/**
 * Holds what the reader finds on the devices of a fixture against the fixture's model, the library
 * and what the library recovers from the same bytes.
 */
import * as assert from "uvu/assert";
import type { TreeStore } from "../../src/stores/tree/tree-store.ts";
import { formatMarks } from "../../src/volume/life/marking.ts";
import type { Volume } from "../../src/volume/types.ts";
import type { DiskVolume } from "../../src/volume/volume.ts";
import { same } from "../model/explain.ts";
import { type Fixture, mustBeClean, mustHold } from "../model/fixture.ts";
import { type Image, imageDevice } from "../model/image.ts";
import { subjects } from "../model/openers.ts";
import type { Devices, Subject } from "../model/subjects.ts";
import { StoreReader } from "./reader.ts";

/** The kinds whose format FORMAT.md is. */
export const TREES: Subject[] = subjects.filter(({ kind }) => ["range", "bitmap"].includes(kind));

export function bytesOf(image: Image): Uint8Array {
  const bytes = new Uint8Array(image.size);
  image.read(bytes, 0, bytes.length, 0);
  return bytes;
}

export function storeOf(volume: Volume): TreeStore {
  return (volume as DiskVolume).core.store as TreeStore;
}

/** The store as it is on its device now. */
export function readerOf({ model, store, under }: Fixture): StoreReader {
  return new StoreReader(bytesOf(store), model.mode === "inline" ? null : bytesOf(under));
}

/** Reads the store: each view is what the volume says of it and what the model has. */
export function mustAgree(fixture: Fixture, views = viewsOf(fixture.volume)): StoreReader {
  const reader = readerOf(fixture);
  const { volume, model } = fixture;
  assert.is(reader.uuid, volume.uuid.replaceAll("-", ""));
  assert.is(reader.chunk, volume.chunk);
  const live = reader.views.filter(({ isLive }) => isLive).sort((a, b) => a.id - b.id);
  const found = live.map(({ id, parent, name, readOnly, created, size, marks }) => {
    return { id, parent, name, readOnly, created, size, marks };
  });
  assert.equal(found, views);
  for (const { id, size } of found) {
    assert.ok(same(reader.read(id, 0, size), model.read(id, 0, size)), `view ${id}`);
  }
  return reader;
}

/** What the library says of its views. */
export function viewsOf(volume: Volume) {
  return [volume.origin, ...volume.snapshots].map(
    ({ id, parent, name, readOnly, created, size, note, tags, holds }) => {
      const marks = formatMarks({ note, tags, holds, rollback: null, content: null });
      return { id, parent: parent ?? 0, name: name ?? "", readOnly, created, size, marks };
    },
  );
}

/**
 * The library replays the journal on the device to the same timeline, with the same deleted views
 * and bits, and to what the model has.
 */
export async function mustRecoverAs(
  reader: StoreReader,
  { open }: Subject,
  { model, store, under }: Fixture,
): Promise<void> {
  const devices: Devices = { store: imageDevice(store.copy(), { readOnly: true }) };
  const below = imageDevice(under.copy(), { fixed: true, readOnly: true });
  if (model.mode === "base") devices.base = below;
  if (model.mode === "attached") devices.origin = below;
  const volume = await open(devices, { readOnly: true, cacheBytes: 2 ** 20 });
  await mustBeClean(volume);
  for (const view of [volume.origin, ...volume.snapshots]) {
    await mustHold(view, 0, model.read(view.id, 0, view.size));
  }
  const timeline = storeOf(volume).facts.timeline();
  const found = reader.views.map(({ id, seat, isLive, bit }) => ({ id, seat, isLive, bit }));
  const noBits = timeline.map((view) => ({ ...view, bit: null }));
  assert.equal(found, reader.kind === "bitmap" ? timeline : noBits);
  await volume.close();
}
