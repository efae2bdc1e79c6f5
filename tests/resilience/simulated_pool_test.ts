/**
 * A pool in a world where connections break, hosts crash and networks stall.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { type Socket, SocketError } from "@sluice/net";
import { Pool } from "@sluice/net/client";
import { type HostProcess, simulate, type World } from "@sluice/net/testing";
import { retry } from "@sluice/net/timeout";
import { chaos, FIRST_SEED } from "./_chaos.ts";

const MAX = 4;

/** Answers each line with itself, after a while; leaves after some of them. */
function server(host: HostProcess): void {
  host.serve(async (socket) => {
    const count = Math.floor(Math.random() * 20);
    for (let i = 0; i < count; i++) {
      const line = await socket.readLine();
      if (line === null) return;
      await host.sleep(Math.random() * 50);
      await socket.write(`${line}\n`);
    }
  });
}

class Lost extends Error {}

/** Asks by a pool, and makes sure that no other call uses the connection meanwhile. */
async function ask(
  world: World,
  pool: Pool<Socket>,
  inUse: Set<Socket>,
  question: string,
): Promise<void> {
  await pool.use(async (socket) => {
    assert(!inUse.has(socket), "a connection has two users");
    inUse.add(socket);
    assert(inUse.size <= MAX);
    try {
      await socket.write(`${question}\n`, { timeoutMs: 500 });
      const answer = await socket.readLine({ timeoutMs: 500 });
      if (answer === null) throw new Lost("the server has left");
      assertEquals(answer, question);
    } finally {
      inUse.delete(socket);
    }
  }, { timeoutMs: world.pick([undefined, 5, 100, 1_000]) });
}

Deno.test("a simulated pool gives each connection to one caller, stays in its bounds and recovers", async () => {
  await simulate(
    { seed: FIRST_SEED, seeds: 1_000, hosts: { db: server } },
    async (world) => {
      const app = world.host("app");
      const pool = new Pool<Socket>({
        open: ({ signal }) => app.process.connect({ name: "db", signal }),
        max: MAX,
        min: world.integer(0, 2),
        acquireTimeoutMs: 2_000,
        checkAfterMs: world.integer(0, 1_000),
        check: async (socket) => {
          await socket.write("check\n");
          return await socket.readLine() === "check";
        },
        checkTimeoutMs: 300,
        idleMs: world.integer(100, 3_000),
        maxAgeMs: world.integer(1_000, 10_000),
      });
      const inUse = new Set<Socket>();
      let answers = 0;
      const worker = async (name: number) => {
        for (let i = 0; i < 8; i++) {
          await world.sleep(world.integer(0, 1_500));
          try {
            await ask(world, pool, inUse, `${name}.${i}`);
            answers++;
          } catch (error) {
            // Anything else is a bug.
            if (!(error instanceof SocketError || error instanceof Lost)) {
              throw error;
            }
          }
          assert(pool.stats.total <= MAX);
        }
      };
      const faults = chaos(world, ["db"], { forMs: 8_000 });
      await Promise.all([
        faults,
        ...Array.from({ length: 8 }, (_, name) => worker(name)),
      ]);
      assert(answers > 0);
      await retry(() => ask(world, pool, inUse, "after all"), {
        attempts: 20,
        timeoutMs: 10_000,
      });
      await pool.close();
      assertEquals(pool.stats.total, 0);
      assertEquals([pool.stats.leased, pool.stats.waiting], [0, 0]);
      // What was said to the server is on its way.
      await world.sleep(5_000);
      assertEquals(world.network.connections, 0);
    },
  );
});
