/** The tree of a store, column by column, as FORMAT.md says (section 4). */
import { HEADER, must, type StoreBlocks } from "./blocks.ts";
import { type Entry, type EntryRules, readEntry } from "./entries.ts";

interface Key {
  last: number;
  to: number;
}

/** Columns in order; they do not overlap (I1), and their entries are equally long. */
export function* columns(store: StoreBlocks, rules: EntryRules): Generator<Entry[]> {
  const height = store.field(92);
  let column: Entry[] = [];
  let end = 0;
  for (const entry of height > 0 ? entries(store, rules, store.field(112), height - 1) : []) {
    const head = column[0];
    if (head && head.last !== entry.last) {
      yield column;
      column = [];
    }
    const first = column[0]?.first ?? Math.max(end, entry.first);
    must(entry.first === first, `columns overlap at chunk ${entry.first} (I1)`);
    column.push(entry);
    end = entry.last + 1;
  }
  if (column.length > 0) yield column;
}

/** Entries under a node; answers the key of the last one. */
function* entries(
  store: StoreBlocks,
  rules: EntryRules,
  number: number,
  level: number,
): Generator<Entry, Key> {
  const { bytes } = store;
  const at = store.blockAt(number);
  must(bytes.getUint32(at + 4, true) === number, `number of block ${number}`);
  const count = store.openBlock(at, level > 0 ? "INER" : "LEAF", level);
  must(count > 0 && count <= (level > 0 ? 252 : 168), `count of block ${number}`);
  let key: Key = { last: 0, to: 0 };
  for (let i = 0; i < count; i++) {
    if (level === 0) {
      const entry = readEntry(store, at + HEADER + i * 24);
      yield entry;
      key = { last: entry.last, to: rules.key(entry) };
      continue;
    }
    const inner = at + HEADER + i * 16;
    key = { last: store.upper(inner), to: bytes.getUint32(inner + 8, true) };
    const child = yield* entries(store, rules, bytes.getUint32(inner + 12, true), level - 1);
    must(child.last === key.last && child.to === key.to, `key ${i} of block ${number}`);
  }
  return key;
}
