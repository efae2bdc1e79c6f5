import {
  assertEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Pool, reconnect, Requests } from "../../lib/client/mod.ts";
import { lines } from "../../lib/codec/lines.ts";
import { datagram } from "../../lib/datagram/datagram.ts";
import { TimeoutError } from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { memoryNetwork } from "../../lib/testing/memory_network.ts";
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

Deno.test("limits with getters are read once for a wait, and what is wrong by then ends it", async () => {
  const [left, right] = memoryPair();
  const signals = {
    get signal() {
      return AbortSignal.timeout(5);
    },
  };
  await assertRejects(() => left.read(signals), DOMException, "timeout");
  const deadlines = {
    get deadline() {
      return Deadline.after(5);
    },
  };
  await assertRejects(() => left.read(deadlines), TimeoutError, "read");
  const controller = new AbortController();
  const { signal } = controller;
  for (const [second, error] of [[-1, RangeError], ["1", TypeError]] as const) {
    const times = {
      count: 0,
      signal,
      get timeoutMs() {
        return (this.count++ === 0 ? 60_000 : second) as number;
      },
    };
    Object.defineProperty(times, "count", { enumerable: false });
    await assertRejects(() => left.read(times), error, "limitMs must be");
    times.count = 0;
    await assertRejects(() => sleep(60_000, times), error, "limitMs must be");
  }
  await using pool = new Pool({ open: () => ({}), max: 1 });
  await using _lease = await pool.acquire();
  let count = 0;
  const gone = {
    get timeoutMs(): number {
      if (count++ === 0) return 60_000;
      throw new Error("gone");
    },
  };
  await assertRejects(() => pool.acquire(gone), Error, "gone");
  // Nothing is left of them, nor of the signal beside them.
  const reading = left.read();
  controller.abort();
  await right.write("x");
  assertEquals((await reading)?.length, 1);
  left.abort();
});

Deno.test("a signal that aborts with a TimeoutError is no time that has passed", async () => {
  const reason = new TimeoutError("wait for something else", 5);
  const signal = AbortSignal.abort(reason);
  const rejects = async (call: (options: CallOptions) => Promise<unknown>) => {
    const error = await assertRejects(() => call({ signal }));
    assertStrictEquals(error, reason);
  };
  const [left, right] = memoryPair();
  await rejects((options) => left.close(options));
  const requests = new Requests(framed(right, lines()), { match: "order" });
  await rejects((options) => requests.close(options));
  const pool = new Pool({ open: () => ({}), max: 1 });
  await pool.acquire();
  const controller = new AbortController();
  const acquiring = pool.acquire({ signal: controller.signal });
  controller.abort(reason);
  assertStrictEquals(await assertRejects(() => acquiring), reason);
  assertEquals(pool.stats.timeouts, 0);
  await rejects((options) => pool.close(options));
  const link = reconnect({ open: () => ({}) }, () => new Promise(() => {}));
  await link.connected();
  await rejects((options) => link.close(options));
  const backend = memoryNetwork().datagrams();
  const udp = await datagram({ port: 0, backend });
  await rejects((options) => udp.close(options));

  // With an error of its own beside it.
  const down = new Error("down");
  await using failing = reconnect({
    open: () => Promise.reject(down),
    retry: { minDelayMs: 60_000, jitter: 0, retryIf: () => true },
  }, () => {});
  await new Promise((resolve) => {
    failing.onEvent = ({ type }) => type === "waiting" && resolve(type);
  });
  const late = new AbortController();
  const waiting = failing.connected({ signal: late.signal });
  late.abort(reason);
  assertStrictEquals(await assertRejects(() => waiting), reason);
});
