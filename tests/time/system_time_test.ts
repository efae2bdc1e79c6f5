import { assertEquals } from "@std/assert";
import { Timer } from "../../lib/time/system_time.ts";
import { FakeTime } from "./_fake_time.ts";

Deno.test("Timer that is stopped while setTimeout runs leaves nothing behind", () => {
  using time = FakeTime.install();
  const { setTimeout } = globalThis;
  let ended = false;
  const timer = new Timer(() => ended = true);
  globalThis.setTimeout = ((callback: () => void, ms: number) => {
    timer.stop();
    return setTimeout(callback, ms);
  }) as typeof setTimeout;
  timer.start(10);
  assertEquals(time.pending, 0);
  time.advance(20);
  assertEquals(ended, false);
});

Deno.test("Timer that fires early by the clock waits for the rest", () => {
  using time = FakeTime.install();
  const { setTimeout } = globalThis;
  let endedAt = 0;
  const start = time.now();
  globalThis.setTimeout =
    ((callback: () => void, ms: number) =>
      setTimeout(callback, ms - 0.4)) as typeof setTimeout;
  new Timer(() => endedAt = time.now()).start(10);
  time.advance(9.9);
  assertEquals(endedAt, 0);
  time.advance(5);
  assertEquals(endedAt >= start + 10, true);
  assertEquals(time.pending, 0);
});

Deno.test("Timer that was stopped may be stopped again", () => {
  using time = FakeTime.install();
  const timer = new Timer(() => {});
  timer.stop();
  timer.start(10);
  timer.stop();
  timer.stop();
  assertEquals(time.pending, 0);
});
