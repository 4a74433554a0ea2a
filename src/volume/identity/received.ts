/**
 * Where snapshots lie that were received, by what they are where they come from. All of a store are
 * looked at once, afterwards those that are newer: what a snapshot was received as is said when it
 * gets its name. It may have been deleted or written since: who asks looks at what it is now.
 *
 * Memory: some 200 bytes for each snapshot that was received, as long as the store is open.
 */
import type { ExceptionStore } from "../../stores/store.ts";
import { newerRecords } from "../newest.ts";
import type { SnapshotIdentity } from "./identity.ts";
import { identityOf } from "./positions.ts";

/** More that are gone than there are snapshots, and so many, are forgotten. */
const GONE_MAX = 1000;

export class ReceivedSnapshots {
  readonly #ids = new Map<string, number>();
  /** Ids up to this one have been looked at. */
  #upTo = 0;

  /** Id of the snapshot, or of what it was. */
  find(store: ExceptionStore, wanted: SnapshotIdentity): number | null {
    if (this.#ids.size > 2 * store.usage().snapshots + GONE_MAX) {
      this.#ids.clear();
      this.#upTo = 0;
    }
    const { found, upTo } = newerRecords(store, this.#upTo);
    for (const record of found) {
      const identity = identityOf(store.uuid, record);
      if (isReceived(record.id, store.uuid, identity)) this.#ids.set(keyOf(identity), record.id);
    }
    this.#upTo = upTo;
    return this.#ids.get(keyOf(wanted)) ?? null;
  }
}

function isReceived(id: number, uuid: string, identity: SnapshotIdentity): boolean {
  return identity.volume !== uuid || identity.id !== id;
}

function keyOf({ volume, id, position, created }: SnapshotIdentity): string {
  return `${volume} ${id} ${position} ${created}`;
}
