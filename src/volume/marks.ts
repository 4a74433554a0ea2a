/** What a view is marked with, as the store keeps it: a note, tags, and reasons to hold it. */
import { MultisnapError } from "../errors.ts";

/** Bytes of all of them together, as they are kept; some are left to what a rollback adds. */
const MARKS_MAX = 500;
const GIVEN_MAX = MARKS_MAX - 30;
const encoder = new TextEncoder();

export interface Marks {
  /** For people. */
  note: string | null;
  tags: readonly string[];
  /** Why the snapshot must stay; none: it can be deleted. */
  holds: readonly string[];
  /** Id of the view that this one is being rolled back to, by copies. */
  rollback: number | null;
}

const NONE: Marks = { note: null, tags: [], holds: [], rollback: null };

/** Of what a store has: another program may have written it, so nothing of it is believed. */
export function parseMarks(text: string): Marks {
  if (text === "") return NONE;
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch {
    return { ...NONE, note: text };
  }
  if (typeof found !== "object" || found === null) return { ...NONE, note: text };
  const { note, tags, holds, rollback } = found as Record<string, unknown>;
  const texts = (list: unknown) =>
    Array.isArray(list) ? list.filter((one): one is string => typeof one === "string") : [];
  return {
    note: typeof note === "string" ? note : null,
    tags: texts(tags),
    holds: texts(holds),
    rollback: typeof rollback === "number" ? rollback : null,
  };
}

/** Errors: `Invalid`. */
export function formatMarks({ note, tags, holds, rollback }: Marks): string {
  if (note !== null) checkText("note", note);
  for (const tag of tags) checkText("tag", tag);
  for (const hold of holds) checkText("hold", hold);
  const given = {
    ...(note !== null && { note }),
    ...(tags.length > 0 && { tags: [...new Set(tags)].sort() }),
    ...(holds.length > 0 && { holds: [...new Set(holds)].sort() }),
  };
  const bytes = encoder.encode(JSON.stringify(given)).length;
  const kept = { ...given, ...(rollback !== null && { rollback }) };
  if (bytes <= GIVEN_MAX) return Object.keys(kept).length === 0 ? "" : JSON.stringify(kept);
  const most = `note, tags and holds of a view have at most ${GIVEN_MAX} bytes together`;
  throw new MultisnapError("Invalid", `${most}, as JSON: these have ${bytes}`);
}

function checkText(what: string, text: unknown): void {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
  const isText = typeof text === "string" && text !== "" && !/[\u0000-\u001f\u007f]/.test(text);
  if (isText && new TextDecoder().decode(encoder.encode(text)) === text) return;
  const wanted = "text without control characters";
  throw new MultisnapError("Invalid", `${JSON.stringify(text)} is no ${what}: ${wanted}`);
}
