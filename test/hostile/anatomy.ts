/**
 * Where the structures of a sound store lie and which fields each has, from FORMAT.md alone (the
 * tables of fields are read out of it), so that a mutation can aim at them.
 */
import { areaChunk } from "../cow/format.ts";
import { bytesOf } from "../format/agree.ts";
import { BLOCK, HEADER, StoreBlocks } from "../format/blocks.ts";
import { journal } from "../format/journal.ts";
import { formatPage } from "../format/sources.ts";
import type { Base } from "./bases.ts";

export type Kind =
  | "super"
  | "tables"
  | "views"
  | "space"
  | "leaf"
  | "inner"
  | "record"
  | "header"
  | "area";

export interface Field {
  name: string;
  /** Byte of the store. */
  at: number;
  bytes: number;
}

export interface Structure {
  kind: Kind;
  at: number;
  /** Bytes of it. */
  length: number;
  fields: Field[];
  /** Bytes of the parts of a record: its operations. */
  parts: { at: number; length: number }[];
}

/** Numbers that a store of this anatomy knows, for values that are plausible. */
export interface Numbers {
  blocks: number[];
  ids: number[];
  places: number[];
  deviceBlocks: number[];
}

export interface Anatomy {
  structures: Structure[];
  numbers: Numbers;
  /** Bytes up to the end of the journal, 0 where there is none. */
  fixed: number;
}

const WIDTHS: Record<string, number> = { u8: 1, u16: 2, u32: 4, u64: 8, f64: 8, path: 2 };
const ROWS = formatPage().rows.filter(({ type }) => type !== null);

function fieldsOf(prefix: string, at: number, isWanted = (_: string) => true): Field[] {
  return ROWS.filter(({ name }) => name.startsWith(prefix) && isWanted(name)).map((row) => ({
    name: row.name,
    at: at + row.value,
    bytes: WIDTHS[row.type as string] ?? 8,
  }));
}

export function anatomyOf(base: Base): Anatomy {
  if (base.kind === "persistent") return cowAnatomy(base);
  const bytes = bytesOf(base.store);
  const blocks = new StoreBlocks(bytes);
  const structures: Structure[] = [0, 1].map((slot) =>
    structure("super", slot * BLOCK, BLOCK, fieldsOf("SUPER_", slot * BLOCK)),
  );
  structures.push(...streams(blocks), ...space(blocks), ...tree(blocks), ...records(blocks));
  return { structures, numbers: numbersOf(blocks), fixed: (2 + 2 * blocks.field(84)) * BLOCK };
}

function structure(kind: Kind, at: number, length: number, fields: Field[]): Structure {
  return { kind, at, length, fields, parts: [] };
}

function block(kind: Kind, at: number, fields: Field[]): Structure {
  return structure(kind, at, BLOCK, [...fieldsOf("BLOCK_", at), ...fields]);
}

function words(at: number, count: number): Field[] {
  return Array.from({ length: count * 2 }, (_, i) => ({ name: "word", at: at + 4 * i, bytes: 4 }));
}

function streams(blocks: StoreBlocks): Structure[] {
  const found: Structure[] = [];
  for (const [kind, field] of [
    ["tables", 120],
    ["views", 136],
  ] as const) {
    for (let at = blocks.longField(field) * BLOCK; at > 0; at = blocks.long(at + 32) * BLOCK) {
      found.push(block(kind, at, words(at + HEADER, blocks.bytes.getUint16(at + 10, true))));
    }
  }
  return found;
}

function space(blocks: StoreBlocks): Structure[] {
  return blocks.groups
    .filter((group) => group.block !== 0)
    .map((group) => {
      const at = blocks.blockAt(group.block);
      return block("space", at, words(at + HEADER, 16));
    });
}

function tree(blocks: StoreBlocks): Structure[] {
  const found: Structure[] = [];
  const visit = (number: number, level: number) => {
    const at = blocks.blockAt(number);
    const count = blocks.bytes.getUint16(at + 10, true);
    const fields: Field[] = [];
    for (let i = 0; i < count; i++) {
      const entry = at + HEADER + i * (level > 0 ? 16 : 24);
      const isOwn = (name: string) => !/_(BYTES|MAX)$/.test(name);
      fields.push(...fieldsOf(level > 0 ? "INNER_" : "ENTRY_", entry, isOwn));
      if (level === 0) fields.push({ name: "count", at: entry, bytes: 2 });
      if (level === 0) fields.push({ name: "flags", at: entry + 16, bytes: 2 });
      if (level > 0) visit(blocks.bytes.getUint32(entry + 12, true), level - 1);
    }
    found.push(block(level > 0 ? "inner" : "leaf", at, fields));
  };
  if (blocks.field(92) > 0) visit(blocks.field(112), blocks.field(92) - 1);
  return found;
}

function records(blocks: StoreBlocks): Structure[] {
  const found: Structure[] = [];
  let at = (2 + blocks.field(88) * blocks.field(84)) * BLOCK;
  for (const operations of journal(blocks)) {
    const length = blocks.bytes.getUint32(at + 8, true);
    const record = structure("record", at, length, fieldsOf("RECORD_", at));
    let part = at + HEADER;
    for (const { kind, count } of operations) {
      const named = kind === 3 || kind === 5 ? Math.ceil(count / 8) * 8 : 0;
      record.parts.push({ at: part, length: 24 + named });
      record.fields.push(
        ...fieldsOf("OP_", part, (name) => /KIND|FLAGS|COUNT|VIEW|CHUNK|PLACE/.test(name)),
      );
      part += 24 + named;
    }
    found.push(record);
    at += Math.ceil(length / BLOCK) * BLOCK;
  }
  return found;
}

function numbersOf(blocks: StoreBlocks): Numbers {
  const chunk = 2 ** blocks.field(56);
  const inUse = [...blocks.inUse];
  const top = blocks.longField(152);
  const next = blocks.field(116);
  return {
    blocks: [0, ...inUse, blocks.slabs.length * 64 - 1, blocks.slabs.length * 64],
    ids: [0, 1, 2, 3, ...Array.from({ length: 6 }, (_, i) => next - 4 + i)],
    places: [0, 1, 2, 33, 128, 129, 130, top - 1, top, top + 1, Math.floor(top / 2)].concat(
      blocks.slabs.map(({ base }) => Math.floor((base * BLOCK) / chunk)),
    ),
    deviceBlocks: [0, 1, 2, 66, 129].concat(
      blocks.slabs.flatMap(({ base }) => [base, base + 1, base + 63]),
      inUse
        .filter((n) => n > 0 && n < blocks.slabs.length * 64)
        .map((n) => blocks.blockAt(n) / BLOCK),
    ),
  };
}

const COW_CHUNK = 4096;

function cowAnatomy(base: Base): Anatomy {
  const header = structure("header", 0, 16, []);
  for (let i = 0; i < 4; i++) header.fields.push({ name: "header", at: 4 * i, bytes: 4 });
  const area = areaChunk(0, COW_CHUNK / 16) * COW_CHUNK;
  const entries = words(area, 2 * 110);
  const numbers = { blocks: [0], ids: [0], deviceBlocks: [0], places: [0, 1, 2, 3, 258, 60, 95] };
  numbers.places.push(base.store.size / COW_CHUNK);
  const structures = [header, structure("area", area, COW_CHUNK, entries)];
  return { structures, numbers, fixed: 0 };
}
