/**
 * Peers that reset, vanish or end half of a connection, at the worst moment.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import {
  BrokenError,
  ClosedError,
  connect,
  listen,
  type Socket,
  SocketError,
  TimeoutError,
} from "@sluice/net";
import { fakeClock, memoryNetwork } from "@sluice/net/testing";
import { outcome } from "../_support/sockets.ts";
import { assertServes, badDayServer } from "./_bad_day_server.ts";
import { SEED, seededRandom } from "./_random.ts";
import { type RawClient, rawClient } from "./_raw_client.ts";
import { beginReport } from "./_report.ts";

const timeout = 20_000;
const linux = Deno.build.os === "linux";
const report = beginReport("broken peers");

/** More than any kernel takes while it is not read. */
const STALLING = new Uint8Array(32 * 1024 * 1024);

/** A socket and its peer, which can do all that is bad. */
async function acceptRaw(): Promise<[Socket, RawClient]> {
  using listener = listen({ port: 0, closeTimeoutMs: 2_000 });
  const port = listener.addr.port;
  const [socket, peer] = await Promise.all([
    listener.accept(),
    rawClient(port),
  ]);
  report.connections++;
  return [socket!, peer];
}

/** Brings a socket into a state of the table in its documentation. */
type Prepare = (socket: Socket, peer: RawClient) => unknown;

const STATES: Record<string, Prepare> = {
  open: () => {},
  "open, with unread input": async (socket, peer) => {
    peer.send("unread");
    socket.unread(await socket.readExactly(6));
  },
  "peer ended": async (socket, peer) => {
    peer.end();
    assertEquals(await socket.read(), null);
  },
  "write ended": (socket) => socket.closeWrite(),
  "both ended": async (socket, peer) => {
    peer.end();
    await socket.closeWrite();
    assertEquals(await socket.read(), null);
  },
  "write failed": async (socket) => {
    // Cut off while it waits: the writing side is broken, the reading side is not.
    await assertRejects(
      () => socket.write(STALLING, { timeoutMs: 20 }),
      TimeoutError,
    );
  },
  broken: async (socket, peer) => {
    const reading = outcome(socket.read());
    await peer.reset();
    assertInstanceOf(await reading, BrokenError);
  },
  closing: (socket) => void socket.close(),
  "closing, with output": async (socket) => {
    await socket.write(new Uint8Array(60_000));
    socket.close().catch(() => {});
  },
  closed: (socket) => socket.abort(),
  detached: (socket) => {
    const { transport } = socket.detach();
    transport.close();
  },
};

/** What is under way when the reset comes. */
const CALLS: Record<string, (socket: Socket) => Promise<unknown>> = {
  nothing: () => Promise.resolve(),
  read: (socket) => socket.read(),
  readExactly: (socket) => socket.readExactly(1_000),
  readLine: (socket) => socket.readLine(),
  "a stalled write": (socket) => socket.write(STALLING),
  flush: (socket) => {
    socket.write(STALLING.subarray()).catch(() => {});
    return socket.flush();
  },
  closeWrite: (socket) => {
    socket.write(STALLING.subarray()).catch(() => {});
    return socket.closeWrite();
  },
  close: (socket) => socket.close(),
};

for (const [state, prepare] of Object.entries(STATES)) {
  Deno.test(
    `a reset ends every call with a typed error when the socket is ${state}`,
    { timeout },
    async () => {
      for (const [name, call] of Object.entries(CALLS)) {
        const [socket, peer] = await acceptRaw();
        await prepare(socket, peer);
        // Called before the reset, settled by it.
        const pending = outcome(call(socket));
        await peer.reset();
        report.faults++;
        // Without a call, a reset is not noticed.
        if (name === "nothing") {
          await outcome(socket.read({ timeoutMs: 2_000 }));
        }
        const first = await pending;
        if (state === "open" && name !== "nothing" && name !== "close") {
          assertInstanceOf(first, BrokenError, name);
          assert(["reset", "broken-pipe"].includes(first.reason), name);
        }
        const results = [
          first,
          await outcome(socket.write("more")),
          await outcome(socket.flush()),
          await outcome(socket.read({ timeoutMs: 2_000 })),
          await outcome(socket.closeWrite()),
          await outcome(socket.close()),
        ];
        for (const result of results) {
          const typed = !(result instanceof Error) ||
            result instanceof SocketError;
          assert(typed, `${name}: ${Deno.inspect(result)}`);
          assert(!(result instanceof TimeoutError) || state === "write failed");
        }
        await socket.closed;
        assert(socket.signal.aborted);
        assertInstanceOf(await outcome(socket.write("late")), SocketError);
      }
    },
  );
}

Deno.test(
  "a reset is told from a clean end, and once the input before it was read",
  { timeout },
  async () => {
    for (let round = 0; round < 20; round++) {
      const [socket, peer] = await acceptRaw();
      const reading = outcome(socket.readExactly(10));
      await peer.reset();
      report.faults++;
      const error = await reading;
      assertInstanceOf(error, BrokenError);
      assertEquals(error.reason, "reset");
      assertEquals(await outcome(socket.read()), error);
      assertEquals(await outcome(socket.read()), error);
    }
  },
);

Deno.test(
  "a client that resets in the backlog ends neither listen() nor serve()",
  { timeout, ignore: !linux },
  async () => {
    using listener = listen({ port: 0 });
    const { port } = listener.addr;
    await using day = badDayServer();
    day.server.suspend();
    for (let i = 0; i < 50; i++) {
      await (await rawClient(port)).reset();
      await (await rawClient(day.port)).reset();
      report.connections += 2;
      report.faults += 2;
    }
    const [socket, client] = await Promise.all([
      nextAlive(listener[Symbol.asyncIterator]()),
      connect({ port }).then(async (client) => {
        await client.write("!");
        return client;
      }),
    ]);
    assertEquals(socket.remoteAddr, client.localAddr);
    socket.abort();
    client.abort();

    day.server.resume();
    await assertServes(day.port);
    const { acceptErrors, failed, accepted } = day.server.stats;
    // Each was noticed somewhere, and none more than once.
    assertEquals(acceptErrors + accepted, 51);
    assertGreater(acceptErrors + failed, 0);
  },
);

/** The first client that has something to say. */
async function nextAlive(sockets: AsyncIterator<Socket>): Promise<Socket> {
  while (true) {
    const { value } = await sockets.next();
    if (await outcome(value.readExactly(1)) instanceof Uint8Array) return value;
    value.abort();
  }
}

Deno.test("a peer that ended its side gets every byte of the answer", {
  timeout,
}, async () => {
  const random = seededRandom(SEED);
  await using day = badDayServer(async (socket) => {
    let question = 0;
    for await (const chunk of socket) question += chunk.length;
    await socket.write(new Uint8Array(question * 100));
  });
  await Promise.all(Array.from({ length: 20 }, async () => {
    const length = 1 + Math.floor(random() * 50_000);
    await using client = await connect({ port: day.port });
    report.connections++;
    report.faults++;
    await client.write(new Uint8Array(length));
    await client.closeWrite();
    let answer = 0;
    for await (const chunk of client) answer += chunk.length;
    report.bytesAcknowledged += length * 100;
    report.bytesLost += length * 100 - answer;
    assertEquals(answer, length * 100);
  }));
  await day.happened("closed", 20);
  assertEquals(day.errors, []);
});

Deno.test("a server that ended its side still gets every byte of its client", {
  timeout,
}, async () => {
  const done = Promise.withResolvers<number>();
  await using day = badDayServer(async (socket) => {
    await socket.write("go on");
    await socket.closeWrite();
    let total = 0;
    for await (const chunk of socket) total += chunk.length;
    done.resolve(total);
  });
  await using client = await connect({ port: day.port });
  report.connections++;
  report.faults++;
  assertEquals((await client.readExactly(5)).length, 5);
  assertEquals(await client.read(), null);
  await client.write(new Uint8Array(3_000_000));
  await client.close();
  report.bytesAcknowledged += 3_000_000;
  report.bytesLost += 3_000_000 - await done.promise;
  assertEquals(await done.promise, 3_000_000);
});

Deno.test(
  "a peer that talks on after its question gets every byte of the answer",
  {
    timeout,
  },
  async () => {
    const total = 1_500_000;
    await using day = badDayServer(async (socket) => {
      await socket.readLine();
      await socket.write(new Uint8Array(total));
      // Returns with unread input: a plain close would now reset the connection, and
      // take what the system has not yet sent with it.
    });
    await Promise.all(Array.from({ length: 10 }, async () => {
      const client = await connect({
        port: day.port,
        maxReadBytesPerSecond: 5_000_000,
      });
      report.connections++;
      report.faults++;
      await client.write("question\n");
      const talking = (async () => {
        while (true) await client.write(new Uint8Array(1_000));
      })().catch(() => {});
      const answer = await client.readExactly(total, { timeoutMs: 10_000 });
      report.bytesAcknowledged += total;
      report.bytesLost += total - answer.length;
      client.abort();
      await talking;
    }));
    await day.happened("closed", 10);
  },
);

Deno.test("a peer that vanishes without a word is let go after idleMs", {
  timeout,
}, async () => {
  using clock = fakeClock();
  using network = memoryNetwork({ seed: SEED });
  const failures: unknown[] = [];
  const server = network.serve({
    name: "server",
    idleMs: 60_000,
    onError: (error) => void failures.push(error),
  }, async (socket) => {
    for await (const chunk of socket) await socket.write(chunk);
  });
  const connecting = Promise.all(
    Array.from({ length: 20 }, () => network.connect({ name: "server" })),
  );
  await clock.advance(10);
  const clients = await connecting;
  report.connections += clients.length;
  for (const client of clients) client.write("still here");
  await clock.advance(10);
  assertEquals(server.stats.active, clients.length);

  network.partition();
  report.faults += clients.length;
  await clock.advance(120_000);
  assertEquals(server.stats.active, 0);
  assertEquals(failures.length, clients.length);
  for (const failure of failures) assertInstanceOf(failure, TimeoutError);
  for (const client of clients) client.abort();
  const ending = server.shutdown();
  await clock.advance(1_000);
  await ending;
});

Deno.test(
  "a close to a peer that never ends its side takes no longer than closeTimeoutMs",
  { timeout },
  async () => {
    using listener = listen({ port: 0, closeTimeoutMs: 100 });
    const { port } = listener.addr;
    const [socket, peer] = await Promise.all([
      listener.accept(),
      rawClient(port),
    ]);
    await using _ = peer;
    report.connections++;
    report.faults++;
    await socket!.write("goodbye");
    await socket!.close();
    await socket!.closed;
    assertInstanceOf(await outcome(socket!.read()), ClosedError);
  },
);
