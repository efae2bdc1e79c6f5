/**
 * Pools of connections to servers that break, are slow, hang, go down and come back.
 *
 * @module
 */

import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import { seededRandom } from "../../lib/_random.ts";
import { Pool } from "../../lib/client/pool.ts";
import { reconnect } from "../../lib/client/reconnect.ts";
import { BrokenError, SocketError } from "../../lib/errors.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { memoryNetwork } from "../../lib/testing/memory_network.ts";
import { retry } from "../../lib/time/retry.ts";
import { retryBudget } from "../../lib/time/retry_budget.ts";
import { sleep } from "../../lib/time/sleep.ts";
import type { Dialer } from "../../lib/transport/options.ts";
import { outcome, turn } from "../_support/sockets.ts";

const REFUSED = () => new BrokenError("refused", "Cannot connect: refused");

Deno.test("Pool opens once for each call without a budget, and fails all at once where it has no retry left", async () => {
  for (
    const [budget, most] of [
      [undefined, 50],
      [retryBudget({ ratio: 0.1, minPerSecond: 0 }), 7],
    ] as const
  ) {
    using clock = fakeClock();
    let opened = 0;
    const error = REFUSED();
    const pool = new Pool({
      open: async () => {
        opened++;
        await sleep(10);
        throw error;
      },
      max: 2,
      budget,
    });
    const calls = Array.from({ length: 50 }, () => outcome(pool.acquire()));
    await clock.advance(1_000);
    for (const each of await Promise.all(calls)) {
      assertStrictEquals(each, error);
    }
    // Two at first, and a tenth of 50 calls.
    assertEquals([opened, pool.stats.openErrors], [most, most]);
    // A call that comes later has its own attempt.
    const later = outcome(pool.acquire());
    await clock.advance(20);
    assertStrictEquals(await later, error);
    assertEquals(opened, most + 1);
    await pool.close();
  }
});

Deno.test("Pool with a budget leaves the others what is on its way", async () => {
  const opens: PromiseWithResolvers<object>[] = [];
  const pool = new Pool({
    open: () => {
      opens.push(Promise.withResolvers<object>());
      return opens.at(-1)!.promise;
    },
    max: 2,
    budget: retryBudget({ ratio: 0, minPerSecond: 0 }),
  });
  const calls = [1, 2, 3, 4].map(() => outcome(pool.acquire()));
  const error = REFUSED();
  opens[0].reject(error);
  await turn();
  const connection = {};
  opens[1].resolve(connection);
  const results = await Promise.all(calls);
  // The first one has waited longest; the second one gets the one that came.
  assertEquals(results.map((each) => each === error), [
    true,
    false,
    true,
    true,
  ]);
  (results[1] as { release(): void }).release();
  assertEquals([opens.length, pool.stats.idle], [2, 1]);
  await pool.close();
});

Deno.test("Pool takes from its budget what it opens again for min", async () => {
  using clock = fakeClock();
  let opened = 0;
  let isUp = false;
  const pool = new Pool({
    open: () => {
      opened++;
      if (!isUp) throw REFUSED();
      return {};
    },
    min: 3,
    budget: retryBudget({ ratio: 0, minPerSecond: 0.2, windowMs: 10_000 }),
  });
  await clock.advance(10_000);
  // Three at first, and two retries in ten seconds; without a budget some twenty.
  assertEquals(opened, 5);
  isUp = true;
  await clock.advance(30_000);
  assertEquals(pool.stats.idle, 3);
  await pool.close();
});

Deno.test("one budget bounds a pool, retry() and reconnect() together", async () => {
  using clock = fakeClock();
  const budget = retryBudget({ ratio: 0.1, minPerSecond: 0 });
  let attempts = 0;
  const fail = () => {
    attempts++;
    return Promise.reject(REFUSED());
  };
  const pool = new Pool({ open: fail, budget });
  const link = reconnect(
    { open: fail, retry: { budget, minDelayMs: 1 } },
    () => {},
  );
  const calls = Array.from({ length: 100 }, (_, i) =>
    outcome(
      i % 2 === 0
        ? pool.acquire()
        : retry(fail, { budget, minDelayMs: 1, attempts: 10 }),
    ));
  await clock.advance(9_000);
  await Promise.all(calls);
  // Each of the 50 tasks, the five that the pool opens at a time, the first of
  // reconnect(), and a tenth of 101.
  assertEquals(attempts, 50 + 5 + 1 + 10);
  await link.close();
  await pool.close();
});

/** Three servers that answer each line with itself. */
const HOSTS = ["a", "b", "c"];

Deno.test("Pool serves all callers right and leaks nothing while servers break, hang, go down and come back", async () => {
  for (let seed = 1; seed <= 12; seed++) {
    using clock = fakeClock();
    using network = memoryNetwork({ latencyMs: 2, seed });
    const random = seededRandom(seed);
    const pause = (most: number) => sleep(1 + random() * most);
    const start = (name: string) =>
      network.serve(
        { name, shutdownTimeoutMs: 0, onError: () => {} },
        async (socket) => {
          for (let line; (line = await socket.readLine()) !== null;) {
            // One that hangs up, one that is slow.
            if (!isOver && random() < 0.02) return;
            if (!isOver && random() < 0.05) await pause(300);
            await socket.write(`${line}\n`);
          }
        },
      );
    const servers = new Map(HOSTS.map((name) => [name, start(name)]));
    let isOver = false;

    const dialer: Dialer = {
      addr: { transport: "memory", name: "network" },
      async dial({ hostname }, { signal }) {
        const socket = await network.connect({ name: hostname!, signal });
        return socket.detach().transport;
      },
    };
    const max = 1 + Math.floor(random() * 5);
    const inUse = new Set<Socket>();
    const budget = seed % 2 === 0 ? retryBudget() : undefined;
    const pool = new Pool<Socket>({
      open: ({ signal }) =>
        connect({
          hosts: HOSTS.map((hostname) => ({ hostname, port: 1 })),
          dialer,
          signal,
          hostDelayMs: 50,
          timeoutMs: 1_000,
          closeTimeoutMs: 100,
        }),
      check: async (socket, { signal }) => {
        await socket.write("ping\n");
        return await socket.readLine({ signal }) === "ping";
      },
      checkAfterMs: 200,
      checkTimeoutMs: 200,
      max,
      min: Math.floor(random() * (max + 1)),
      idleMs: 1_000,
      maxAgeMs: 3_000,
      acquireTimeoutMs: 2_000,
      budget,
    });

    /** One host after the other has a bad time; now and then all have. */
    const misery = (async () => {
      while (!isOver) {
        await pause(400);
        const hosts = random() < 0.2
          ? HOSTS
          : [HOSTS[Math.floor(random() * 3)]];
        const how = Math.floor(random() * 3);
        for (const host of hosts) {
          if (how === 0) network.crash(host);
          if (how === 1) network.partition(host);
          if (how === 2) network.hold(host);
        }
        await pause(600);
        for (const host of hosts) {
          if (how === 0) {
            await servers.get(host)!.shutdown({ timeoutMs: 1 });
            network.restart(host);
            servers.set(host, start(host));
          }
          if (how === 1) network.heal(host);
          if (how === 2) network.release(host);
        }
      }
    })();

    let served = 0;
    let failed = 0;
    const ask = async (text: string) => {
      await pool.use(async (socket) => {
        assert(!inUse.has(socket), `seed ${seed}: two users of one`);
        inUse.add(socket);
        try {
          await socket.write(`${text}\n`);
          const answer = await socket.readLine({ timeoutMs: 400 });
          if (answer === null) throw new BrokenError("reset", "it hung up");
          assertEquals(answer, text, `seed ${seed}: the answer of another`);
          await pause(20);
        } finally {
          inUse.delete(socket);
        }
      });
      served++;
    };
    const callers = Array.from({ length: 12 }, async (_, caller) => {
      for (let i = 0; i < 15; i++) {
        await pause(600);
        try {
          await ask(`${caller}-${i}`);
        } catch (error) {
          failed++;
          if (!(error instanceof SocketError)) throw error;
        }
        const { total, waiting } = pool.stats;
        assert(total <= max, `seed ${seed}: ${total} of ${max}`);
        assert(waiting <= 12, `seed ${seed}: ${waiting} wait`);
      }
    });
    await clock.advance(60_000);
    await Promise.all(callers);
    assertEquals(served + failed, 12 * 15, `seed ${seed}`);
    assert(served > 40, `seed ${seed}: only ${served} were served`);
    isOver = true;
    await clock.advance(5_000);
    await misery;

    // All are up: each caller is served, and soon.
    const last = Array.from(
      { length: 20 },
      (_, i) => retry(() => ask(`last ${i}`), { attempts: 3, minDelayMs: 10 }),
    );
    await clock.advance(5_000);
    await Promise.all(last);
    assertEquals([inUse.size, pool.stats.waiting], [0, 0], `seed ${seed}`);

    const closing = pool.close();
    await clock.advance(10_000);
    await closing;
    assertEquals(pool.stats.total, 0, `seed ${seed}`);
    for (const server of servers.values()) {
      const stopping = server.shutdown({ timeoutMs: 1 });
      await clock.advance(1_000);
      await stopping;
    }
    await clock.advance(30_000);
    assertEquals(network.connections, 0, `seed ${seed}`);
    assertEquals(clock.pending, 0, `seed ${seed}`);
  }
});
