/**
 * Servers that drain, and clients that come back, in a world of faults.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import {
  framed,
  lines,
  type ServerEvent,
  type Socket,
  SocketError,
} from "@sluice/net";
import { reconnect } from "@sluice/net/client";
import {
  type HostProcess,
  simulate,
  type SimulatedHost,
  type World,
} from "@sluice/net/testing";
import { retry, retryBudget } from "@sluice/net/timeout";
import { chaos, DELAYS, FIRST_SEED } from "./_chaos.ts";

async function echo(socket: Socket): Promise<void> {
  const connection = framed(socket, lines());
  for await (const line of connection) await connection.send(line);
}

/** Asks some times, until something goes wrong; what comes back is right. */
async function talk(world: World, host: SimulatedHost): Promise<void> {
  try {
    // Of the process, whose sockets are no leak of the scenario's: it may crash.
    const socket = await host.process.connect({ name: "server" });
    await using connection = framed(socket, lines());
    for (let i = 0; i < 12; i++) {
      await connection.send(`${i}`, { timeoutMs: 3_000 });
      const answer = await connection.receive({ timeoutMs: 3_000 });
      if (answer === null) return;
      assertEquals(answer, `${i}`);
      await world.sleep(world.integer(0, 300));
    }
  } catch (error) {
    if (!(error instanceof SocketError)) throw error;
  }
}

Deno.test("a simulated server drains within its limit, and accounts for every connection", async () => {
  const names = ["a", "b", "c", "d"];
  let completed = 0;
  let aborted = 0;
  await simulate(
    { seed: FIRST_SEED, seeds: 1_000, hosts: names },
    async (world) => {
      const events: ServerEvent[] = [];
      const server = world.host("server").serve({
        onEvent: (event) => void events.push(event),
      }, async (socket) => {
        for await (const line of framed(socket, lines())) {
          await world.sleep(world.integer(0, 1_500));
          await socket.write(`${line}\n`);
        }
      });
      for (const name of names) {
        world.spawn(async () => {
          for (let i = 0; i < 3; i++) await talk(world, world.host(name));
        });
      }
      const faults = chaos(world, names, { forMs: 5_000 });
      await world.sleep(world.integer(0, 5_000));
      const { active, closing } = server.stats;
      const timeoutMs = world.integer(0, 3_000);
      const startMs = world.clock.nowMs;
      const report = await server.shutdown({ timeoutMs });
      assert(world.clock.nowMs - startMs <= timeoutMs + 1);
      assertEquals(
        report.completed + report.aborted + report.handshakes,
        active + closing,
      );
      completed += report.completed;
      aborted += report.aborted;
      const count = (type: ServerEvent["type"]) =>
        events.filter((event) => event.type === type).length;
      assertEquals(count("closed"), count("accepted"));
      assertEquals([server.stats.active, server.stats.closing], [0, 0]);
      // The name is free again, at once.
      world.host("server").serve(echo);
      await faults;
      await talk(world, world.host(world.pick(names)));
    },
  );
  // Both happen, or the scenario shows little.
  assert(completed > 50 && aborted > 20, `${completed}, ${aborted}`);
});

Deno.test("a simulated client that retries gets through, and a budget bounds its attempts", async () => {
  await simulate({
    seed: FIRST_SEED,
    seeds: 200,
    hosts: { server: (host: HostProcess) => void host.serve(echo) },
  }, async (world) => {
    const faults = chaos(world, ["server"], { forMs: 6_000 });
    const budget = retryBudget({ ratio: 0.2, minPerSecond: 0 });
    let attempts = 0;
    let requests = 0;
    const request = async (name: string) => {
      await retry(async (_attempt, { signal }) => {
        attempts++;
        const client = world.host(name).process;
        const socket = await client.connect({ name: "server", signal });
        await using connection = framed(socket, lines());
        await connection.send(name);
        assertEquals(await connection.receive({ signal }), name);
      }, {
        attempts: Infinity,
        attemptTimeoutMs: 1_000,
        budget,
        retryIf: (error) => !(error instanceof TypeError),
      });
    };
    await Promise.all(["a", "b", "c"].map(async (name) => {
      for (let i = 0; i < 5; i++) {
        await world.sleep(world.integer(0, 1_000));
        requests++;
        // Refused, reset, out of time, or not answered: the budget was spent.
        await request(name).catch(() => {});
      }
    }));
    assert(attempts <= requests * 1.2, `${attempts} for ${requests}`);
    await faults;
    await retry(() => request("a"), { attempts: 10 });
  });
});

Deno.test("a simulated session reconnects after every loss, and ends when it is told to", async () => {
  let losses = 0;
  await simulate({
    seed: FIRST_SEED,
    seeds: 1_000,
    hosts: {
      // Counts up, from 1 on every connection.
      counter: (host: HostProcess) =>
        void host.serve(async (socket) => {
          for (let i = 1;; i++) {
            await socket.write(`${i}\n`);
            await host.sleep(100);
          }
        }),
    },
  }, async (world) => {
    const client = world.host("client");
    let running = 0;
    let last = 0;
    let sessions = 0;
    await using link = reconnect({
      hostname: "counter",
      port: 1,
      dialer: client.dialer,
      retry: { minDelayMs: 10, maxDelayMs: 500, attemptTimeoutMs: 1_000 },
      idleMs: 1_000,
    }, async (socket, { signal }) => {
      assertEquals(++running, 1, "one session at a time");
      sessions++;
      last = 0;
      try {
        for await (const line of framed(socket, lines())) {
          assertEquals(line, `${++last}`);
          signal.throwIfAborted();
        }
      } finally {
        running--;
      }
    });
    await chaos(world, ["counter"], { forMs: 6_000 });
    losses += sessions - 1;
    await link.connected({ timeoutMs: 10_000 });
    await world.sleep(2_000);
    assert(last > 3, `${last}`);
    assertEquals(link.state, "connected");
    await link.close();
    assertEquals([running, (await link.ended).endedBy], [0, "close"]);
  });
  assert(losses > 200, `${losses}`);
});

Deno.test("a simulated server serves all that was begun while nothing but delays happens", async () => {
  const names = ["a", "b", "c"];
  await simulate(
    { seed: FIRST_SEED, seeds: 100, hosts: names },
    async (world) => {
      const server = world.host("server").serve(echo);
      const faults = chaos(world, [...names, "server"], {
        forMs: 3_000,
        faults: DELAYS,
      });
      const talks = names.map(async (name) => {
        await using socket = await world.host(name).connect({
          name: "server",
          timeoutMs: 60_000,
        });
        const connection = framed(socket, lines());
        const count = world.integer(1, 30);
        await connection.sendAll(
          Array.from({ length: count }, (_, i) => `${i}`),
        );
        await socket.closeWrite();
        for (let i = 0; i < count; i++) {
          assertEquals(await connection.receive(), `${i}`);
        }
        assertEquals(await connection.receive(), null);
      });
      await Promise.all(talks);
      await faults;
      const { aborted } = await server.shutdown({ timeoutMs: 30_000 });
      assertEquals(aborted, 0);
    },
  );
});
