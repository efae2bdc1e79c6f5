import { assert, assertEquals } from "@std/assert";
import stringWidth from "npm:string-width@9.0.0";
import type { Alert, Status } from "../../../examples/monitor/monitor.ts";
import { formatAlert, formatTable } from "../../../examples/monitor/table.ts";

function status(more: Partial<Status>): Status {
  return {
    name: "web",
    address: "127.0.0.1:80",
    check: "connect",
    unit: "ms",
    health: "up",
    words: "up",
    last: { at: 0, ok: true, value: 1.5, detail: "" },
    summary: { checks: 4, availability: 0.75, median: 1.25, p95: 2 },
    ...more,
  };
}

const down = status({
  name: "database",
  health: "down",
  words: "down",
  last: { at: 0, ok: false, value: null, detail: "refused" },
  summary: { checks: 4, availability: 0, median: null, p95: null },
});

Deno.test("formatTable() lines everything up", () => {
  assertEquals(
    formatTable([status({}), down]),
    `STATE   NAME      ADDRESS       CHECK       LAST   MEDIAN      P95  AVAILABLE  DETAIL
● up    web       127.0.0.1:80  connect  1.50 ms  1.25 ms  2.00 ms     75.0 %
✖ down  database  127.0.0.1:80  connect        –        –        –      0.0 %  refused
`,
  );
});

Deno.test("formatTable() lines up what is wider than it has characters", () => {
  const names = ["web", "データベース", "e\u0301te\u0301", "👩‍👩‍👧 home"];
  const rows = formatTable(names.map((name) => status({ name }))).split("\n")
    .slice(1, -1);
  const widths = rows.map((row) => stringWidth(row.split("127.")[0]));
  assertEquals(new Set(widths).size, 1, rows.join("\n"));
  const narrow = formatTable(
    names.map((name) => status({ name: name.repeat(5) })),
    { width: 30 },
  );
  for (const row of narrow.split("\n")) assert(stringWidth(row) <= 30, row);
});

Deno.test("formatTable() and formatAlert() write out what a terminal obeys or does not show", () => {
  const detail = "a\x1b[2J\u009b\u202eb\u200b\nc";
  const shown = "a\\u{1b}[2J\\u{9b}\\u{202e}b\\u{200b}\\u{a}c";
  const last = { at: 0, ok: false, value: null, detail };
  assert(formatTable([status({ last })], { width: 500 }).includes(shown));
  const alert: Alert = {
    ...{ at: 0, name: "web", address: "", health: "down", detail },
    downMs: undefined,
  };
  assert(formatAlert(alert).endsWith(`: ${shown}`));
});

Deno.test("formatTable() tells states apart without colors", () => {
  const states = [
    status({ health: "unknown", words: "unknown", last: undefined }),
    status({ words: "failing 1/3" }),
    status({ health: "down", words: "recovering 1/2" }),
  ];
  assertEquals(
    formatTable(states).split("\n").slice(1, -1).map((line) =>
      line.split("  ")[0]
    ),
    ["○ unknown", "◐ failing 1/3", "◐ recovering 1/2"],
  );
});

Deno.test("formatTable() does without columns where there is no room for them", () => {
  const headings = (width: number) =>
    formatTable([down], { width }).split("\n")[0].split(/ +/);
  assertEquals(headings(100).length, 9);
  assertEquals(headings(85), [
    "STATE",
    "NAME",
    "ADDRESS",
    "CHECK",
    "LAST",
    "AVAILABLE",
    "DETAIL",
  ]);
  assertEquals(headings(45), ["STATE", "NAME", "LAST", "DETAIL"]);
});

Deno.test("formatTable() cuts lines that are too long, colors left out of the count", () => {
  for (const color of [false, true]) {
    const lines = formatTable([down], { width: 30, color }).split("\n");
    // deno-lint-ignore no-control-regex
    const plain = lines.map((line) => line.replaceAll(/\x1b\[\d+m/g, ""));
    assertEquals(plain[1], "✖ down  database     –  refus…");
    assertEquals(plain[1].length, 30);
  }
});

Deno.test("formatTable() keeps the cursor where it is", () => {
  const detail = "\x1b[2Jgone\r\n\x9b1m";
  const text = formatTable([
    status({ last: { at: 0, ok: false, value: null, detail } }),
  ]);
  // deno-lint-ignore no-control-regex
  assertEquals(/[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/.test(text), false);
  assertEquals(text.split("\n").length, 3);
});

Deno.test("formatAlert() says when, what, where and why", () => {
  const alert: Alert = {
    at: Date.UTC(2026, 0, 2, 3, 4, 5),
    name: "web",
    address: "127.0.0.1:80",
    health: "down",
    detail: "refused",
    downMs: undefined,
  };
  assertEquals(
    formatAlert(alert),
    "2026-01-02 03:04:05Z DOWN web (127.0.0.1:80): refused",
  );
  assertEquals(
    formatAlert({ ...alert, health: "up", detail: "", downMs: 90_000 }),
    "2026-01-02 03:04:05Z UP web (127.0.0.1:80) after 1 min",
  );
  assertEquals(
    formatAlert({ ...alert, health: "up", detail: "" }),
    "2026-01-02 03:04:05Z UP web (127.0.0.1:80)",
  );
});
