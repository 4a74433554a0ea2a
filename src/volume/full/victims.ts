/**
 * Which snapshots a full store may delete: a list that a user writes, `tmp-*=0, auto-*=1`, and the
 * order that follows from it (I8). The lowest priority goes first, then the oldest.
 *
 * A pattern is a name in which `*` stands for any characters and `?` for one. A snapshot has the
 * priority of the first pattern that fits its name; one that none fits is never deleted.
 */
import { MultisnapError } from "../../errors.ts";

/** Of UTF-8: what a store has room to remember. */
export const VICTIMS_BYTES_MAX = 509;
const PRIORITY_DEFAULT = 0;
const PRIORITY_DIGITS_MAX = 9;

export interface Pattern {
  /** One string a character: what `?` stands for may have two UTF-16 units. */
  readonly characters: readonly string[];
  readonly priority: number;
}

/** What counts of a snapshot. */
export interface Candidate {
  readonly id: number;
  /** `null` for the origin. */
  readonly name: string | null;
  readonly created: number;
}

export interface Choice<C> {
  /** The one to delete, or null. */
  victim: C | null;
  priority: number;
  /** Snapshots that a pattern fits, but somebody uses. */
  inUse: number;
}

/** `Invalid`, with the position, for what is no list of patterns. An empty text: no victims. */
export function parseVictims(text: string): Pattern[] {
  if (typeof text !== "string") throw new MultisnapError("Invalid", "victims: a text is needed");
  const bytes = new TextEncoder().encode(text);
  if (bytes.length > VICTIMS_BYTES_MAX) {
    const found = `${bytes.length} bytes of UTF-8, at most ${VICTIMS_BYTES_MAX} are remembered`;
    throw new MultisnapError("Invalid", `victims: ${found}: use fewer patterns`);
  }
  if (text.trim() === "") return [];
  const patterns: Pattern[] = [];
  let at = 0;
  for (const part of text.split(",")) {
    patterns.push(parsePart(part, at));
    at += part.length + 1;
  }
  return patterns;
}

/** `at`: where the part begins in the text. */
function parsePart(part: string, at: number): Pattern {
  const equals = part.lastIndexOf("=");
  const name = equals < 0 ? part : part.slice(0, equals);
  const pattern = name.trim();
  if (pattern === "") throw wrong(at, "a pattern for names is missing, such as tmp-*");
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const strange = /[\u0000-\u001f\u007f@]|\p{Surrogate}/u.exec(name);
  if (strange) throw wrong(at + strange.index, "no name has this character; ? stands for any");
  const characters = Array.from(pattern);
  if (equals < 0) return { characters, priority: PRIORITY_DEFAULT };
  const number = part.slice(equals + 1).trim();
  if (new RegExp(`^-?\\d{1,${PRIORITY_DIGITS_MAX}}$`).test(number)) {
    return { characters, priority: Number(number) };
  }
  const wanted = `a priority of at most ${PRIORITY_DIGITS_MAX} digits is missing behind the =`;
  throw wrong(at + equals + 1, wanted);
}

function wrong(index: number, why: string): MultisnapError {
  return new MultisnapError("Invalid", `victims, character ${index + 1}: ${why}`);
}

/** Null where no pattern fits. */
export function priorityOf(patterns: readonly Pattern[], name: string): number | null {
  const characters = Array.from(name);
  const found = patterns.find((pattern) => fits(pattern.characters, characters));
  return found ? found.priority : null;
}

/** At most `pattern.length * name.length` steps: only the last `*` is ever tried again. */
function fits(pattern: readonly string[], name: readonly string[]): boolean {
  let star = -1;
  let tried = 0;
  let p = 0;
  for (let n = 0; n < name.length; ) {
    if (pattern[p] === "*") {
      star = p++;
      tried = n;
    } else if (p < pattern.length && (pattern[p] === "?" || pattern[p] === name[n])) {
      p++;
      n++;
    } else if (star >= 0) {
      p = star + 1;
      n = ++tried;
    } else return false;
  }
  while (pattern[p] === "*") p++;
  return p === pattern.length;
}

/** Who goes next: lowest priority, then oldest, never one that is in use. */
export function chooseVictim<C extends Candidate>(
  patterns: readonly Pattern[],
  snapshots: readonly C[],
  isInUse: (id: number) => boolean,
): Choice<C> {
  const choice: Choice<C> = { victim: null, priority: 0, inUse: 0 };
  for (const snapshot of snapshots) {
    const priority = snapshot.name === null ? null : priorityOf(patterns, snapshot.name);
    if (priority === null) continue;
    if (isInUse(snapshot.id)) choice.inUse++;
    else if (
      choice.victim === null ||
      isBefore(snapshot, priority, choice.victim, choice.priority)
    ) {
      choice.victim = snapshot;
      choice.priority = priority;
    }
  }
  return choice;
}

function isBefore(a: Candidate, priority: number, b: Candidate, other: number): boolean {
  if (priority !== other) return priority < other;
  return a.created !== b.created ? a.created < b.created : a.id < b.id;
}
