/** FORMAT.md against the engine, and the engine against the numbers that the host repeats. */
import { test } from "uvu";
import * as assert from "uvu/assert";
import { Engine } from "../../src/engine/engine.ts";
import { engineModule } from "../../src/engine/module.ts";
import * as status from "../../src/engine/status.ts";
import { parseNode } from "../../src/volume/walk.ts";
import { type Constant, constants, fieldOf, formatPage, text } from "./sources.ts";

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

test("FORMAT.md says of each constant of layout.ts what it is, once", () => {
  const named = page.rows.map(({ name }) => name);
  assert.equal([...named].sort(), [...layout.keys()].sort());
  const exported = text("assembly/layout.ts").match(/^export const/gm) ?? [];
  assert.is(layout.size, exported.length);
});

test("its values and types are those of layout.ts", () => {
  for (const row of page.rows) {
    assert.is(row.value, value(layout, row.name), row.name);
    const type = row.type === "path" ? "u16" : row.type;
    const stated = layout.get(row.name)?.type;
    if (stated) assert.is(type, stated, `type of ${row.name}`);
  }
});

test("the engine was built from this layout", () => {
  for (const [name, { value }] of layout) assert.is(engine.constant(name), value, name);
});

test("each drawing shows the fields of the table below it", () => {
  const drawn = page.drawings.filter(({ rows }) => rows.length > 0);
  const bytes = ["SUPER_BYTES", "BLOCK_HEADER", "ENTRY_BYTES", "INNER_BYTES", "RECORD_HEADER"];
  assert.equal(
    drawn.map((drawing) => drawing.bytes),
    [...bytes, "OP_BYTES"].map((name) => value(layout, name)),
  );
  for (const { fields, rows } of drawn) assert.equal(fields, rows.map(fieldOf));
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
  assert.is(value(constants("assembly/stream.ts"), "WORDS"), room / 8);
  assert.is(value(layout, "OP_MAX"), value(layout, "OP_BYTES") + value(layout, "NAME_MAX") + 1);
  assert.ok(text("assembly/FORMAT.md").includes(`up to ${room / 8} words`));
});

test("bounds that FORMAT.md states are those of the code", () => {
  const open = constants("src/stores/range-open.ts");
  const areaMin = value(open, "AREA_MIN");
  const stated = text("assembly/FORMAT.md").replaceAll(",", "").replace(/\s+/g, " ");
  for (const sentence of [
    `a ${value(open, "AREA_FRACTION")}th of the origin's size`,
    `at least ${areaMin} and at most ${value(open, "AREA_MAX")} blocks`,
    `at most ${value(open, "JOURNAL_BYTES")} bytes`,
    `${value(constants("assembly/memory.ts"), "PATH_LEVELS")}; 0: no entry`,
    `more than ${value(open, "CHUNKS_MAX") / value(layout, "GROUP_CHUNKS")} groups`,
  ]) {
    assert.ok(stated.includes(sentence), sentence);
  }
  assert.is(areaMin, value(constants("assembly/open.ts"), "FORMAT_AREA_MIN"));
  assert.is(value(open, "JOURNAL_BYTES"), areaMin * 4096, "a record fits the smallest area");
});

test("the host's statuses and kinds are the engine's", () => {
  const files = ["status", "range", "copyout", "conflict"].map((name) => `assembly/${name}.ts`);
  const known = new Map(files.flatMap((file) => [...constants(file)]));
  for (const [name, number] of Object.entries(status)) {
    assert.is(number, value(known, name), name);
  }
  for (const name of constants("assembly/status.ts").keys()) {
    assert.is((status as Record<string, number>)[name], engine.constant(name), name);
  }
});

/** Names of numbers in `src/`, and the engine's names for them. */
const REPEATED: [file: string, name: string, source: string, engineName: string][] = [
  ["stores/layout", "SUPER_BYTES", "layout", "SUPER_BYTES"],
  ["stores/range", "ORIGIN", "cells", "ORIGIN"],
  ["stores/range", "READ_ONLY_FLAG", "cells", "VIEW_READ_ONLY"],
  ["stores/range", "LIVE_FLAG", "cells", "VIEW_LIVE_FLAG"],
  ["stores/range", "DAMAGED", "assert", "DAMAGED"],
  ["stores/range-facts", "BLOCK", "memory", "PAGE"],
  ["stores/range-facts", "BLOCK_HEADER", "layout", "BLOCK_HEADER"],
  ["stores/range-facts", "GROUP_CHUNKS", "layout", "GROUP_CHUNKS"],
  ["stores/range-facts", "LIVE_FLAG", "cells", "VIEW_LIVE_FLAG"],
  ["stores/range-open", "BLOCK", "memory", "PAGE"],
  ["volume/core", "ORIGIN", "cells", "ORIGIN"],
  ["volume/walk", "HEADER", "layout", "BLOCK_HEADER"],
  ["volume/walk", "SHARED", "layout", "FLAG_SHARED"],
  ["volume/walk", "HOLE", "layout", "FLAG_HOLE"],
  ["engine/engine", "SLOT_BYTES", "cache", "SLOT_BYTES"],
];

for (const [file, name, source, engineName] of REPEATED) {
  test(`${name} of src/${file}.ts is the engine's`, () => {
    const repeated = value(constants(`src/${file}.ts`), name);
    assert.is(repeated, value(constants(`assembly/${source}.ts`), engineName));
  });
}

test("the groups of the host's largest store fit the engine's directory", () => {
  const groups = value(constants("assembly/memory.ts"), "GROUP_PAGES") * 512;
  const chunks = value(constants("src/stores/range-open.ts"), "CHUNKS_MAX");
  assert.is(chunks, groups * value(layout, "GROUP_CHUNKS"));
});

test("requests in flight fit the engine's table", () => {
  const core = constants("src/volume/core.ts");
  const slots = value(core, "QUEUE_MAX") * value(core, "PENDS_MAX");
  assert.is(slots, value(constants("assembly/memory.ts"), "PENDING_SLOTS"));
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
