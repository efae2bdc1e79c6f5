import { deepStrictEqual } from "node:assert/strict";
import { summarize } from "./13_summary.ts";

Deno.test("summarize() is not misled by one slow answer", () => {
  const times = [1, 1, 1, 1, 1, 1, 1, 1, 1, 1_000];
  deepStrictEqual(summarize(times), { median: 1, p99: 1_000 });
});

Deno.test("summarize() sorts numbers as numbers, and changes nothing", () => {
  const times = [9, 10, 100, 8];
  deepStrictEqual(summarize(times), { median: 9, p99: 100 });
  deepStrictEqual(times, [9, 10, 100, 8]);
  const many = Array.from({ length: 200 }, (_, index) => 200 - index);
  deepStrictEqual(summarize(many), { median: 100, p99: 198 });
});
