import { assertEquals } from "@std/assert";
import { FloodGuard, type Verdict } from "../../examples/_flood_guard.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";

/** How many of each verdict a number of lines gets. */
function judge(
  guard: FloodGuard,
  lines: number,
): Partial<Record<Verdict, number>> {
  const counts: Partial<Record<Verdict, number>> = {};
  for (let i = 0; i < lines; i++) {
    const verdict = guard.judge();
    counts[verdict] = (counts[verdict] ?? 0) + 1;
  }
  return counts;
}

Deno.test("FloodGuard passes two seconds' worth at once, and warns once", () => {
  using _ = fakeClock();
  const guard = new FloodGuard(5);
  assertEquals(judge(guard, 20), { pass: 10, warn: 1, refuse: 9 });
});

Deno.test("FloodGuard passes its rate in the long run", async () => {
  using clock = fakeClock();
  const guard = new FloodGuard(5);
  judge(guard, 10);
  let passed = 0;
  for (let ms = 0; ms < 10_000; ms += 50) {
    await clock.advance(50);
    if (guard.judge() === "pass") passed++;
  }
  assertEquals(passed, 50);
});

Deno.test("FloodGuard cuts who does not stop, and forgives after a pause", async () => {
  using clock = fakeClock();
  const guard = new FloodGuard(1);
  assertEquals(judge(guard, 102), { pass: 2, warn: 1, refuse: 99 });
  await clock.advance(2_000);
  assertEquals(judge(guard, 103), { pass: 2, warn: 1, refuse: 99, cut: 1 });
});
