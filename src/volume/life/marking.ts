/** Marks of a view changed, as text that a store keeps (see marks.ts). */
import { MultisnapError } from "../../errors.ts";
import type { ViewChanges } from "../types.ts";
import { type Marks, parseMarks } from "./marks.ts";

/** Bytes of all of them together, as they are kept: what users say, and what we add to it. */
const MARKS_MAX = 500;
const GIVEN_MAX = MARKS_MAX - 100;
const encoder = new TextEncoder();

export function described(text: string, { note, tags }: ViewChanges): string {
  const marks = parseMarks(text);
  const kept = note === undefined ? marks.note : note;
  return formatMarks({ ...marks, note: kept, tags: tags ?? marks.tags });
}

export function held(text: string, reason: string): string {
  const marks = parseMarks(text);
  return formatMarks({ ...marks, holds: [...marks.holds, reason] });
}

/** Errors: `NotFound`. */
export function released(text: string, reason: string): string {
  const marks = parseMarks(text);
  const holds = marks.holds.filter((other) => other !== reason);
  if (holds.length < marks.holds.length) return formatMarks({ ...marks, holds });
  throw new MultisnapError("NotFound", `it is not held for ${JSON.stringify(reason)}`);
}

/** Errors: `Invalid`. */
export function formatMarks({ note, tags, holds, rollback, content }: Marks): string {
  if (note !== null) checkText("note", note);
  for (const tag of tags) checkText("tag", tag);
  for (const hold of holds) checkText("hold", hold);
  const given = {
    ...(note !== null && { note }),
    ...(tags.length > 0 && { tags: [...new Set(tags)].sort() }),
    ...(holds.length > 0 && { holds: [...new Set(holds)].sort() }),
  };
  const bytes = encoder.encode(JSON.stringify(given)).length;
  const kept = {
    ...given,
    ...(rollback !== null && { rollback }),
    ...(content !== null && { content }),
  };
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
