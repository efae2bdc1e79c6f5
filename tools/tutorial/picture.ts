/**
 * Draws what happens on the wire: lanes, one a program, with time going down, and bytes
 * as boxes. The pictures are SVG with a light background of their own, so that they can be
 * read on dark pages too, and need no font and no script.
 *
 * @module
 */

/** A text, or one for each language: English, Chinese. */
export type Text = string | [en: string, zh: string];

/** What colour a part has: plain, an event that is good or bad, and three for bytes. */
export type Tone = "plain" | "good" | "bad" | "a" | "b" | "c";

/** One line of a picture, from the top down. */
export type Row =
  /** An arrow from one lane to another; `lost` ends it half-way. */
  | { from: number; to: number; text: Text; tone?: Tone; lost?: boolean }
  /** A box on a lane: what a program does there. */
  | { at: number; text: Text; tone?: Tone }
  /** A line of text across the picture. */
  | { caption: Text }
  /** Bytes in boxes, each with a text and a tone, and what they are below. */
  | { bytes: [text: string, tone: Tone][]; text: Text; label?: Text };

/** A picture. */
export interface Picture {
  name: string;
  /** What it shows, for readers who cannot see it. */
  title: Text;
  /** The programs. None for a picture of bytes alone. */
  lanes: Text[];
  rows: Row[];
}

const WIDTH = 720;
const ARROW = 44;
const BOX = 38;
const CAPTION = 30;
const BYTES = 66;

const FILL: Record<Tone, string> = {
  plain: "#f6f8fa",
  good: "#dafbe1",
  bad: "#ffebe9",
  a: "#ddf4ff",
  b: "#fff8c5",
  c: "#fbefff",
};
const STROKE: Record<Tone, string> = {
  plain: "#57606a",
  good: "#1a7f37",
  bad: "#cf222e",
  a: "#0969da",
  b: "#9a6700",
  c: "#8250df",
};

/** Draws a picture in the language with this number. */
export function drawPicture(picture: Picture, language: number): string {
  const say = (text: Text) =>
    escape(typeof text === "string" ? text : text[language]);
  const { lanes, rows } = picture;
  const lane = (index: number) =>
    Math.round(WIDTH * (index + 0.5) / lanes.length);
  const top = lanes.length > 0 ? 52 : 14;
  let y = top + (lanes.length > 0 ? 16 : 0);
  const body: string[] = [];
  for (const row of rows) {
    if ("bytes" in row) {
      body.push(...drawBytes(row, y, say));
      y += BYTES + (row.label === undefined ? 0 : 20);
    } else if ("caption" in row) {
      body.push(words(WIDTH / 2, y + 18, say(row.caption), { size: 13 }));
      y += CAPTION;
    } else if ("at" in row) {
      body.push(...drawBox(lane(row.at), y, say(row.text), row.tone));
      y += BOX;
    } else {
      body.push(...drawArrow(row, lane(row.from), lane(row.to), y, say));
      y += ARROW;
    }
  }
  const height = y + 14;
  const lines = lanes.map((_, index) =>
    `<line x1="${lane(index)}" y1="${top - 8}" x2="${lane(index)}" y2="${
      height - 12
    }" stroke="#d0d7de" stroke-width="2"/>`
  );
  const heads = lanes.flatMap((text, index) => [
    `<rect x="${
      lane(index) - 80
    }" y="14" width="160" height="30" rx="6" fill="#24292f"/>`,
    words(lane(index), 34, say(text), { fill: "#ffffff", bold: true }),
  ]);
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img" font-family="system-ui, -apple-system, 'Segoe UI', 'PingFang SC', 'Microsoft YaHei', 'Noto Sans CJK SC', sans-serif">`,
    `<title>${say(picture.title)}</title>`,
    `<rect x="1" y="1" width="${WIDTH - 2}" height="${
      height - 2
    }" rx="10" fill="#ffffff" stroke="#d0d7de"/>`,
    ...lines,
    ...heads,
    ...body,
    "</svg>\n",
  ].join("\n");
}

function drawArrow(
  row: Extract<Row, { from: number }>,
  from: number,
  to: number,
  y: number,
  say: (text: Text) => string,
): string[] {
  const colour = STROKE[row.tone ?? "a"];
  const sign = to > from ? 1 : -1;
  const start = from + sign * 6;
  const end = row.lost ? (from + to) / 2 : to - sign * 8;
  const y1 = y + 22;
  const y2 = row.lost ? y1 + 6 : y1 + 12;
  const head = row.lost
    ? `<path d="M${end - 7} ${
      y2 - 7
    } l14 14 m0 -14 l-14 14" stroke="${STROKE.bad}" stroke-width="3"/>`
    : `<path d="M${end + sign * 2} ${y2} l${
      -sign * 11
    } -6 l${-sign} 11 z" fill="${colour}"/>`;
  return [
    `<line x1="${start}" y1="${y1}" x2="${end}" y2="${y2}" stroke="${colour}" stroke-width="2"/>`,
    head,
    words((from + to) / 2, y1 - 4, say(row.text), { fill: colour, halo: true }),
  ];
}

function drawBox(
  x: number,
  y: number,
  text: string,
  tone: Tone = "plain",
): string[] {
  const width = Math.max(70, textWidth(text) + 24);
  const left = Math.min(Math.max(x - width / 2, 10), WIDTH - width - 10);
  return [
    `<rect x="${left}" y="${y + 4}" width="${width}" height="28" rx="5" fill="${
      FILL[tone]
    }" stroke="${STROKE[tone]}"/>`,
    words(left + width / 2, y + 23, text),
  ];
}

function drawBytes(
  row: Extract<Row, { bytes: unknown }>,
  y: number,
  say: (text: Text) => string,
): string[] {
  const parts: string[] = [];
  const widths = row.bytes.map(([text]) => Math.max(30, textWidth(text) + 14));
  const total = widths.reduce((sum, width) => sum + width, 0);
  let x = (WIDTH - total) / 2;
  if (row.label !== undefined) {
    parts.push(words(WIDTH / 2, y + 16, say(row.label), { bold: true }));
    y += 20;
  }
  for (const [index, [text, tone]] of row.bytes.entries()) {
    parts.push(
      `<rect x="${x}" y="${y + 6}" width="${widths[index]}" height="30" fill="${
        FILL[tone]
      }" stroke="${STROKE[tone]}"/>`,
      words(x + widths[index] / 2, y + 26, escape(text), { mono: true }),
    );
    x += widths[index];
  }
  parts.push(words(WIDTH / 2, y + 54, say(row.text), { size: 13 }));
  return parts;
}

/** About how wide a text is: Chinese characters take two places. */
function textWidth(text: string): number {
  let width = 0;
  for (const char of text) width += char.codePointAt(0)! > 0x2e80 ? 14 : 7.6;
  return Math.round(width);
}

function words(
  x: number,
  y: number,
  text: string,
  { fill = "#24292f", size = 14, bold = false, mono = false, halo = false } =
    {},
): string {
  const attributes = [
    `x="${x}" y="${y}" text-anchor="middle" font-size="${size}" fill="${fill}"`,
    bold ? ` font-weight="600"` : "",
    mono ? ` font-family="ui-monospace, Consolas, monospace"` : "",
    halo ? ` stroke="#ffffff" stroke-width="4" paint-order="stroke"` : "",
  ];
  return `<text ${attributes.join("")}>${text}</text>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;");
}
