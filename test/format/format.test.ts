/** FORMAT.md against the engine, and the engine against the numbers that the host repeats. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Engine } from "../../src/engine/engine.ts";
import { engineModule } from "../../src/engine/module.ts";
import * as status from "../../src/engine/status.ts";
import { CAPABILITIES } from "../../src/stores/kinds.ts";
import { parseNode } from "../../src/stores/tree/walk.ts";
import {
  type Constant,
  constants,
  type Field,
  fieldOf,
  formatPage,
  type Row,
  text,
} from "./sources.ts";

const layout = constants("assembly/layout.ts");
const page = formatPage();
const engine = new Engine(await engineModule(), {
  cache: 2 ** 20,
  journal: 4096,
  transfer: 8192,
  copies: 0,
});

function value(of: Map<string, Constant>, name: string): number {
  const found = of.get(name);
  assert.ok(found, `there is no constant ${name}`);
  return found.value as number;
}

/** Whether a row is of the same record: `ENTRY_TO`, `ENTRY_MASK`. */
function isLike(row: Row): (other: Row) => boolean {
  const prefix = row.name.replace(/_.*/, "_");
  return ({ name }) => name.startsWith(prefix);
}

function isIn(fields: Field[]): (field: Field) => boolean {
  const known = new Set(fields.map((field) => JSON.stringify(field)));
  return (field) => known.has(JSON.stringify(field));
}

test("FORMAT.md says of each constant of layout.ts what it is, once", () => {
  const named = page.rows.map(({ name }) => name);
  assert.equal([...named].sort(), [...layout.keys()].sort());
  const exported = text("assembly/layout.ts").match(/^export const/gm) ?? [];
  assert.is(layout.size, exported.length);
});

test("its values and types are those of layout.ts", () => {
  for (const row of page.rows) {
    assert.is(row.value, value(layout, row.name), row.name);
    const type = ["path", "text"].includes(row.type as string) ? "u16" : row.type;
    const stated = layout.get(row.name)?.type;
    if (stated) assert.is(type, stated, `type of ${row.name}`);
  }
});

test("the engine was built from this layout", () => {
  for (const [name, { value }] of layout) assert.is(engine.constant(name), value, name);
});

test("each drawing shows the fields of the table below it", () => {
  const drawn = page.drawings.filter(({ rows }) => rows.length > 0);
  const head = ["SUPER_BYTES", "BLOCK_HEADER", "ENTRY_BYTES", "INNER_BYTES"];
  const bytes = [...head, "ENTRY_BYTES", "RECORD_HEADER", "OP_BYTES"];
  assert.equal(
    drawn.map((drawing) => drawing.bytes),
    bytes.map((name) => value(layout, name)),
  );
  for (const { fields, rows } of drawn) {
    const own = rows.map(fieldOf);
    // The table below an entry's second drawing has only what differs from the first.
    const others = page.drawings.flatMap((one) => one.rows).filter(isLike(rows[0] as Row));
    const known = [...own, ...others.map(fieldOf)];
    assert.equal(fields.filter(isIn(own)), own);
    assert.equal(
      fields.filter((field) => !isIn(known)(field)),
      [],
    );
  }
});

test("each field of layout.ts with a type is a field of FORMAT.md", () => {
  const fields = new Set(page.drawings.flatMap(({ rows }) => rows.map(({ name }) => name)));
  for (const [name, { type }] of layout) if (type) assert.ok(fields.has(name), name);
});

test("a record of the views stream is drawn with as many words as it has", () => {
  const views = page.drawings.find(({ fields }) => fields.some(({ name }) => name === "parent"));
  assert.is(views?.bytes, (value(layout, "VIEW_WORDS") + 1) * 8);
});

test("what fits into a block is what the constants say", () => {
  const room = value(layout, "SUPER_BYTES") - value(layout, "BLOCK_HEADER");
  const whole = (bytes: string) => Math.floor(room / value(layout, bytes));
  assert.is(value(layout, "LEAF_MAX"), whole("ENTRY_BYTES"));
  assert.is(value(layout, "INNER_MAX"), whole("INNER_BYTES"));
  assert.is(value(layout, "GROUP_CHUNKS"), room * 8);
  assert.is(value(layout, "SUM_PLACES"), room / 4);
  assert.is(value(layout, "GROUP_CHUNKS") % value(layout, "SUM_PLACES"), 0, "a group in one");
  const sums = value(layout, "OP_BYTES") + value(layout, "OP_SUMS_MAX") * 4;
  assert.is(value(layout, "OP_MAX"), sums);
  assert.is(value(constants("assembly/stream.ts"), "WORDS"), room / 8);
  assert.is(value(layout, "OP_MAX"), value(layout, "OP_BYTES") + value(layout, "NAME_MAX") + 1);
  assert.ok(text("assembly/FORMAT.md").includes(`up to ${room / 8} words`));
});

test("bounds that FORMAT.md states are those of the code", () => {
  const open = constants("src/stores/tree/open.ts");
  const around = constants("assembly/around.ts");
  const limit = constants("src/stores/tree/limit.ts");
  const areaMin = value(open, "AREA_MIN");
  const stated = text("assembly/FORMAT.md").replaceAll(",", "").replace(/\s+/g, " ");
  for (const sentence of [
    `a ${value(open, "AREA_FRACTION")}th of the origin's size`,
    `at least ${areaMin} and at most ${value(open, "AREA_MAX")} blocks`,
    `at most ${value(open, "JOURNAL_BYTES")} bytes`,
    `${value(constants("assembly/memory.ts"), "PATH_LEVELS")}; 0: no entry`,
    `more than ${value(limit, "CHUNKS_MAX") / value(layout, "GROUP_CHUNKS")} groups`,
    `such an entry has at most ${value(around, "AROUND_ENTRIES")} entries`,
    `a column of ${value(around, "AROUND_ENTRIES")} entries and more`,
  ]) {
    assert.ok(stated.includes(sentence), sentence);
  }
  assert.is(areaMin, value(constants("assembly/bounds.ts"), "AREA_MIN"));
  assert.is(value(open, "JOURNAL_BYTES"), areaMin * 4096, "a record fits the smallest area");
});

test("the host's statuses and kinds are the engine's", () => {
  const files = ["status", "range", "copyout", "conflict"].map((name) => `assembly/${name}.ts`);
  const known = new Map(files.flatMap((file) => [...constants(file)]));
  for (const [name, number] of Object.entries(status)) {
    if (!name.startsWith("MAP_")) assert.is(number, value(known, name), name);
  }
  for (const name of constants("assembly/status.ts").keys()) {
    assert.is((status as Record<string, number>)[name], engine.constant(name), name);
  }
});

/** Names of numbers in `src/`, and the engine's names for them. */
const REPEATED: [file: string, name: string, source: string, engineName: string][] = [
  ["stores/range-tally", "ORIGIN", "cells", "ORIGIN"],
  ["stores/tree/check/blocks", "BLOCK", "memory", "PAGE"],
  ["stores/tree/check/losses", "ORIGIN", "cells", "ORIGIN"],
  ["stores/tree/check/meta", "HEADER", "layout", "BLOCK_HEADER"],
  ["stores/tree/check/operations", "OP_BYTES", "layout", "OP_BYTES"],
  ["stores/tree/check/operations", "OP_ROLLBACK", "layout", "OP_ROLLBACK"],
  ["stores/tree/layout", "FEATURE_SEATS", "layout", "FEATURE_SEATS"],
  ["stores/tree/check/operations", "OP_SET", "layout", "OP_SET"],
  ["stores/tree/check/operations", "MARKS_MAX", "layout", "MARKS_MAX"],
  ["stores/tree/check/saved-views", "MARKS_MAX", "layout", "MARKS_MAX"],
  ["stores/tree/dump/examine", "NARROW_END", "bounds", "NARROW_CHUNKS"],
  ["stores/tree/layout", "FEATURE_MARKS", "layout", "FEATURE_MARKS"],
  ["stores/tree/layout", "FEATURE_WIDE", "layout", "FEATURE_WIDE"],
  ["stores/tree/repair/replay", "SET_SIZE", "layout", "SET_SIZE"],
  ["volume/life/marking", "MARKS_MAX", "layout", "MARKS_MAX"],
  ["stores/tree/layout", "FEATURES", "layout", "FEATURES"],
  ["stores/tree/check/operations", "RECORD_HEADER", "layout", "RECORD_HEADER"],
  ["stores/tree/check/saved-views", "LIVE", "cells", "VIEW_LIVE_FLAG"],
  ["stores/tree/check/saved-views", "NAME_MAX", "layout", "NAME_MAX"],
  ["stores/tree/check/saved-views", "RECORD_WORDS", "layout", "VIEW_WORDS"],
  ["stores/tree/check/stream", "WORDS", "stream", "WORDS"],
  ["stores/tree/facts", "BLOCK", "memory", "PAGE"],
  ["stores/tree/facts", "BLOCK_HEADER", "layout", "BLOCK_HEADER"],
  ["stores/tree/check/data", "SUM_PLACES", "layout", "SUM_PLACES"],
  ["stores/tree/sums", "SUMS_MAX", "layout", "OP_SUMS_MAX"],
  ["stores/tree/layout", "FEATURE_SUMS", "layout", "FEATURE_SUMS"],
  ["volume/requests/stretches", "PIECE_CHUNKS", "layout", "OP_SUMS_MAX"],
  ["stores/tree/facts", "LIVE_FLAG", "cells", "VIEW_LIVE_FLAG"],
  ["stores/tree/facts", "ORIGIN", "cells", "ORIGIN"],
  ["stores/tree/layout", "SUPER_BYTES", "layout", "SUPER_BYTES"],
  ["stores/tree/layout", "KIND_RANGE", "layout", "KIND_RANGE"],
  ["stores/tree/layout", "KIND_BITMAP", "layout", "KIND_BITMAP"],
  ["stores/tree/open", "BLOCK", "memory", "PAGE"],
  ["stores/tree/trap", "DAMAGED", "assert", "DAMAGED"],
  ["stores/tree/views", "LIVE_FLAG", "cells", "VIEW_LIVE_FLAG"],
  ["stores/tree/tree-store", "ORIGIN", "cells", "ORIGIN"],
  ["stores/tree/views", "ORIGIN", "cells", "ORIGIN"],
  ["stores/tree/views", "READ_ONLY_FLAG", "cells", "VIEW_READ_ONLY"],
  ["stores/tree/walk", "HEADER", "layout", "BLOCK_HEADER"],
  ["stores/tree/walk", "SHARED", "layout", "FLAG_SHARED"],
  ["stores/tree/walk", "HOLE", "layout", "FLAG_HOLE"],
  ["stores/tree/walk", "LOST_PLACE", "layout", "LOST_PLACE"],
  ["stores/tree/walk", "AROUND", "layout", "FLAG_AROUND"],
  ["volume/core", "ORIGIN", "cells", "ORIGIN"],
  ["engine/engine", "SLOT_BYTES", "cache", "SLOT_BYTES"],
];

for (const [file, name, source, engineName] of REPEATED) {
  test(`${name} of src/${file}.ts is the engine's`, () => {
    const repeated = value(constants(`src/${file}.ts`), name);
    assert.is(repeated, value(constants(`assembly/${source}.ts`), engineName));
  });
}

test("a map step has one of the flags of its operation, or none", () => {
  const flags = [status.MAP_NEW, status.MAP_HOLE, status.MAP_SHARED];
  assert.equal(flags, [0, value(layout, "FLAG_HOLE"), value(layout, "OP_AGAIN")]);
});

test("bits and flags of a view are where FORMAT.md and the host have them", () => {
  const stated = text("assembly/FORMAT.md").replace(/\s+/g, " ");
  const mask = constants("assembly/bitmap/mask.ts");
  const [shift, bits] = [value(mask, "VIEW_BIT_SHIFT"), value(mask, "NO_BIT")];
  const cells = constants("assembly/cells.ts");
  const names = ["VIEW_LIVE_FLAG", "VIEW_READ_ONLY", "VIEW_DYING"];
  const [live, readOnly, dying] = names.map((name) => value(cells, name));
  assert.is(engine.constant("VIEW_BIT_SHIFT"), shift);
  assert.is(CAPABILITIES.bitmap.snapshots, bits);
  for (const sentence of [
    `${live} live, ${readOnly} read-only, ${dying} deleted`,
    `bits ${shift} to ${shift + Math.log2(bits) - 1} are the snapshot's bit (0 to ${bits - 1})`,
    `its lowest bit, ${bits} for mask 0`,
    `with mask 0 last: at most ${bits + 1}`,
  ]) {
    assert.ok(stated.includes(sentence), sentence);
  }
});

test("the groups of the host's largest store fit the engine's directory", () => {
  const groups = value(constants("assembly/memory.ts"), "GROUP_PAGES") * 512;
  const chunks = value(constants("src/stores/tree/limit.ts"), "CHUNKS_MAX");
  assert.is(chunks, groups * value(layout, "GROUP_CHUNKS"));
});

test("the index of the sum map can name what its stream can", () => {
  const memory = constants("assembly/memory.ts");
  const words = value(memory, "STREAM_MAX") * value(constants("assembly/stream.ts"), "WORDS");
  assert.is(value(memory, "SUM_PAGES") * 512, words);
});

test("requests in flight fit the engine's table", () => {
  const core = constants("src/volume/core.ts");
  const slots = value(core, "QUEUE_MAX") * value(core, "PENDS_MAX");
  assert.is(slots, value(constants("assembly/memory.ts"), "PENDING_SLOTS"));
});

test("the reader of FORMAT.md shares no code with the library", () => {
  const seen = new Set(["reader"]);
  for (const file of seen) {
    const imports = text(`test/format/${file}.ts`).matchAll(/ from "([^"]+)"/g);
    for (const [, from = ""] of imports) {
      assert.match(from, /^\.\/\w+\.ts$/, `${file}.ts`);
      seen.add(from.slice(2, -3));
    }
  }
  assert.ok(seen.size > 4);
});

test("the host reads nodes as the layout says", () => {
  const at = (name: string) => engine.constant(name);
  const view = new DataView(new ArrayBuffer(4096));
  const entry = at("BLOCK_HEADER") + at("ENTRY_BYTES");
  view.setUint32(at("BLOCK_NUMBER"), 77, true);
  view.setUint16(at("BLOCK_COUNT"), 2, true);
  view.setBigUint64(entry + at("ENTRY_SPAN"), (0x123456789abn << 16n) | 300n, true);
  view.setUint32(entry + at("ENTRY_AFTER"), 5, true);
  view.setUint32(entry + at("ENTRY_TO"), 9, true);
  view.setBigUint64(entry + at("ENTRY_PLACE"), (0x23456789abcn << 16n) | 0xabc5n, true);
  const leaf = parseNode(new Uint8Array(view.buffer));
  const expected = { first: 0x123456789ab - 299, count: 300, after: 5, to: 9 };
  assert.is(leaf.block, 77);
  assert.equal(leaf.entries[1], { ...expected, place: 0x23456789abc, flags: 0xabc5 });
  const inner = at("BLOCK_HEADER") + at("INNER_BYTES");
  view.setUint16(at("BLOCK_LEVEL"), 3, true);
  view.setBigUint64(inner + at("INNER_LAST"), 0x3456789abcdn << 16n, true);
  view.setUint32(inner + at("INNER_TO"), 11, true);
  view.setUint32(inner + at("INNER_CHILD"), 12, true);
  const node = parseNode(new Uint8Array(view.buffer));
  assert.is(node.level, 3);
  assert.equal(node.keys[1], { last: 0x3456789abcd, to: 11 });
  assert.is(node.children[1], 12);
});

test.run();
