/**
 * What the terminal shows.
 *
 * @module
 */

import { gray, green, red, yellow } from "@std/fmt/colors";
import stringWidth from "npm:string-width@9.0.0";
import { visibleText } from "../_safe_text.ts";
import type { Alert, Status } from "./monitor.ts";
import { formatDuration, formatShare, formatValue } from "./statistics.ts";

/** How a table is drawn. */
export interface TableOptions {
  /** Whether to use colors; the signs tell the states apart without them, too. */
  color?: boolean;
  /** Columns of the terminal; longer lines are cut. 120 by default. */
  width?: number;
}

const SIGNS = { unknown: "○", up: "●", down: "✖" };
const COLORS = { unknown: gray, up: green, down: red };

const HEADINGS = [
  "STATE",
  "NAME",
  "ADDRESS",
  "CHECK",
  "LAST",
  "MEDIAN",
  "P95",
  "AVAILABLE",
  "DETAIL",
];
/** Numbers stand under each other. */
const RIGHT = new Set(["LAST", "MEDIAN", "P95", "AVAILABLE"]);
/** What a narrow terminal does without, the least important first. */
const DISPENSABLE = ["P95", "MEDIAN", "CHECK", "ADDRESS", "AVAILABLE"];
/** Columns to leave for what went wrong. */
const DETAIL_WIDTH = 24;

/** Draws what is known about all targets, one line each. */
export function formatTable(
  statuses: readonly Status[],
  { color = false, width = 120 }: TableOptions = {},
): string {
  const rows = [HEADINGS, ...statuses.map(cellsOf)];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...rows.map((row) => stringWidth(row[column])))
  );
  const columns = columnsFor(widths, width);
  return rows.map((row, index) => {
    const line = columns.map((column) =>
      pad(row[column], widths[column], RIGHT.has(HEADINGS[column]))
    ).join("  ").trimEnd();
    const text = cut(line, width);
    if (!color || index === 0) return `${text}\n`;
    // The state only: a screen full of red would hide what matters.
    const end = Math.min(widths[0], text.length);
    const paint = colorOf(statuses[index - 1]);
    return `${paint(text.slice(0, end))}${text.slice(end)}\n`;
  }).join("");
}

/** Wide characters take two columns, marks none. */
function pad(text: string, width: number, isRight: boolean): string {
  const blanks = " ".repeat(Math.max(0, width - stringWidth(text)));
  return isRight ? blanks + text : text + blanks;
}

const characters = new Intl.Segmenter();

/** As much of a line as fits, with a sign that there is more. */
function cut(line: string, width: number): string {
  if (stringWidth(line) <= width) return line;
  let text = "";
  let left = width - 1;
  for (const { segment } of characters.segment(line)) {
    left -= stringWidth(segment);
    if (left < 0) break;
    text += segment;
  }
  return `${text}…`;
}

/** The columns that there is room for. */
function columnsFor(widths: readonly number[], width: number): number[] {
  let columns = [...widths.keys()];
  for (const heading of DISPENSABLE) {
    const needed = columns.slice(0, -1)
      .reduce((sum, column) => sum + widths[column] + 2, DETAIL_WIDTH);
    if (needed <= width) break;
    columns = columns.filter((column) => HEADINGS[column] !== heading);
  }
  return columns;
}

function cellsOf(
  { name, address, check, unit, words, last, summary, health }: Status,
): string[] {
  return [
    `${isChanging(words) ? "◐" : SIGNS[health]} ${words}`,
    name,
    address,
    check,
    formatValue(last?.value ?? null, unit),
    formatValue(summary.median, unit),
    formatValue(summary.p95, unit),
    formatShare(summary.availability),
    visibleText(last?.detail ?? ""),
  ];
}

function colorOf({ health, words }: Status): (text: string) => string {
  return isChanging(words) ? yellow : COLORS[health];
}

function isChanging(words: string): boolean {
  return words.includes("/");
}

/** An alert in a line, for a terminal, a log or a mail from cron. */
export function formatAlert(alert: Alert): string {
  const { at, name, address, health, detail, downMs } = alert;
  const time = new Date(at).toISOString().slice(0, 19).replace("T", " ");
  const rest = health === "down"
    ? `: ${visibleText(detail)}`
    : downMs === undefined
    ? ""
    : ` after ${formatDuration(downMs)}`;
  return `${time}Z ${health.toUpperCase()} ${name} (${address})${rest}`;
}
