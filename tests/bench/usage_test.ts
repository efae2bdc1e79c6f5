import { assertEquals, assertGreater } from "@std/assert";
import { parseProc, parsePs, usageOf } from "../../bench/harness/usage.ts";

Deno.test("parseProc() is not misled by the program's name", () => {
  const rest = "S 1 2 3 0 -1 4194304 100 0 0 0 150 50 7 8 20 0 1 0 100 1 1";
  const status =
    "Name:\tx\nVmHWM:\t  999 kB\nVmRSS:\t    1234 kB\nThreads:\t3\n";
  const expected = { cpuMs: 2_000, residentKiB: 1234 };
  assertEquals(parseProc(`42 (deno) ${rest}`, status), expected);
  assertEquals(parseProc(`42 (a) S 9 (b) ${rest}`, status), expected);
});

Deno.test("parsePs() reads minutes, hours and days", () => {
  const residentKiB = 2048;
  assertEquals(parsePs("  0:01.25   2048\n"), { cpuMs: 1_250, residentKiB });
  assertEquals(parsePs("00:01:02 2048"), { cpuMs: 62_000, residentKiB });
  assertEquals(parsePs("1-01:00:01 2048"), { cpuMs: 90_001_000, residentKiB });
  assertEquals(parsePs(""), undefined);
});

Deno.test("usageOf() knows what this process has used", {
  ignore: Deno.build.os === "windows",
  timeout: 10_000,
}, async () => {
  const before = await usageOf(Deno.pid);
  const until = performance.now() + 60;
  while (performance.now() < until);
  const after = await usageOf(Deno.pid);
  assertGreater(after!.cpuMs, before!.cpuMs);
  assertGreater(after!.residentKiB, 10_000);
});
