/** The benchmark's table, for people. */
import type { Machine } from "./machine.ts";
import type { Figure, Row, Target } from "./row.ts";

function figureText({ value, unit }: Figure): string {
  const digits = Math.abs(value) >= 100 || Number.isInteger(value) ? 0 : 1;
  const rounded = value.toLocaleString("en", { maximumFractionDigits: digits });
  return `${rounded} ${unit}`;
}

function targetText(target: Target): string {
  const { least, most } = target;
  if (least !== undefined && most !== undefined) return `${least} to ${most.toFixed(2)}`;
  return least !== undefined ? `>= ${least}` : `<= ${most?.toLocaleString("en")}`;
}

function cells(row: Row): string[] {
  const met = row.met === null ? "" : row.met ? "yes" : "NO";
  return [
    row.measure,
    row.ours === null ? "" : figureText(row.ours),
    row.peer === null ? "" : `${figureText(row.peer)} (${row.peer.name})`,
    row.ratio === null ? "" : row.ratio.toFixed(2),
    row.target === null ? "" : targetText(row.target),
    met,
    row.note ?? "",
  ];
}

const HEADINGS = ["measure", "ours", "peer", "ratio", "target", "met?", "note"];

/** Markdown, aligned. */
export function tableOf(rows: readonly Row[]): string {
  const lines = [HEADINGS, ...rows.map(cells)];
  const widths = HEADINGS.map((_, column) => Math.max(...lines.map((line) => line[column].length)));
  const text = (line: string[]) =>
    `| ${line.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  const rule = `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`;
  return [text(lines[0]), rule, ...lines.slice(1).map(text)].join("\n");
}

export function lossesOf(rows: readonly Row[]): string {
  const lost = rows.filter((row) => row.met === false).map((row) => `  ${row.measure}`);
  return lost.length === 0 ? "Every target is met." : ["Below target:", ...lost].join("\n");
}

export function machineText(machine: Machine): string {
  const { cpu, cores, memoryGib, kernel, node, v8, gcc } = machine;
  const host = `${cores} x ${cpu}, ${memoryGib} GiB, ${kernel}`;
  return `${host}, Node ${node} (V8 ${v8}), ${gcc ?? "no gcc"}`;
}
