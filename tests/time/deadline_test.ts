import { assert, assertEquals, assertThrows } from "@std/assert";
import { TimeoutError } from "../../lib/errors.ts";
import { checkCall } from "../../lib/time/call_limits.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { FakeTime } from "./_fake_time.ts";

Deno.test("Deadline.after() starts no timer until its signal is asked for", () => {
  using time = FakeTime.install();
  using deadline = Deadline.after(1_000);
  assertEquals(deadline.remainingMs, 1_000);
  assertEquals(deadline.timeoutMs, 1_000);
  assertEquals(time.pending, 0);
  const { signal } = deadline;
  assertEquals(time.pending, 1);
  assert(deadline.signal === signal);
  assertEquals(time.pending, 1);
});

Deno.test("Deadline expires when its time is over", () => {
  using time = FakeTime.install();
  using deadline = Deadline.after(1_000);
  time.advance(999);
  assertEquals([deadline.remainingMs, deadline.expired], [1, false]);
  time.advance(1);
  assertEquals([deadline.remainingMs, deadline.expired], [0, true]);
  time.advance(1);
  assertEquals(deadline.remainingMs, 0);
});

Deno.test("Deadline.signal aborts with a TimeoutError when the time is over", () => {
  using time = FakeTime.install();
  using deadline = Deadline.after(1_000);
  const { signal } = deadline;
  time.advance(999);
  assertEquals(signal.aborted, false);
  time.advance(1);
  assertEquals(signal.aborted, true);
  assert(signal.reason instanceof TimeoutError);
  assertEquals(signal.reason.timeoutMs, 1_000);
  assertEquals(time.pending, 0);
});

Deno.test("Deadline.signal has aborted at once where the time is over already", () => {
  using time = FakeTime.install();
  using deadline = Deadline.after(10);
  time.advance(10);
  assert(deadline.signal.reason instanceof TimeoutError);
  assertEquals(time.pending, 0);
});

Deno.test("Deadline.signal follows the given signal with its reason", () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  using deadline = Deadline.after(1_000, { signal: controller.signal });
  const { signal } = deadline;
  controller.abort("quit");
  assertEquals(signal.reason, "quit");
  assertEquals([deadline.expired, deadline.remainingMs], [true, 0]);
  assertEquals(time.pending, 0);
});

Deno.test("Deadline.signal follows a signal that aborted before it was asked for", () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  using deadline = Deadline.after(1_000, { signal: controller.signal });
  controller.abort("quit");
  assertEquals(deadline.expired, true);
  assertEquals(deadline.signal.reason, "quit");
  assertEquals(time.pending, 0);
});

Deno.test("Deadline.extend() moves the end of a running signal", () => {
  using time = FakeTime.install();
  using deadline = Deadline.after(1_000);
  const { signal } = deadline;
  time.advance(900);
  assertEquals(deadline.extend(500), true);
  assertEquals([deadline.remainingMs, deadline.timeoutMs], [600, 1_500]);
  time.advance(599);
  assertEquals(signal.aborted, false);
  time.advance(1);
  assertEquals(signal.reason.timeoutMs, 1_500);
});

Deno.test("Deadline.extend() leaves an expired deadline expired", () => {
  using time = FakeTime.install();
  for (const ask of [true, false]) {
    using deadline = Deadline.after(1_000);
    if (ask) deadline.signal;
    // The loop was busy: the time is over, and the timer has not run yet.
    time.current += 1_000;
    assertEquals(deadline.extend(500), false);
    assertEquals(deadline.expired, true);
    assertEquals(deadline.signal.aborted, true);
    assertEquals(time.pending, 0);
  }
  const controller = new AbortController();
  using deadline = Deadline.after(1_000, { signal: controller.signal });
  controller.abort();
  assertEquals(deadline.extend(500), false);
});

Deno.test("Deadline.dispose() stops the timer and lets go of the signal", () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  const { signal: parent } = controller;
  const listeners = new Set<unknown>();
  parent.addEventListener = (_: string, listener: unknown) =>
    void listeners.add(listener);
  parent.removeEventListener = (_: string, listener: unknown) =>
    void listeners.delete(listener);

  const deadline = Deadline.after(1_000, { signal: parent });
  assertEquals(listeners.size, 0);
  const { signal } = deadline;
  assertEquals(listeners.size, 1);
  deadline.dispose();
  deadline[Symbol.dispose]();
  assertEquals(listeners.size, 0);
  assertEquals(time.pending, 0);
  time.advance(2_000);
  assertEquals(signal.aborted, false);
  assertEquals(deadline.expired, true, "it still tells the time");
});

Deno.test("Deadline that was disposed starts no timer for its signal", () => {
  using time = FakeTime.install();
  const deadline = Deadline.after(1_000);
  deadline.dispose();
  assertEquals(deadline.signal.aborted, false);
  assertEquals(time.pending, 0);
});

Deno.test("Deadline without an end never expires by itself", () => {
  using time = FakeTime.install();
  const controller = new AbortController();
  using deadline = Deadline.after(Infinity, { signal: controller.signal });
  const { signal } = deadline;
  time.advance(1e12);
  assertEquals([deadline.remainingMs, signal.aborted], [Infinity, false]);
  assertEquals(time.pending, 0);
  controller.abort("quit");
  assertEquals(signal.reason, "quit");
});

Deno.test("Deadline may lie further away than setTimeout can count", () => {
  using time = FakeTime.install();
  using deadline = Deadline.after(2 ** 31 + 1_000);
  const { signal } = deadline;
  time.advance(2 ** 31 + 999);
  assertEquals(signal.aborted, false);
  time.advance(1);
  assertEquals(signal.aborted, true);
});

Deno.test("Deadline rejects bad durations at once", () => {
  using deadline = Deadline.after(0);
  for (const ms of [-1, NaN, -Infinity]) {
    assertThrows(
      () => Deadline.after(ms),
      RangeError,
      `Cannot start a deadline: ms must be at least 0, got ${ms}`,
    );
    assertThrows(() => deadline.extend(ms), RangeError, "extend the deadline");
  }
  for (const ms of ["1", undefined, null, 1n]) {
    assertThrows(() => Deadline.after(ms as never), TypeError, "be a number");
    assertThrows(() => deadline.extend(ms as never), TypeError, "be a number");
  }
});

Deno.test("Deadline ends with the deadline around it", () => {
  using time = FakeTime.install();
  using outer = Deadline.after(100);
  using longer = Deadline.after(1_000, { deadline: outer });
  using shorter = Deadline.after(50, { deadline: outer });
  using innermost = Deadline.after(Infinity, { deadline: longer });
  const signals = [longer, shorter, innermost].map(({ signal }) => signal);
  assertEquals([longer.remainingMs, shorter.remainingMs], [100, 50]);
  time.advance(60);
  assertEquals(signals.map(({ aborted }) => aborted), [false, true, false]);
  outer.extend(100);
  time.advance(60);
  assertEquals(signals.map(({ aborted }) => aborted), [false, true, false]);
  time.advance(80);
  assertEquals(signals.map(({ aborted }) => aborted), [true, true, true]);
  // Of what has ended, not of what was given.
  assertEquals(signals.map(({ reason }) => reason.timeoutMs), [200, 50, 200]);
  assertEquals(longer.extend(1_000), false);
  assertEquals(time.pending, 0);
});

Deno.test("Deadline ends with a signal of the deadline around it", () => {
  const first = new AbortController();
  const second = new AbortController();
  const outer = Deadline.after(60_000, { signal: first.signal });
  using inner = Deadline.after(60_000, {
    signal: second.signal,
    deadline: outer,
  });
  using other = Deadline.after(60_000, { deadline: outer });
  second.abort("second");
  assertEquals([inner.expired, outer.expired, other.expired], [
    true,
    false,
    false,
  ]);
  assertEquals(inner.signal.reason, "second");
  const { signal } = other;
  first.abort("first");
  assertEquals([signal.reason, outer.signal.reason], ["first", "first"]);
  try {
    checkCall("read", { deadline: other });
    assert(false, "it began");
  } catch (reason) {
    assertEquals(reason, "first");
  }
});
