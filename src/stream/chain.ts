/** Which snapshots a stream carries, and what each of them stands on. */
import { MultisnapError } from "../errors.ts";
import {
  isLoose,
  isSameIdentity,
  isSameSnapshot,
  type SnapshotIdentity,
} from "../volume/identity/identity.ts";
import type { View, Volume } from "../volume/types.ts";
import type { BreakPoint } from "./token.ts";

export interface Link {
  view: View;
  identity: SnapshotIdentity;
  base: { view: View; identity: SnapshotIdentity } | null;
}

export interface Chain {
  links: Link[];
  from: SnapshotIdentity | null;
  target: SnapshotIdentity;
  /** Bytes of the first snapshot that need not be sent again. */
  offset: number;
}

/** `all`: every snapshot after `from` (without it: from the oldest on), up to the last one. */
export async function newChain(
  volume: Volume,
  target: View,
  from: View | null,
  all: boolean,
): Promise<Chain> {
  if (from && from.id === target.id) {
    throw new MultisnapError("Invalid", `${named(target)} does not follow on itself`);
  }
  if (from && all && from.id > target.id) {
    throw new MultisnapError("Invalid", `${named(from)} is newer than ${named(target)}`);
  }
  const between = ({ id }: View) => id > (from?.id ?? 0) && id <= target.id;
  const views = all ? volume.snapshots.filter(between) : [target];
  const links = await linksOf(volume, views, from, []);
  const identity = links.at(-1)!.identity;
  return { links, from: links[0]!.base?.identity ?? null, target: identity, offset: 0 };
}

/** What is left of a chain that broke off. */
export async function restOf(volume: Volume, point: BreakPoint): Promise<Chain> {
  const current = await find(volume, point.current);
  const target = await find(volume, point.target);
  const base = point.base && (await find(volume, point.base));
  const later = volume.snapshots.filter(({ id }) => id > current.id && id <= target.id);
  const before = volume.snapshots.filter(({ id }) => id < current.id);
  const [first] = await linksOf(volume, [current], base, []);
  const rest = await linksOf(volume, later, current, [...before, current]);
  const { from, offset } = point;
  return { links: [first!, ...rest], from, target: point.target, offset };
}

/**
 * Each stands on what differs least, as far as the receiver has it: the one before it of the same
 * view, else that view, else the one before it. `there`: what the receiver has, beside `from`.
 */
async function linksOf(
  volume: Volume,
  views: readonly View[],
  from: View | null,
  there: readonly View[],
): Promise<Link[]> {
  const links: Link[] = [];
  const sent = from ? [...there.filter(({ id }) => id !== from.id), from] : [...there];
  const identities = new Map<number, SnapshotIdentity>();
  const identityOf = async (view: View) => {
    const identity = identities.get(view.id) ?? (await volume.identity(view));
    identities.set(view.id, identity);
    return identity;
  };
  for (const view of views) {
    const sibling = sent.findLast(({ parent }) => parent === view.parent);
    const base = sibling ?? sent.find(({ id }) => id === view.parent) ?? sent.at(-1) ?? null;
    links.push({
      view,
      identity: await identityOf(view),
      base: base && { view: base, identity: knownBase(base, await identityOf(base)) },
    });
    sent.push(view);
  }
  return links;
}

function knownBase(view: View, identity: SnapshotIdentity): SnapshotIdentity {
  if (!isLoose(identity)) return identity;
  const why = "can be written and the store cannot be, so nobody knows whether it is what was sent";
  throw new MultisnapError("Invalid", `${named(view)} ${why}: open the store for writing`);
}

/** The snapshot with an identity that somebody was given. */
async function find(volume: Volume, wanted: SnapshotIdentity): Promise<View> {
  // Only a received snapshot has the identity of another volume, and that is read-only.
  const likely = volume.snapshots.filter(({ id, readOnly }) => readOnly || id === wanted.id);
  let changed: View | null = null;
  for (const view of likely) {
    const identity = await volume.identity(view);
    if (isSameIdentity(identity, wanted)) return view;
    if (isSameSnapshot(identity, wanted)) changed = view;
  }
  if (changed) {
    const since = `${named(changed)} has been written since the stream broke off`;
    throw new MultisnapError("Invalid", `${since}: send it again from the beginning`);
  }
  throw new MultisnapError("NotFound", `the token names a snapshot that is not here any more`);
}

export function named(view: View): string {
  return view.name === null ? "the origin" : `@${view.name}`;
}
