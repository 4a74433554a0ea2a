/** What both sides have, as far as this one can tell from the answer of the other. */
import { MultisnapError } from "../errors.ts";
import { ownSnapshots } from "../schedule/mark.ts";
import { parseToken } from "../stream/token.ts";
import { encodeIdentity, textOf } from "../volume/identity/identity.ts";
import type { View, Volume } from "../volume/types.ts";
import type { ReplicaAnswer } from "./answer.ts";
import { HAVE_MAX } from "./request.ts";

/** What the next round begins with. */
export interface Standing {
  /** The newest that both have. */
  base: View | null;
  /** Taken, and has not arrived. */
  pending: View | null;
  /** Token of what is half there of `pending`. */
  resume: string | null;
  /** All that are held here for the other side. */
  held: readonly View[];
}

export interface Candidate {
  view: View;
  /** In base64url. */
  identity: string;
}

/** Snapshots that the other side is asked for: what is held for it, then the newest. */
export async function candidates(volume: Volume, reason: string): Promise<Candidate[]> {
  // To ask for the identity of one that can be written would have its writes watched.
  const readOnly = volume.snapshots.filter((view) => view.readOnly).reverse();
  const isHeld = ({ holds }: View) => holds.includes(reason);
  const views = [...readOnly.filter(isHeld), ...readOnly.filter((view) => !isHeld(view))];
  const found: Candidate[] = [];
  for (const view of views.slice(0, HAVE_MAX)) {
    found.push({ view, identity: textOf(encodeIdentity(await volume.identity(view))) });
  }
  return found;
}

/**
 * `force`: goes on where the two sides have gone different ways. Errors: `Invalid`, not to be tried
 * again: they have.
 */
export function standing(
  volume: Volume,
  asked: readonly Candidate[],
  answer: ReplicaAnswer,
  { of, series, reason, force }: { of: View; series: string; reason: string; force: boolean },
): Standing {
  const there = answer.has.flatMap((index) => asked[index]?.view ?? []);
  // A copy of the origin must not become one of a snapshot by and by.
  const isBase = ({ parent }: View) => of.name === null || parent === of.id;
  const base = latest(there.filter(isBase));
  if (!force) refuseDiverged(of, asked, base, answer);
  const held = volume.snapshots.filter(({ holds }) => holds.includes(reason));
  const own = ownSnapshots(held, series).map(({ snapshot }) => snapshot);
  const later = own.filter(({ id, parent }) => id > (base?.id ?? 0) && parent === of.id);
  const pending = latest(later);
  return { base, pending, resume: resumes(answer.half, asked, pending), held };
}

function latest(views: readonly View[]): View | null {
  return views.reduce<View | null>(
    (newest, view) => (newest && newest.id > view.id ? newest : view),
    null,
  );
}

function refuseDiverged(
  of: View,
  asked: readonly Candidate[],
  base: View | null,
  { snapshots, newest }: ReplicaAnswer,
): void {
  const onward = base
    ? `--force goes on from @${base.name}, which both have`
    : "--force sends everything again, beside what is there";
  const last = newest && asked.find(({ identity }) => identity === newest.identity);
  if (last && last.view.parent !== of.id) {
    const found = `the other side has @${newest.name}, a snapshot of another view`;
    const why = "give each view its own copy";
    throw new MultisnapError("Invalid", `${found}: ${why}; nothing was changed; ${onward}`);
  }
  if (newest && !last) {
    const found = `the other side has @${newest.name}, which is not here (any more)`;
    const why = "this store is an older copy of itself, or somebody deleted it";
    throw new MultisnapError("Invalid", `${found}: ${why}; nothing was changed; ${onward}`);
  }
  if (base || snapshots === 0) return;
  const ofIt = of.name === null ? "" : ` as one of @${of.name}`;
  const found = `the other side has ${snapshots} snapshots, and none of them is here${ofIt}`;
  const why = "it is a copy of something else, or what both had was deleted here";
  throw new MultisnapError("Invalid", `${found}: ${why}; nothing was changed; ${onward}`);
}

/** Only of what would be sent anyway: the rest of another stream brings what nobody asks for. */
function resumes(
  half: string | null,
  asked: readonly Candidate[],
  pending: View | null,
): string | null {
  if (half === null || !pending) return null;
  const own = asked.find(({ view }) => view.id === pending.id)?.identity;
  return textOf(encodeIdentity(parseToken(half).target)) === own ? half : null;
}
