/** Three digits that count, thousands apart. */
export function number(value: number): string {
  if (!Number.isFinite(value)) return "";
  const digits = value === 0 ? 0 : 2 - Math.floor(Math.log10(Math.abs(value)));
  return value.toLocaleString("en-US", {
    minimumFractionDigits: Math.min(Math.max(digits, 0), 4),
    maximumFractionDigits: Math.min(Math.max(digits, 0), 4),
  });
}

/** A Markdown table, columns padded as `deno fmt` does; numbers to the right. */
export function table(head: readonly string[], rows: string[][]): string {
  const cells = [head, ...rows].map((row) =>
    head.map((_, column) =>
      (row[column] ?? "").replaceAll("|", "\\|").replaceAll("\n", " ")
    )
  );
  const widths = head.map((_, column) =>
    Math.max(3, ...cells.map((row) => row[column].length))
  );
  const line = (row: string[]) =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column])).join(" | ")} |`;
  return [
    line(cells[0]),
    `| ${widths.map((width) => "-".repeat(width)).join(" | ")} |`,
    ...cells.slice(1).map(line),
  ].join("\n");
}
