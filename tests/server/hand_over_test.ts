/**
 * Shutdown of a server whose listening socket another process goes on with.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { lines } from "../../lib/codec/lines.ts";
import { framed } from "../../lib/framed/framed.ts";
import { serve } from "../../lib/server/serve.ts";
import type { ServerOptions } from "../../lib/server/serve_options.ts";
import { Socket } from "../../lib/socket/socket.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import type { AcceptedTransport } from "../../lib/transport/options.ts";
import { isSettled, TIMEOUT } from "../_support/sockets.ts";
import { until } from "./_clients.ts";

/** Gives the connections that it has, and with `stop` those that are left. */
class SharedAcceptor {
  readonly addr = { transport: "memory", name: "shared" } as const;
  readonly #waiting: AcceptedTransport[] = [];
  #pending: PromiseWithResolvers<AcceptedTransport> | undefined;
  #stopped = false;

  connect(): Socket {
    const [client, server] = memoryTransportPair();
    this.#pending?.resolve(server);
    if (this.#pending === undefined) this.#waiting.push(server);
    this.#pending = undefined;
    return new Socket(client);
  }

  accept(): Promise<AcceptedTransport> {
    const conn = this.#waiting.shift();
    if (conn !== undefined) return Promise.resolve(conn);
    if (this.#stopped) return Promise.reject(closed());
    this.#pending = Promise.withResolvers();
    return this.#pending.promise;
  }

  stop(): void {
    this.#stopped = true;
    this.#pending?.reject(closed());
    this.#pending = undefined;
  }

  close(): void {
    this.stop();
    for (const conn of this.#waiting.splice(0)) conn.close();
  }
}

const closed = () => new Deno.errors.BadResource("closed");

/** An echo of lines. */
function echo(options: Partial<ServerOptions> = {}) {
  const acceptor = new SharedAcceptor();
  const server = serve({ ...options, acceptor }, async (socket) => {
    const connection = framed(socket, lines());
    for await (const line of connection) await connection.send(line);
  });
  return { acceptor, server };
}

Deno.test(
  "a client that has just come and is silent is served, though the server shuts down",
  TIMEOUT,
  async () => {
    using clock = fakeClock();
    const { acceptor, server } = echo();
    const early = acceptor.connect();
    await clock.advance(0);
    assertEquals(server.stats.active, 1);
    const ending = server.shutdown();
    await clock.advance(900);
    await early.write("hello\n");
    await clock.advance(100);
    assertEquals(await early.readLine(), "hello");
    assertEquals(await early.readLine(), null);
    await early.close();
    assertEquals(await ending, { completed: 1, aborted: 0, handshakes: 0 });
  },
);

Deno.test(
  "clients that were accepted and not handed out are served, though the server shuts down",
  TIMEOUT,
  async () => {
    const { acceptor, server } = echo();
    server.suspend();
    const clients = [1, 2, 3].map(() => acceptor.connect());
    const ending = server.shutdown();
    for (const client of clients) {
      await client.write("hello\n");
      assertEquals(await client.readLine(), "hello");
    }
    for (const client of clients) await client.close();
    assertEquals(await ending, { completed: 3, aborted: 0, handshakes: 0 });
  },
);

Deno.test(
  "clients that are older, or were heard, do not hold up a shutdown",
  TIMEOUT,
  async () => {
    using clock = fakeClock();
    const { acceptor, server } = echo();
    const old = acceptor.connect();
    await clock.advance(1_001);
    const heard = acceptor.connect();
    await heard.write("hello\n");
    await clock.advance(0);
    const ending = server.shutdown();
    await clock.advance(10);
    assertEquals([await old.readLine(), await heard.readLine()], [
      null,
      "hello",
    ]);
    for (const client of [old, heard]) await client.close();
    assertEquals(await ending, { completed: 2, aborted: 0, handshakes: 0 });
    assertEquals(clock.nowMs, 1_011);
  },
);

Deno.test(
  "a client that stays silent holds up a shutdown for a second, or half of its time",
  TIMEOUT,
  async () => {
    for (const [timeoutMs, heldUpMs] of [[15_000, 1_000], [300, 150]]) {
      using clock = fakeClock();
      const { acceptor, server } = echo();
      const silent = acceptor.connect();
      await clock.advance(0);
      const ending = server.shutdown({ timeoutMs });
      const reading = silent.readLine();
      await clock.advance(heldUpMs - 1);
      assertEquals(await isSettled(reading), false);
      await clock.advance(11);
      assertEquals(await reading, null);
      await silent.close();
      assertEquals(await ending, { completed: 1, aborted: 0, handshakes: 0 });
    }
  },
);

Deno.test(
  "a limit of shutdown() cuts those that have just come, too",
  TIMEOUT,
  async () => {
    const { acceptor, server } = echo();
    const client = acceptor.connect();
    await until(() => server.stats.active === 1);
    server.suspend();
    const late = acceptor.connect();
    const report = await server.shutdown({ timeoutMs: 0 });
    assertEquals(report, { completed: 0, aborted: 1, handshakes: 0 });
    for (const socket of [client, late]) socket.abort();
  },
);

Deno.test(
  "clients that wait for room are turned away when the time for them is over",
  TIMEOUT,
  async () => {
    const { acceptor, server } = echo({ maxConnections: 1 });
    const [first, second] = [acceptor.connect(), acceptor.connect()];
    await until(() => server.stats.active === 1);
    const report = await server.shutdown({ timeoutMs: 500 });
    assertEquals(report.completed, 1);
    assertEquals(server.stats.accepted, 1);
    assertEquals(await second.read().catch(() => null), null);
    for (const socket of [first, second]) socket.abort();
  },
);

Deno.test(
  "a client that is accepted while a cut ends the hand-over is cut as well",
  TIMEOUT,
  async () => {
    // In each step between the cut and the drain.
    for (let ticks = 0; ticks < 16; ticks++) {
      const { acceptor, server } = echo();
      server.suspend();
      const clients = [1, 2, 3, 4].map(() => acceptor.connect());
      const cut = new AbortController();
      // Now they are accepted, one after the other.
      const reporting = server.shutdown({ signal: cut.signal });
      for (let i = 0; i < ticks; i++) await undefined;
      cut.abort();
      const { aborted } = await reporting;
      assertEquals(aborted, server.stats.accepted);
      for (const client of clients) client.abort();
    }
  },
);
