import { assertRejects, assertThrows } from "@std/assert";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import type { CallOptions } from "../../lib/time/call_limits.ts";
import {
  Deadline,
  interval,
  retry,
  sleep,
  withTimeout,
} from "../../lib/time/mod.ts";

/** Options of the wrong kind, and what must be said of them. */
const WRONG: [unknown, string][] = [
  [null, "options must be an object, got null"],
  [7, "options must be an object, got 7"],
  [[], "options must be an object, got an array of 0"],
  [{ signal: null }, "signal must be an AbortSignal, got null"],
  [{ signal: "x" }, 'signal must be an AbortSignal, got "x"'],
  [
    { signal: new AbortController() },
    "signal must be an AbortSignal, got an AbortController",
  ],
  [{ deadline: 100 }, "deadline must be a Deadline, got 100"],
  [{ deadline: null }, "deadline must be a Deadline, got null"],
  [{ deadline: new Date(0) }, "deadline must be a Deadline, got a Date"],
];

Deno.test("every call that waits refuses limits of the wrong kind, and names them", async () => {
  for (const [wrong, text] of WRONG) {
    const options = wrong as CallOptions;
    using left = memoryPair()[0];
    const calls: [string, () => Promise<unknown>][] = [
      ["sleep", () => sleep(1, options)],
      ["run the task", () => withTimeout(1_000, () => 1, options)],
      ["retry", () => retry(() => 1, options)],
      ["read", () => left.read(options)],
      ["readInto", () => left.readInto(new Uint8Array(1), options)],
      ["write", () => left.write("x", options)],
      ["flush", () => left.flush(options)],
      ["closeWrite", () => left.closeWrite(options)],
      ["close", () => left.close(options)],
    ];
    for (const [action, call] of calls) {
      await assertRejects(call, TypeError, `Cannot ${action}: ${text}`);
    }
    assertThrows(() => interval(1, options), TypeError, `Cannot tick: ${text}`);
    assertThrows(
      () => Deadline.after(1, options),
      TypeError,
      `Cannot start a deadline: ${text}`,
    );
  }
});

Deno.test("retry() takes whole attempts alone", async () => {
  for (const attempts of [1.5, NaN, 0, -1]) {
    await assertRejects(
      () => retry(() => 1, { attempts }),
      RangeError,
      "Cannot retry: attempts must be an integer of at least 1, or Infinity, got",
    );
  }
});

Deno.test("retry() refuses delays that are no numbers, and names them", async () => {
  for (const minDelayMs of [1n, "1", null, {}]) {
    await assertRejects(
      () => retry(() => 1, { minDelayMs: minDelayMs as never }),
      TypeError,
      "Cannot retry: minDelayMs must be a number, got",
    );
  }
});
