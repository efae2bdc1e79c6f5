import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertThrows,
} from "@std/assert";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { RateMeter } from "../../lib/traffic/rate_meter.ts";

/** A meter and its clock. */
function meterAt(options: { windowMs?: number; averageMs?: number } = {}) {
  const clock = { nowMs: 1_000, calls: 0 };
  const now = () => {
    clock.calls++;
    return clock.nowMs;
  };
  return { clock, meter: new RateMeter({ ...options, now }) };
}

/** Adds `bytes` every 10 ms for `ms`. */
function run(
  { clock, meter }: ReturnType<typeof meterAt>,
  ms: number,
  bytes: number,
): void {
  for (let passed = 0; passed < ms; passed += 10) {
    meter.add(bytes);
    clock.nowMs += 10;
  }
}

Deno.test("RateMeter says nothing but zero before anything moved", () => {
  const { clock, meter } = meterAt();
  for (const later of [0, 1, 60_000]) {
    clock.nowMs += later;
    assertEquals(meter.totalBytes, 0);
    assertEquals(meter.bytesPerSecond, 0);
    assertEquals(meter.meanBytesPerSecond, 0);
    assertEquals(meter.peakBytesPerSecond, 0);
    assertEquals(meter.averageBytesPerSecond, 0);
  }
});

Deno.test("RateMeter tells an even rate in all four ways", () => {
  for (const ms of [100, 1_000, 5_000, 60_000]) {
    const each = meterAt();
    run(each, ms, 500);
    const { meter } = each;
    assertEquals(meter.totalBytes, ms * 50);
    assertAlmostEquals(meter.bytesPerSecond, 50_000, 1);
    assertAlmostEquals(meter.meanBytesPerSecond, 50_000, 1);
    assertAlmostEquals(meter.peakBytesPerSecond, 50_000, 1);
    assertAlmostEquals(meter.averageBytesPerSecond, 50_000, 1);
  }
});

Deno.test("RateMeter follows a change: now at once, the average slowly, the peak never down", () => {
  const each = meterAt();
  const { clock, meter } = each;
  run(each, 10_000, 1_000);
  run(each, 2_000, 100);
  assertAlmostEquals(meter.bytesPerSecond, 10_000, 1);
  assertAlmostEquals(meter.peakBytesPerSecond, 100_000, 1);
  assertAlmostEquals(meter.meanBytesPerSecond, 1_020_000 / 12, 1);
  const average = meter.averageBytesPerSecond;
  // Weights by age, e-folding in ten seconds, of what there was.
  const kept = Math.exp(-0.2);
  const early = (1 - Math.exp(-1)) * kept;
  const late = 1 - kept;
  const due = (early * 100_000 + late * 10_000) / (early + late);
  assertAlmostEquals(average, due, due * 0.01);
  clock.nowMs += 10_000;
  assertEquals(meter.bytesPerSecond, 0);
  assertAlmostEquals(meter.peakBytesPerSecond, 100_000, 1);
  assert(meter.averageBytesPerSecond < average / 2);
});

Deno.test("RateMeter finds the peak between two looks", () => {
  const each = meterAt();
  const { meter } = each;
  run(each, 3_000, 10);
  run(each, 1_000, 5_000);
  run(each, 30_000, 10);
  const peak = meter.peakBytesPerSecond;
  assert(Math.abs(peak / 500_000 - 1) < 0.05, `${peak}`);
});

Deno.test("RateMeter forgets a window that is over, however long ago", () => {
  for (const pauseMs of [999, 1_050, 2_000, 1e9]) {
    const { clock, meter } = meterAt();
    meter.add(1_000);
    clock.nowMs += pauseMs;
    const due = pauseMs < 1_000 ? 1_000 * 1_000 / pauseMs : 0;
    assertAlmostEquals(meter.bytesPerSecond, due, 0.001);
    assertEquals(meter.totalBytes, 1_000);
  }
});

Deno.test("RateMeter never takes the time that is not over for a window", () => {
  const { clock, meter } = meterAt();
  meter.add(1_000);
  // A moment later a division by it would say millions.
  clock.nowMs += 0.001;
  assertEquals(meter.bytesPerSecond, 1_000 * 1_000 / 50);
  assertEquals(meter.meanBytesPerSecond, 20_000);
});

Deno.test("RateMeter keeps to its window and its smoothing", () => {
  const each = meterAt({ windowMs: 100, averageMs: 200 });
  const { meter } = each;
  run(each, 1_000, 100);
  run(each, 200, 0);
  assertEquals(meter.bytesPerSecond, 0);
  assertAlmostEquals(meter.averageBytesPerSecond, 10_000 / Math.E, 200);
});

Deno.test("RateMeter asks the clock once for an add", () => {
  const { clock, meter } = meterAt();
  const before = clock.calls;
  for (let i = 0; i < 1_000; i++) meter.add(1);
  assertEquals(clock.calls - before, 1_000);
});

Deno.test("RateMeter stands a clock that is set back", () => {
  const each = meterAt();
  const { clock, meter } = each;
  run(each, 2_000, 100);
  clock.nowMs -= 1_500;
  meter.add(100);
  const rates = [
    meter.bytesPerSecond,
    meter.meanBytesPerSecond,
    meter.peakBytesPerSecond,
    meter.averageBytesPerSecond,
  ];
  for (const rate of rates) assert(rate >= 0 && rate < 20_000, `${rates}`);
  clock.nowMs += 1_500;
  run(each, 2_000, 100);
  assertAlmostEquals(meter.bytesPerSecond, 10_000, 1);
});

Deno.test("RateMeter counts what was moved before it was made for the mean alone", () => {
  const meter = new RateMeter({
    startBytes: 5_000,
    startedAtMs: 0,
    now: () => 10_000,
  });
  assertEquals(meter.totalBytes, 5_000);
  assertEquals(meter.meanBytesPerSecond, 500);
  assertEquals(meter.bytesPerSecond, 0);
});

Deno.test("RateMeter measures with the clock of the process by default", async () => {
  using clock = fakeClock();
  const meter = new RateMeter();
  for (let i = 0; i < 20; i++) {
    meter.add(50);
    await clock.advance(50);
  }
  assertAlmostEquals(meter.bytesPerSecond, 1_000, 60);
});

Deno.test("RateMeter refuses times that are not", () => {
  assertThrows(
    () => new RateMeter({ windowMs: 0 }),
    RangeError,
    "Cannot measure a rate: windowMs must be from 1 to 9007199254740991, got 0",
  );
  // Of a window without an end all rates would be NaN.
  assertThrows(() => new RateMeter({ windowMs: Infinity }), RangeError);
  assertThrows(() => new RateMeter({ averageMs: NaN }), RangeError);
  const text = "1" as unknown as number;
  assertThrows(() => new RateMeter({ windowMs: text }), TypeError);
});

Deno.test("RateMeter refuses what cannot be counted, and goes on", () => {
  const meter = new RateMeter({ now: () => 0 });
  for (const bytes of [NaN, -1, Infinity]) {
    assertThrows(() => meter.add(bytes), RangeError, "bytes must be from 0");
  }
  assertThrows(() => meter.add("7" as unknown as number), TypeError);
  meter.add(7);
  assertEquals(meter.totalBytes, 7);
});

Deno.test("Socket.stats measures both rates from when they are first asked for", async () => {
  using clock = fakeClock();
  const [left, right] = memoryPair();
  await left.write(new Uint8Array(1_000));
  await right.readExactly(1_000);
  await clock.advance(1_000);
  const { readRate } = right.stats;
  const { writeRate } = left.stats;
  assert(right.stats.readRate === readRate);
  for (const rate of [readRate, writeRate]) {
    assertEquals(rate.totalBytes, 1_000);
    assertAlmostEquals(rate.meanBytesPerSecond, 1_000, 5);
    assertEquals(rate.bytesPerSecond, 0);
  }
  for (let i = 0; i < 40; i++) {
    await left.write(new Uint8Array(200));
    await right.readExactly(200);
    await clock.advance(50);
  }
  for (const rate of [readRate, writeRate]) {
    assertEquals(rate.totalBytes, 9_000);
    assertAlmostEquals(rate.bytesPerSecond, 4_000, 210);
    assertAlmostEquals(rate.meanBytesPerSecond, 3_000, 10);
  }
  assertEquals(left.stats.readRate.totalBytes, 0);
  left.abort();
  right.abort();
});
