/** What the sources say: numeric constants, and the fields and drawings of FORMAT.md. */
import { readFileSync } from "node:fs";
import { join } from "node:path";

const root = join(import.meta.dirname, "..", "..");

export function text(file: string): string {
  return readFileSync(join(root, file), "utf8");
}

export interface Constant {
  value: number | bigint;
  /** The first word of its comment, where that is a type: `u32`, `16 bytes`. */
  type: string | null;
}

const TYPE = /^(u8|u16|u32|u64|f64|16 bytes)\b/;

/** Constants of a source file whose value is a number, or a sum or product of numbers. */
export function constants(file: string): Map<string, Constant> {
  const found = new Map<string, Constant>();
  let above = "";
  for (const line of text(file).split("\n")) {
    const match = /^(?:export )?const (\w+)(?:: \w+)? = ([-\w+* ]+);(?: \/\/ (.*))?$/.exec(line);
    const value = match && numberOf(match[2] as string);
    if (match && value !== null) {
      const type = TYPE.exec(match[3] ?? above)?.[1] ?? null;
      found.set(match[1] as string, { value, type });
    }
    above = /^\/\/ (.*)/.exec(line)?.[1] ?? "";
  }
  return found;
}

function numberOf(expression: string): number | bigint | null {
  const terms = expression.replaceAll("_", "").split("+");
  const values = terms.map((term) => term.split("*").map((factor) => Number(factor.trim())));
  if (values.flat().some(Number.isNaN)) return null;
  const sum = values.reduce((all, factors) => all + factors.reduce((a, b) => a * b), 0);
  return Number.isSafeInteger(sum) ? sum : BigInt(terms.join("").trim());
}

/** A row of a table of FORMAT.md: a field with its offset and type, or another constant. */
export interface Row {
  name: string;
  value: number;
  type: string | null;
}

export interface Field {
  name: string;
  offset: number;
  bytes: number;
}

export interface Page {
  rows: Row[];
  /** Drawings, each with the rows of the table below it that are fields. */
  drawings: { fields: Field[]; bytes: number; rows: Row[] }[];
}

const BYTES: Record<string, number> = {
  u8: 1,
  u16: 2,
  u32: 4,
  u64: 8,
  f64: 8,
  "16 bytes": 16,
  path: 1024,
  text: 512,
};

export function formatPage(): Page {
  const page: Page = { rows: [], drawings: [] };
  let drawn: string[] = [];
  for (const line of text("assembly/FORMAT.md").split("\n")) {
    if (/^ *\d+ \|.*\|$/.test(line)) {
      drawn.push(line);
      continue;
    }
    if (drawn.length > 0) page.drawings.push({ ...drawing(drawn), rows: [] });
    drawn = [];
    const match = /^\| `(\w+)` \| (\w+) \| ([^|]*) \|/.exec(line);
    if (!match) continue;
    const type = BYTES[match[3] as string] === undefined ? null : (match[3] as string);
    const row = { name: match[1] as string, value: Number(match[2]), type };
    page.rows.push(row);
    if (type !== null) page.drawings.at(-1)?.rows.push(row);
  }
  return page;
}

/** The field that a row of a table stands for, named as drawings name it. */
export function fieldOf({ name, value, type }: Row): Field {
  const short = name.slice(name.indexOf("_") + 1).toLowerCase();
  return {
    name: short.replaceAll("_", " "),
    offset: value,
    bytes: BYTES[type as string] as number,
  };
}

const BYTE_COLUMNS = 11;

/** Cells of a drawing, those of one field joined; `0` is left out. */
function drawing(lines: string[]): { fields: Field[]; bytes: number } {
  const fields: Field[] = [];
  let at = 0;
  for (const line of lines) {
    const [, offset, cells] = /^ *(\d+) \|(.*)\|$/.exec(line) as unknown as [
      string,
      string,
      string,
    ];
    if (Number(offset) !== at) throw new Error(`row ${offset} stands where ${at} should: ${line}`);
    for (const cell of cells.split("|")) {
      const [label, long] = cell.trim().split(", ") as [string, string | undefined];
      const bytes =
        long === undefined ? (cell.length + 1) / BYTE_COLUMNS : Number.parseInt(long, 10);
      const name = label.replace(/:.*/, "");
      const last = fields.at(-1);
      if (last?.name === name) last.bytes += bytes;
      else fields.push({ name, offset: at, bytes });
      at += bytes;
    }
  }
  return { fields: fields.filter(({ name }) => name !== "0"), bytes: at };
}
