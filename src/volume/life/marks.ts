/** What a view is marked with, as the store keeps it: what users say, and what we must know. */

export interface Marks {
  /** For people. */
  note: string | null;
  tags: readonly string[];
  /** Why the snapshot must stay; none: it can be deleted. */
  holds: readonly string[];
  /** Id of the view that this one is being rolled back to, by copies. */
  rollback: number | null;
  /** What is known of who was given its content, or gave it: see positions.ts. */
  content: string | null;
}

const NONE: Marks = { note: null, tags: [], holds: [], rollback: null, content: null };

/** Somebody holds the view: it stays. `marks` as a store keeps them. */
export function isHeld({ marks }: { readonly marks: string }): boolean {
  return parseMarks(marks).holds.length > 0;
}

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
  const { note, tags, holds, rollback, content } = found as Record<string, unknown>;
  const texts = (list: unknown) =>
    Array.isArray(list) ? list.filter((one): one is string => typeof one === "string") : [];
  return {
    note: typeof note === "string" ? note : null,
    tags: texts(tags),
    holds: texts(holds),
    rollback: typeof rollback === "number" ? rollback : null,
    content: typeof content === "string" ? content : null,
  };
}
