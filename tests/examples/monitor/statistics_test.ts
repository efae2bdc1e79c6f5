import { assertEquals } from "@std/assert";
import {
  formatDuration,
  formatShare,
  formatValue,
  percentile,
  type Sample,
  summarize,
} from "../../../examples/monitor/statistics.ts";

function sample(value: number | null, ok = value !== null): Sample {
  return { at: 0, ok, value, detail: "" };
}

Deno.test("percentile() gives a value that was measured, by nearest rank", () => {
  const sorted = [15, 20, 35, 40, 50];
  assertEquals(
    [0, 5, 30, 40, 50, 95, 100].map((percent) => percentile(sorted, percent)),
    [15, 15, 20, 20, 35, 50, 50],
  );
  assertEquals(percentile([7], 50), 7);
  assertEquals(percentile([], 50), null);
});

Deno.test("summarize() counts failures, but does not take them for zeros", () => {
  const values = [30, null, 10, 20, null];
  assertEquals(summarize(values.map((value) => sample(value))), {
    checks: 5,
    availability: 0.6,
    median: 20,
    p95: 30,
  });
});

Deno.test("summarize() sorts by size, not by spelling", () => {
  assertEquals(
    summarize([100, 9, 20, 3].map((each) => sample(each))).median,
    9,
  );
});

Deno.test("summarize() keeps the value of a failure that has one", () => {
  const { availability, median } = summarize([sample(6, false)]);
  assertEquals([availability, median], [0, 6]);
});

Deno.test("summarize() of nothing is nothing", () => {
  assertEquals(summarize([]), {
    checks: 0,
    availability: null,
    median: null,
    p95: null,
  });
});

Deno.test("formatValue() gives three digits and the unit", () => {
  assertEquals(
    [0.123, 1.234, 12.34, 123.4, 1234.5].map((each) => formatValue(each, "ms")),
    ["0.12 ms", "1.23 ms", "12.3 ms", "123 ms", "1235 ms"],
  );
  assertEquals(formatValue(5.9, "days"), "6 days");
  assertEquals(formatValue(null, "ms"), "–");
});

Deno.test("formatShare() does not round a failure away", () => {
  assertEquals(
    [1, 0.9999, 0.5, 0, null].map(formatShare),
    ["100 %", "99.9 %", "50.0 %", "0.0 %", "–"],
  );
});

Deno.test("formatDuration() uses the unit that fits", () => {
  assertEquals(
    [4_000, 59_400, 60_000, 3_599_000, 3_660_000, 200_000_000].map(
      formatDuration,
    ),
    ["4 s", "59 s", "1 min", "59 min", "1 h 1 min", "2 days"],
  );
});
