/** What a stream follows on: the snapshot that is the same here, whatever it is called. */
import { MultisnapError } from "../errors.ts";
import { isHidden } from "../stores/hidden.ts";
import type { ExceptionStore, ViewRecord } from "../stores/store.ts";
import {
  isSameIdentity,
  isSameSnapshot,
  type SnapshotIdentity,
} from "../volume/identity/identity.ts";
import { identityOf } from "../volume/identity/positions.ts";
import { ReceivedSnapshots } from "../volume/identity/received.ts";
import type { DiskVolume } from "../volume/volume.ts";
import type { SnapshotHead } from "./heads.ts";

const ORIGIN = 1;

export interface Base {
  id: number;
  name: string;
  /** It came with the same stream. */
  isStaged: boolean;
}

/** Of each store that streams come to. */
const received = new WeakMap<ExceptionStore, ReceivedSnapshots>();

export class Bases {
  readonly #volume: DiskVolume;
  readonly #staged: (Base & { identity: SnapshotIdentity })[] = [];

  constructor(volume: DiskVolume) {
    this.#volume = volume;
  }

  /** One that has come, and has no name yet. */
  add(identity: SnapshotIdentity, id: number, name: string): void {
    this.#staged.push({ identity, id, name, isStaged: true });
  }

  /** Errors: `NotFound` (it is not here), `Invalid` (it has been written since). */
  find(wanted: SnapshotIdentity, name: string): Base {
    const staged = this.#staged.findLast(({ identity }) => isSameIdentity(identity, wanted));
    if (staged) return staged;
    const here = this.#find(wanted);
    if (here) return { id: here.id, name: here.name!, isStaged: false };
    throw this.#missing(wanted, name);
  }

  /** Why there is none: says what is like it. */
  #missing(wanted: SnapshotIdentity, name: string): MultisnapError {
    let changed: string | null = null;
    let related: string | null = null;
    for (const { name: here, identity } of this.#all()) {
      if (isSameSnapshot(identity, wanted)) changed = here;
      if (identity.volume === wanted.volume) related = here;
    }
    const asked = `the stream follows on ${JSON.stringify(name)} (${text(wanted)})`;
    if (changed !== null) {
      const why = `${JSON.stringify(changed)} is that, but was written since`;
      return new MultisnapError("Invalid", `${asked}: ${why}; send without --from`);
    }
    const here =
      related === null
        ? "nothing of that volume is here"
        : `the newest of that volume here is ${JSON.stringify(related)}`;
    return new MultisnapError(
      "NotFound",
      `${asked}: ${here}; send from what is, or without --from`,
    );
  }

  /** Name of the snapshot, where it is here. */
  known(wanted: SnapshotIdentity): string | null {
    return this.#find(wanted)?.name ?? null;
  }

  /** `Exists` where the snapshot is here. */
  refuseSame({ identity: wanted }: SnapshotHead): void {
    const name = this.known(wanted);
    if (name === null) return;
    const same = `the snapshot is here already, as ${JSON.stringify(name)}`;
    throw new MultisnapError("Exists", `${same}: there is nothing to receive`);
  }

  /** One that was made here has its id; where others lie is kept. */
  #find(wanted: SnapshotIdentity): ViewRecord | null {
    const { store } = this.#volume.core;
    let index = received.get(store);
    if (!index) received.set(store, (index = new ReceivedSnapshots()));
    const likely = [index.find(store, wanted), store.uuid === wanted.volume ? wanted.id : null];
    for (const id of likely) {
      const record = id === null || id === ORIGIN ? null : store.view(id);
      if (!record || isHidden(record.name)) continue;
      if (isSameIdentity(identityOf(store.uuid, record), wanted)) return record;
    }
    return null;
  }

  *#all(): Generator<{ name: string; identity: SnapshotIdentity }> {
    const { store } = this.#volume.core;
    for (const record of store.views()) {
      if (record.id === ORIGIN || isHidden(record.name)) continue;
      yield { name: record.name!, identity: identityOf(store.uuid, record) };
    }
  }
}

function text({ volume, id, position }: SnapshotIdentity): string {
  return `snapshot ${id} of volume ${volume}, position ${position}`;
}
