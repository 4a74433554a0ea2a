/** Columns of text. */

/** Rows of cells as lines; the columns whose index is in `right` are aligned to the right. */
export function table(rows: string[][], right: number[] = []): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  const line = (row: string[]) =>
    row
      .map((cell, index) => {
        const width = widths[index] as number;
        return right.includes(index) ? cell.padStart(width) : cell.padEnd(width);
      })
      .join("  ")
      .trimEnd();
  return rows.map(line).join("\n");
}
