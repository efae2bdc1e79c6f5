import { assert, assertEquals } from "@std/assert";
import { same } from "../../../examples/game/arena.ts";
import { simulate } from "../../../examples/game/simulation.ts";

const timeout = 60_000;

Deno.test("a match over a simulated network is the same for the same seed", {
  timeout,
}, async () => {
  const weather = {
    latencyMs: 80,
    jitterMs: 40,
    lossRate: 0.05,
    resetEveryMs: 3_000,
  };
  const first = await simulate(4, weather);
  assertEquals(await simulate(4, weather), first);
  assert(first.winner === "ann" || first.winner === "bob");
  assertEquals(first.gems[first.winner], 20);
});

Deno.test("prediction shows a move many ticks before the server confirms it", {
  timeout,
}, async () => {
  const { moments, confirmedAfterMs, moves, corrections } = await simulate(1, {
    latencyMs: 200,
  });
  assertEquals(confirmedAfterMs, 500);
  assert(corrections < moves / 10, `${corrections} of ${moves}`);
  // What the screen shows now is what comes back five ticks later.
  let right = 0;
  for (let i = 5; i < moments.length; i++) {
    if (same(moments[i - 5].shown, moments[i].confirmed)) right++;
  }
  assert(right > 0.8 * (moments.length - 5), `${right} of ${moments.length}`);
});

Deno.test(
  "a player comes back after resets, with all of its gems",
  { timeout },
  async () => {
    const report = await simulate(2, { latencyMs: 50, resetEveryMs: 2_000 });
    assert(report.reconnects >= 3, `${report.reconnects} reconnects`);
    assert(report.winner !== undefined);
    assert(report.gems.ann > 5 && report.gems.bob > 5);
  },
);

Deno.test("loss is a pause, not an end", { timeout }, async () => {
  const report = await simulate(3, { latencyMs: 50, lossRate: 0.2 });
  assertEquals(report.reconnects, 0);
  assert(report.slowestMs > 300, `slowest ${report.slowestMs} ms`);
  assert(report.winner !== undefined);
});
