import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { seededRandom } from "../../lib/_random.ts";
import type { Lease } from "../../lib/client/lease.ts";
import { Pool } from "../../lib/client/pool.ts";
import type { PoolOptions } from "../../lib/client/pool_options.ts";
import { ClosedError, LimitError, TimeoutError } from "../../lib/errors.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect } from "../../lib/socket/connect.ts";
import { type FakeClock, fakeClock } from "../../lib/testing/fake_clock.ts";
import { memoryNetwork } from "../../lib/testing/memory_network.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { sleep } from "../../lib/time/sleep.ts";
import { isSettled, outcome, TIMEOUT, turn } from "../_support/sockets.ts";

/** A connection that only counts. */
class Connection {
  readonly id: number;
  isOpen = true;
  readonly #ended = Promise.withResolvers<void>();
  readonly closed = this.#ended.promise;

  constructor(id: number) {
    this.id = id;
  }

  /** The world ends it. */
  break(): void {
    this.isOpen = false;
    this.#ended.resolve();
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.break();
    return Promise.resolve();
  }
}

/** A pool whose connections are counted; `opens` holds those that are being opened. */
function countingPool(options: Partial<PoolOptions<Connection>> = {}) {
  const made: Connection[] = [];
  const pool = new Pool<Connection>({
    open() {
      const connection = new Connection(made.length + 1);
      made.push(connection);
      return connection;
    },
    ...options,
  });
  return { pool, made };
}

/** A pool whose connections open when the test says so. */
function manualPool(options: Partial<PoolOptions<Connection>> = {}) {
  const opens: PromiseWithResolvers<Connection>[] = [];
  const { pool } = countingPool({
    open() {
      const opening = Promise.withResolvers<Connection>();
      opens.push(opening);
      return opening.promise;
    },
    ...options,
  });
  return { pool, opens };
}

Deno.test("Pool opens what is asked for, and gives the one that was used last", async () => {
  const { pool, made } = countingPool({ max: 3 });
  assertEquals(pool.stats.total, 0);
  const leases = [await pool.acquire(), await pool.acquire()];
  assertEquals(leases.map(({ value }) => value.id), [1, 2]);
  leases[1].release();
  leases[0].release();
  for (let i = 0; i < 3; i++) {
    using lease = await pool.acquire();
    assertEquals(lease.value.id, 1);
  }
  assertEquals(made.length, 2);
  assertEquals([pool.stats.idle, pool.stats.leased], [2, 0]);
  assertEquals([pool.stats.opened, pool.stats.acquired], [2, 5]);
  await pool.close();
  assertEquals(made.map(({ isOpen }) => isOpen), [false, false]);
});

Deno.test("Pool serves callers in their order, and never opens more than max", async () => {
  const { pool, made } = countingPool({ max: 2 });
  const held = [await pool.acquire(), await pool.acquire()];
  const order: string[] = [];
  const waiting = ["first", "second", "third"].map(async (name) => {
    const lease = await pool.acquire();
    order.push(name);
    return lease;
  });
  await turn();
  assertEquals([pool.stats.waiting, pool.stats.total, order.length], [3, 2, 0]);
  for (const lease of held) lease.release();
  (await waiting[0]).release();
  for (const lease of await Promise.all(waiting)) lease.release();
  assertEquals(order, ["first", "second", "third"]);
  assertEquals(made.length, 2);
  await pool.close();
});

Deno.test("Pool lets a new call not overtake those that wait", async () => {
  const { pool } = countingPool({ max: 1 });
  const held = await pool.acquire();
  const first = pool.acquire();
  held.release();
  const second = pool.acquire();
  const lease = await first;
  assertEquals(await isSettled(second), false);
  lease.release();
  (await second).release();
  await pool.close();
});

Deno.test("Pool opens at most maxOpening at a time, and all that are needed", async () => {
  const { pool, opens } = manualPool({ max: 10, maxOpening: 2 });
  const calls = Array.from({ length: 5 }, () => pool.acquire());
  assertEquals([opens.length, pool.stats.opening], [2, 2]);
  for (let i = 0; i < 5; i++) {
    opens[i].resolve(new Connection(i));
    await turn();
    assertEquals(opens.length, Math.min(5, i + 3));
  }
  for (const lease of await Promise.all(calls)) lease.release();
  assertEquals(pool.stats.idle, 5);
  await pool.close();
});

Deno.test("Pool keeps the connection of a call that was cut off for the next one", async () => {
  const { pool, opens } = manualPool();
  const controller = new AbortController();
  const cut = pool.acquire({ signal: controller.signal });
  const reason = new Error("not needed any more");
  controller.abort(reason);
  assertStrictEquals(await outcome(cut), reason);
  assertEquals([pool.stats.waiting, pool.stats.opening], [0, 1]);
  const next = pool.acquire();
  // The one that is being opened is for it.
  assertEquals(opens.length, 1);
  const connection = new Connection(1);
  opens[0].resolve(connection);
  const lease = await next;
  assertStrictEquals(lease.value, connection);
  lease.release();
  await pool.close();
});

Deno.test("Pool tells one caller that opening failed, and tries again for the others", async () => {
  const { pool, opens } = manualPool({ max: 1 });
  const first = outcome(pool.acquire());
  const second = pool.acquire();
  const failure = new Error("refused");
  opens[0].reject(failure);
  assertStrictEquals(await first, failure);
  assertEquals(opens.length, 2);
  opens[1].resolve(new Connection(2));
  (await second).release();
  assertEquals(pool.stats.openErrors, 1);
  await pool.close();
});

Deno.test("Pool fails no caller for whom another connection is being opened", async () => {
  const { pool, opens } = manualPool({ max: 2 });
  const controller = new AbortController();
  const cut = outcome(pool.acquire({ signal: controller.signal }));
  const call = pool.acquire();
  controller.abort();
  await cut;
  opens[0].reject(new Error("refused"));
  await turn();
  assertEquals(opens.length, 2);
  opens[1].resolve(new Connection(2));
  (await call).release();
  await pool.close();
});

Deno.test("Pool passes on what open throws at once", async () => {
  const failure = new TypeError("no such port");
  const pool = new Pool({
    open: () => {
      throw failure;
    },
  });
  assertStrictEquals(await outcome(pool.acquire()), failure);
  await pool.close();
});

Deno.test("Pool limits the wait by acquireTimeoutMs, the call and its deadline", async () => {
  using clock = fakeClock();
  const { pool } = countingPool({ max: 1, acquireTimeoutMs: 1_000 });
  const lease = await pool.acquire();
  const byDefault = outcome(pool.acquire());
  const own = outcome(pool.acquire({ timeoutMs: 50 }));
  const whole = outcome(pool.acquire({ deadline: Deadline.after(200) }));
  await clock.advance(50);
  assertEquals(pool.stats.waiting, 2);
  await clock.advance(950);
  for (const [call, timeoutMs] of [[byDefault, 1_000], [own, 50]] as const) {
    const error = await call;
    assert(error instanceof TimeoutError);
    assertEquals([error.operation, error.timeoutMs], ["acquire", timeoutMs]);
  }
  assert(await whole instanceof TimeoutError);
  assertEquals([pool.stats.waiting, pool.stats.timeouts], [0, 3]);
  lease.release();
  await pool.close();
});

Deno.test("Pool gives up on an opening that takes too long, and closes what it gives later", async () => {
  using clock = fakeClock();
  const { pool, opens } = manualPool({ max: 1, acquireTimeoutMs: 1_000 });
  const call = outcome(pool.acquire());
  await clock.advance(1_001);
  assert(await call instanceof TimeoutError);
  assertEquals([pool.stats.opening, pool.stats.openErrors], [0, 1]);
  // It counts, as it may still be there.
  assertEquals([pool.stats.closing, pool.stats.total], [1, 1]);
  const late = new Connection(1);
  opens[0].resolve(late);
  await turn();
  assertEquals([late.isOpen, pool.stats.total], [false, 0]);
  await pool.close();
});

Deno.test("Pool refuses one waiting call too many, but none that is being served", async () => {
  const { pool } = countingPool({ max: 1, maxWaiting: 1 });
  const lease = await pool.acquire();
  const waiting = pool.acquire();
  const error = await assertRejects(() => pool.acquire(), LimitError);
  assertEquals([error.option, error.limit], ["maxWaiting", 1]);
  lease.release();
  (await waiting).release();
  await pool.close();

  const { pool: none } = countingPool({ max: 1, maxWaiting: 0 });
  const only = await none.acquire();
  await assertRejects(() => none.acquire(), LimitError);
  only.release();
  await none.close();
});

Deno.test("Pool takes a broken connection out while it is idle, and at its return", async () => {
  const { pool, made } = countingPool();
  const [one, two] = [await pool.acquire(), await pool.acquire()];
  one.release();
  made[0].break();
  await turn();
  assertEquals([pool.stats.idle, pool.stats.total], [0, 1]);
  made[1].break();
  await turn();
  assertEquals(two.value.id, 2);
  two.release();
  await turn();
  assertEquals(pool.stats.total, 0);
  using lease = await pool.acquire();
  assertEquals(lease.value.id, 3);
  lease.release();
  await pool.close();
});

Deno.test(
  "Pool notices that a server has ended an idle socket",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.readLine();
    });
    const ended = Promise.withResolvers<void>();
    await using pool = new Pool({
      open: (options) => connect({ port: server.addr.port, ...options }),
      close: async (socket) => {
        await socket.close();
        ended.resolve();
      },
    });
    await pool.use((socket) => socket.write("hello\n"));
    await ended.promise;
    assertEquals([pool.stats.idle, pool.stats.opened], [0, 1]);
  },
);

Deno.test("Pool gives a socket that was watched to its next user with all its bytes", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const server = network.serve({ name: "echo" }, async (socket) => {
    for (let line; (line = await socket.readLine()) !== null;) {
      await socket.write(`${line}!\n`);
    }
  });
  const pool = new Pool({
    open: (options) => network.connect({ name: "echo", ...options }),
  });
  for (let i = 0; i < 3; i++) {
    const answer = await pool.use(async (socket) => {
      await socket.write(`${i}\n`);
      return await socket.readLine();
    });
    assertEquals(answer, `${i}!`);
    await clock.advance(200);
  }
  assertEquals(pool.stats.opened, 1);
  // What the server ends meanwhile is noticed, as it is watched.
  const stopping = server.shutdown({ timeoutMs: 10 });
  await clock.advance(100);
  await stopping;
  assertEquals(pool.stats.total, 0);
  await pool.close();
});

Deno.test("Pool checks what was idle for long before it is used", async () => {
  using clock = fakeClock();
  const checked: number[] = [];
  const { pool } = countingPool({
    checkAfterMs: 1_000,
    check: ({ id }) => {
      checked.push(id);
      if (id === 2) throw new Error("no answer");
      return id !== 1;
    },
  });
  const use = async () => await pool.use(({ id }) => id);
  assertEquals(await use(), 1);
  await clock.advance(1_000);
  assertEquals(await use(), 1);
  assertEquals(checked, []);
  await clock.advance(1_001);
  assertEquals(await use(), 2);
  await clock.advance(1_001);
  assertEquals(await use(), 3);
  await clock.advance(1_001);
  assertEquals(await use(), 3);
  assertEquals(checked, [1, 2, 3]);
  await pool.close();
});

Deno.test("Pool closes what does not answer a check in time", async () => {
  using clock = fakeClock();
  const { pool, made } = countingPool({
    checkAfterMs: 0,
    checkTimeoutMs: 500,
    check: () => new Promise(() => {}),
  });
  await pool.use(() => {});
  await clock.advance(10);
  const next = pool.acquire();
  await clock.advance(499);
  assertEquals([pool.stats.checking, await isSettled(next)], [1, false]);
  await clock.advance(1);
  const lease = await next;
  assertEquals([lease.value.id, made[0].isOpen], [2, false]);
  lease.release();
  await pool.close();
});

/** A pool with many idle connections, of which those are dead that the test says. */
async function idlePool(
  count: number,
  isAlive: (id: number) => boolean,
  options: Partial<PoolOptions<Connection>> = {},
) {
  const checks = { running: 0, most: 0, all: 0 };
  const { pool, made } = countingPool({
    max: count,
    checkTimeoutMs: 500,
    async check({ id }, { signal }) {
      checks.all++;
      checks.most = Math.max(checks.most, ++checks.running);
      signal.addEventListener("abort", () => checks.running--);
      if (!isAlive(id)) return await new Promise<never>(() => {});
      checks.running--;
      return true;
    },
    ...options,
  });
  const leases = await Promise.all(
    Array.from({ length: count }, () => pool.acquire()),
  );
  for (const lease of leases) lease.release();
  return { pool, made, checks };
}

/** Lets time pass until the promise settles. */
async function advanceUntil<T>(
  clock: FakeClock,
  promise: Promise<T>,
): Promise<T> {
  while (!await isSettled(promise)) await clock.advance(10);
  return await promise;
}

Deno.test("Pool with many dead connections opens one beside the second check", async () => {
  using clock = fakeClock();
  const { pool, made, checks } = await idlePool(40, (id) => id > 40);
  await clock.advance(2_000);
  const startMs = performance.now();
  const lease = await advanceUntil(clock, pool.acquire());
  assertEquals(lease.value.id, 41);
  assertEquals(performance.now() - startMs, 500);
  assert(checks.all < 4, `${checks.all}`);
  lease.release();
  // With the last of them it ends: from then on it is one at a time.
  const use = async () => {
    await clock.advance(2_000);
    (await pool.acquire()).release();
  };
  while (made.some(({ id, isOpen }) => id <= 40 && isOpen)) await use();
  await use();
  const [all, opened] = [checks.all, pool.stats.opened];
  await use();
  assertEquals([checks.all, pool.stats.opened], [all + 1, opened]);
  await pool.close();
});

Deno.test("Pool finds the one connection that is not dead in a few steps", async () => {
  using clock = fakeClock();
  // No other one can be opened.
  const { pool, checks } = await idlePool(40, (id) => id === 1, {
    close: () => new Promise(() => {}),
    closeTimeoutMs: 1_000_000,
  });
  await clock.advance(2_000);
  const startMs = performance.now();
  const lease = await advanceUntil(clock, pool.acquire());
  assertEquals(lease.value.id, 1);
  assert(performance.now() - startMs <= 2_500);
  assertEquals([checks.all, pool.stats.opened], [40, 40]);
  // It is one at a time again.
  checks.most = 0;
  lease.release();
  await clock.advance(2_000);
  (await pool.acquire()).release();
  assertEquals([checks.all, checks.most], [41, 1]);
  const closing = pool.close({ timeoutMs: 1 });
  await clock.advance(1_000_000);
  await closing;
});

Deno.test("Pool fails no caller for whom connections are being checked, and opens no other one meanwhile", async () => {
  using clock = fakeClock();
  let opens = 0;
  const { pool } = await idlePool(10, (id) => id === 1, {
    open() {
      if (++opens > 10) throw new Error("refused");
      return new Connection(opens);
    },
  });
  await clock.advance(2_000);
  const lease = await advanceUntil(clock, pool.acquire());
  assertEquals(lease.value.id, 1);
  // Once beside the second check.
  assertEquals(opens, 11);
  await clock.advance(2_000);
  // All are dead: the caller gets the error when the last check has failed.
  lease.discard();
  await assertRejects(() => pool.acquire(), Error, "refused");
  assertEquals(opens, 12);
  await pool.close();
});

Deno.test("Pool tells a caller that opening failed when its last check has failed", async () => {
  using clock = fakeClock();
  let opens = 0;
  const { pool, checks } = await idlePool(10, () => false, {
    open() {
      if (++opens > 10) throw new Error("refused");
      return new Connection(opens);
    },
  });
  await clock.advance(2_000);
  const startMs = performance.now();
  const error = await advanceUntil(clock, outcome(pool.acquire()));
  assertStrictEquals((error as Error).message, "refused");
  assertEquals([checks.all, opens], [10, 12]);
  assert(performance.now() - startMs <= 2_000);
  await pool.close();
});

Deno.test("Pool checks no more than 64 connections for a caller at a time", async () => {
  using clock = fakeClock();
  const { pool, checks } = await idlePool(300, () => false, {
    close: () => new Promise(() => {}),
    closeTimeoutMs: 1_000_000,
  });
  await clock.advance(2_000);
  const acquiring = outcome(pool.acquire({ timeoutMs: 100_000 }));
  await clock.advance(100_000);
  assertInstanceOf(await acquiring, TimeoutError);
  assertEquals([checks.all, checks.most], [300, 64]);
  const closing = pool.close({ timeoutMs: 1 });
  await clock.advance(1_000_000);
  await closing;
});

Deno.test("Pool ends idle connections after idleMs, but for min, and any at its age", async () => {
  using clock = fakeClock();
  const { pool, made } = countingPool({
    min: 1,
    idleMs: 1_000,
    maxAgeMs: 10_000,
  });
  await clock.advance(0);
  assertEquals(pool.stats.idle, 1);
  const leases = await Promise.all([1, 2, 3].map(() => pool.acquire()));
  for (const lease of leases) lease.release();
  assertEquals(pool.stats.idle, 3);
  await clock.advance(1_200);
  assertEquals([pool.stats.idle, made.length], [1, 3]);
  // A fifth less at most, and another one takes its place.
  await clock.advance(6_700);
  assertEquals(made.length, 3);
  await clock.advance(3_300);
  assertEquals([pool.stats.idle, made.length], [1, 4]);
  assertEquals(made.filter(({ isOpen }) => isOpen).length, 1);
  await pool.close();
  assertEquals(clock.pending, 0);
});

Deno.test("Pool tries less and less often to open what min asks for", async () => {
  using clock = fakeClock();
  let attempts = 0;
  let isUp = false;
  const { pool } = countingPool({
    min: 2,
    open: () => {
      attempts++;
      if (!isUp) throw new Error("refused");
      return new Connection(attempts);
    },
  });
  await clock.advance(60_000);
  assert(attempts >= 10 && attempts <= 40, `${attempts} attempts`);
  isUp = true;
  await clock.advance(11_000);
  assertEquals(pool.stats.idle, 2);
  await pool.close();
});

Deno.test("Pool.use() discards after an error, unless keepOnError says otherwise", async () => {
  const { pool, made } = countingPool({
    keepOnError: (error) => error instanceof RangeError,
  });
  const fail = (error: Error) => () => Promise.reject(error);
  const kept = new RangeError("no such key");
  assertStrictEquals(await outcome(pool.use(fail(kept))), kept);
  assertEquals(pool.stats.idle, 1);
  const lost = new Error("half an answer");
  assertStrictEquals(await outcome(pool.use(fail(lost))), lost);
  assertEquals([pool.stats.idle, made[0].isOpen], [0, false]);
  await outcome(pool.use(fail(lost), { keepOnError: () => true }));
  assertEquals(pool.stats.idle, 1);
  await pool.close();
});

Deno.test("Pool passes the reason of discard() to close", async () => {
  const reasons: unknown[] = [];
  const { pool } = countingPool({
    close: (_connection, reason) => reasons.push(reason),
  });
  const lease = await pool.acquire();
  lease.discard("out of step");
  lease.discard("again");
  lease.release();
  assertThrows(() => lease.value, ClosedError, "given back");
  await pool.close();
  assertEquals(reasons, ["out of step"]);
  assertEquals(pool.stats.total, 0);
});

Deno.test("Pool does not let one lease be given back twice", async () => {
  const { pool } = countingPool({ max: 1 });
  const first = await pool.acquire();
  first.release();
  const second = await pool.acquire();
  first.release();
  first.discard();
  assertEquals([pool.stats.leased, pool.stats.idle], [1, 0]);
  assertEquals(second.value.isOpen, true);
  second.release();
  await pool.close();
});

Deno.test("Pool counts a connection until it is closed, and no longer than closeTimeoutMs", async () => {
  using clock = fakeClock();
  const { pool, made } = countingPool({
    max: 1,
    closeTimeoutMs: 500,
    close: () => new Promise(() => {}),
  });
  (await pool.acquire()).discard();
  const next = pool.acquire();
  await clock.advance(499);
  assertEquals([pool.stats.closing, made.length], [1, 1]);
  await clock.advance(1);
  assertEquals((await next).value.id, 2);
  const closing = pool.close({ timeoutMs: 100 });
  await clock.advance(700);
  await closing;
});

Deno.test("Pool.close() waits for leases, refuses calls, and cuts at its limit", async () => {
  using clock = fakeClock();
  const { pool, made } = countingPool({ max: 2 });
  const [first, second] = [await pool.acquire(), await pool.acquire()];
  const waiting = outcome(pool.acquire());
  const closing = pool.close({ timeoutMs: 1_000 });
  assert(await waiting instanceof ClosedError);
  await assertRejects(() => pool.acquire(), ClosedError, "the pool was closed");
  first.release();
  await clock.advance(999);
  assertEquals(await isSettled(closing), false);
  assertEquals(made.map(({ isOpen }) => isOpen), [false, true]);
  await clock.advance(1);
  await closing;
  assertEquals([made[1].isOpen, pool.stats.total], [false, 0]);
  second.release();
  await pool.close();
  assertEquals(clock.pending, 0);
});

Deno.test("Pool.close() rejects with the reason of its signal, and cuts", async () => {
  const { pool, made } = countingPool();
  const lease = await pool.acquire();
  const controller = new AbortController();
  const closing = outcome(pool.close({ signal: controller.signal }));
  const reason = new Error("now");
  controller.abort(reason);
  assertStrictEquals(await closing, reason);
  assertEquals(made[0].isOpen, false);
  lease.release();
});

Deno.test("Pool.close() ends what is being opened", async () => {
  let signal: AbortSignal | undefined;
  const pool = new Pool<Connection>({
    open: (options) => {
      signal = options.signal;
      return new Promise((_, reject) =>
        options.signal.addEventListener(
          "abort",
          () => reject(options.signal.reason),
        )
      );
    },
  });
  const call = outcome(pool.acquire());
  await pool.close();
  assertEquals(signal?.aborted, true);
  assert(await call instanceof ClosedError);
  assertEquals(pool.stats.total, 0);
});

Deno.test("Pool.close() refuses bad limits, and closes nothing then", async () => {
  const { pool } = countingPool();
  for (
    const [options, text] of [
      [{ signal: 5 }, "signal must be an AbortSignal"],
      [{ deadline: 5 }, "deadline must be a Deadline"],
      [{ timeoutMs: "5" }, "timeoutMs must be a number"],
      [5, "options must be an object"],
    ] as const
  ) {
    await assertRejects(() => pool.close(options as object), TypeError, text);
  }
  (await pool.acquire()).release();
  await pool.close();
});

Deno.test("Pool refuses bad options", () => {
  const open = () => ({});
  // @ts-expect-error -- there must be one
  assertThrows(() => new Pool({}), TypeError, "Cannot make a pool: open must");
  for (
    const options of [
      { max: 0 },
      { min: 11 },
      { maxOpening: 0 },
      { maxWaiting: -1 },
      { acquireTimeoutMs: 0 },
      { idleMs: NaN },
      { checkAfterMs: -1 },
    ]
  ) {
    const [name] = Object.keys(options);
    assertThrows(() => new Pool({ open, ...options }), RangeError, name);
  }
  assertThrows(
    // @ts-expect-error -- it must be made by retryBudget()
    () => new Pool({ open, budget: { ratio: 0.1 } }),
    TypeError,
    "budget must be a RetryBudget",
  );
  assertThrows(
    // @ts-expect-error -- a misspelt name
    () => new Pool({ open, maxIdle: 3 }),
    TypeError,
    "unknown option",
  );
});

Deno.test("Pool never leaks, exceeds max or lets a caller starve under random failures", async () => {
  for (let seed = 1; seed <= 30; seed++) {
    using clock = fakeClock();
    const random = seededRandom(seed);
    const max = 1 + Math.floor(random() * 6);
    const pause = (most: number) => sleep(1 + random() * most);
    const open = new Set<Connection>();
    const inUse = new Set<Connection>();
    let opening = 0;
    let mostOpen = 0;
    let id = 0;
    const failRate = random() * 0.5;
    const maxOpening = 1 + Math.floor(random() * 3);
    const pool = new Pool<Connection>({
      async open({ signal }) {
        opening++;
        mostOpen = Math.max(mostOpen, open.size + opening);
        try {
          await sleep(random() < 0.05 ? 10_000 : 1 + random() * 20, { signal });
          if (random() < failRate) throw new Error("refused");
          const connection = new Connection(++id);
          open.add(connection);
          return connection;
        } finally {
          opening--;
        }
      },
      async close(connection) {
        assert(!inUse.has(connection) || !connection.isOpen);
        if (random() < 0.5) await pause(20);
        open.delete(connection);
        connection.break();
        if (random() < 0.2) throw new Error("close failed");
      },
      check: async () => {
        await pause(10);
        return random() < 0.7;
      },
      checkAfterMs: 20,
      max,
      min: Math.floor(random() * (max + 1)),
      maxOpening,
      idleMs: 100,
      maxAgeMs: 500,
      acquireTimeoutMs: 2_000,
    });
    let served = 0;
    let failed = 0;
    const calls = Array.from({ length: 150 }, async () => {
      await pause(3_000);
      const controller = new AbortController();
      if (random() < 0.2) {
        void pause(30).then(() => controller.abort(new Error("cut off")));
      }
      try {
        const lease = await pool.acquire({ signal: controller.signal });
        const connection = lease.value;
        assert(!inUse.has(connection), `seed ${seed}: two users of one`);
        assert(open.has(connection), `seed ${seed}: it is closed`);
        inUse.add(connection);
        await pause(60);
        if (random() < 0.1) connection.break();
        inUse.delete(connection);
        served++;
        if (random() < 0.2) lease.discard();
        else lease.release();
      } catch (error) {
        failed++;
        const { message } = error as Error;
        assert(
          /refused|cut off|Cannot (acquire|open|finish) within/.test(message),
          message,
        );
      }
      const { total, idle, opening, checking, waiting } = pool.stats;
      assert(total <= max, `seed ${seed}: ${total} of ${max}`);
      // Where a caller waits for nothing that is coming, nothing more could be done.
      if (waiting > opening + checking) {
        assertEquals(idle, 0, `seed ${seed}`);
        assert(total === max || opening === maxOpening, `seed ${seed}`);
      }
      // Now and then one breaks while it is idle.
      for (const connection of open) {
        if (!inUse.has(connection) && random() < 0.02) connection.break();
      }
    });
    await clock.advance(20_000);
    await Promise.all(calls);
    assertEquals([served + failed, pool.stats.waiting], [150, 0]);
    assert(served > 0, `seed ${seed}: none was served`);
    assert(mostOpen <= max, `seed ${seed}: ${mostOpen} of ${max} were open`);
    const closing = pool.close();
    await clock.advance(20_000);
    await closing;
    assertEquals([open.size, pool.stats.total], [0, 0], `seed ${seed}`);
    assertEquals(clock.pending, 0, `seed ${seed}`);
  }
});

Deno.test("Pool hands out no connection that it is closing, also where close asks for one", async () => {
  using clock = fakeClock();
  const closed = new Set<{ id: number }>();
  let [opened, asked] = [0, false];
  let lease: Promise<Lease<{ id: number }>> | undefined;
  const pool: Pool<{ id: number }> = new Pool({
    open: () => ({ id: opened++ }),
    close: (value) => {
      closed.add(value);
      if (!asked) lease = pool.acquire();
      asked = true;
    },
    idleMs: 100,
  });
  const leases = [await pool.acquire(), await pool.acquire()];
  for (const each of leases) each.release();
  await clock.advance(1_000);
  const { value } = await lease!;
  assertEquals([closed.has(value), value.id, closed.size], [false, 2, 2]);
  assertEquals([pool.stats.leased, pool.stats.idle], [1, 0]);
  (await lease!).release();
  const closing = pool.close();
  await clock.advance(1_000);
  await closing;
});

Deno.test("Pool refuses what is no task, no hook and no limit before it opens anything", async () => {
  await using pool = new Pool({ open: () => ({}) });
  await assertRejects(
    () => pool.use(5 as never),
    TypeError,
    "Cannot use: task must be a function, got 5",
  );
  await assertRejects(
    () => pool.use(() => {}, { keepOnError: 5 as never }),
    TypeError,
    "Cannot use: keepOnError must be a function, got 5",
  );
  await assertRejects(
    () => pool.close(null as never),
    TypeError,
    "Cannot close the pool: options must be an object, got null",
  );
  assertEquals(pool.stats.opened, 0);
});

Deno.test("Pool gives a connection that has ended already to its caller, and opens no other in that turn", async () => {
  let opened = 0;
  await using pool = new Pool({
    open: () => ({ id: ++opened }),
    // Settles at once, as a promise never does.
    closed: () => ({ then: (settle: () => void) => settle() }) as never,
  });
  const lease = await pool.acquire({ timeoutMs: 1_000 });
  assertEquals([lease.value.id, opened], [1, 1]);
  await turn();
  lease.release();
  assertEquals(pool.stats.idle, 0);
});

Deno.test("Pool counts a call that has waited for an opening that takes too long as one that ran out of time", async () => {
  using clock = fakeClock();
  const pool = new Pool({
    open: () => new Promise<object>(() => {}),
    acquireTimeoutMs: 100,
    closeTimeoutMs: 100,
  });
  const waiting = outcome(pool.acquire());
  const longer = outcome(pool.acquire({ timeoutMs: 60_000 }));
  await clock.advance(1_000);
  for (const error of [await waiting, await longer]) {
    assertInstanceOf(error, TimeoutError);
    assert(/Cannot (acquire|open) within 100 ms/.test(error.message));
  }
  assertEquals(pool.stats.timeouts, 2);
  await Promise.all([pool.close(), clock.advance(1_000)]);
});
