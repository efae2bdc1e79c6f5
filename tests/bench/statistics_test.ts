import {
  assertAlmostEquals,
  assertEquals,
  assertGreater,
  assertThrows,
} from "@std/assert";
import {
  chanceOf,
  isClear,
  orderOfRound,
  ratiosOf,
  summarize,
} from "../../bench/harness/statistics.ts";
import { Histogram } from "../../bench/load/histogram.ts";

Deno.test("summarize() takes the middle, or the mean of both middles", () => {
  assertEquals(summarize([9, 1, 5]), { median: 5, least: 1, most: 9 });
  assertEquals(summarize([10, 2, 4, 8]), { median: 6, least: 2, most: 10 });
  assertEquals(summarize([7]), { median: 7, least: 7, most: 7 });
  assertThrows(() => summarize([]), RangeError, "got none");
});

Deno.test("ratiosOf() compares within rounds, and skips those that failed", () => {
  assertEquals(
    ratiosOf([2, undefined, 9, 4, 1], [1, 5, 3, undefined, 0]),
    [2, 3],
  );
});

Deno.test("chanceOf() is the two-sided sign test", () => {
  const ratios = (below: number, above: number) => [
    ...Array(below).fill(0.9),
    ...Array(above).fill(1.1),
  ];
  assertEquals(chanceOf([]), 1);
  assertEquals(chanceOf([1, 1, 1]), 1);
  assertEquals(chanceOf(ratios(2, 2)), 1);
  assertEquals(chanceOf(ratios(7, 0)), 2 / 128);
  assertEquals(chanceOf(ratios(0, 7)), 2 / 128);
  assertAlmostEquals(chanceOf(ratios(8, 1)), 20 / 512);
  assertAlmostEquals(chanceOf(ratios(3, 12)), 2 * 576 / 32768);
  // Around another limit they fall otherwise; what equals it does not count.
  assertEquals(chanceOf([0.9, 0.9, 1.1], 1), 1);
  assertEquals(chanceOf([0.9, 0.9, 1.1], 1.2), 2 / 8);
  assertEquals(chanceOf([0.9, 0.9, 1.1], 1.1), 2 / 4);
});

Deno.test("isClear() leaves to chance what it does more than once in twenty", () => {
  const values = (below: number, above: number) => [
    ...Array(below).fill(1.04),
    ...Array(above).fill(1.06),
  ];
  assertEquals(isClear(values(5, 0), 1.05), false);
  assertEquals(isClear(values(6, 0), 1.05), true);
  assertEquals(isClear(values(7, 1), 1.05), false);
  assertEquals(isClear(values(1, 8), 1.05), true);
  assertEquals(isClear(values(1, 8), 1), true);
  assertEquals(isClear([]), false);
});

Deno.test("orderOfRound() keeps everyone, and changes who runs first and after whom", () => {
  const items = ["a", "b", "c", "d"];
  const orders = [0, 1, 2, 3].map((round) => orderOfRound(items, round));
  assertEquals(orders[0], items);
  for (const order of orders) assertEquals(order.toSorted(), items);
  assertEquals(new Set(orders.map(([first]) => first)).size > 1, true);
  assertEquals(orders[1].indexOf("b") > orders[1].indexOf("c"), true);
  assertEquals(orderOfRound([], 3), []);
});

Deno.test("orderOfRound() lets each of two run first as often as the other", () => {
  const first = [0, 1, 2, 3].map((round) => orderOfRound(["a", "b"], round)[0]);
  assertEquals(first, ["a", "b", "b", "a"]);
});

Deno.test("Histogram gives quantiles within its width, from 10 µs to a minute", () => {
  const histogram = new Histogram();
  for (let at = 1; at <= 1_000; at++) histogram.add(at / 10);
  for (const [share, expected] of [[0.5, 50], [0.99, 99], [1, 100]]) {
    const quantile = histogram.quantile(share)!;
    assertGreater(0.023, Math.abs(quantile / expected - 1));
  }
  for (const ms of [0.01, 1, 60_000]) {
    const one = new Histogram();
    one.add(ms);
    assertGreater(0.023, Math.abs(one.quantile(0.5)! / ms - 1));
  }
});

Deno.test("Histogram survives times that no bucket is for", () => {
  const histogram = new Histogram();
  for (const ms of [0, 1e-9, 1e12]) histogram.add(ms);
  assertEquals(histogram.total, 3);
  assertEquals(histogram.quantile(0)! < 0.0011, true);
});

Deno.test("Histogram merges what other processes counted", () => {
  const [left, right, both] = [
    new Histogram(),
    new Histogram(),
    new Histogram(),
  ];
  for (const ms of [1, 2, 3]) left.add(ms), both.add(ms);
  for (const ms of [100, 200]) right.add(ms), both.add(ms);
  const merged = new Histogram();
  assertEquals(merged.quantile(0.5), undefined);
  merged.merge(JSON.parse(JSON.stringify(left)));
  merged.merge(right.toJSON());
  assertEquals(merged.toJSON(), both.toJSON());
  assertEquals(merged.total, 5);
  assertEquals(merged.quantile(0.99), both.quantile(0.99));
});
