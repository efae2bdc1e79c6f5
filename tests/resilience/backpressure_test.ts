/**
 * Peers that do not read, and many tasks that write: memory stays flat, and what is
 * written stays whole and in order.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
} from "@std/assert";
import {
  connect,
  framed,
  type Handler,
  lengthPrefixed,
  LimitError,
  TimeoutError,
} from "@sluice/net";
import { DenoProgram } from "../_support/deno_program.ts";
import { badDayServer } from "./_bad_day_server.ts";
import { SEED, seededRandom } from "./_random.ts";
import { rawClient, readAll } from "./_raw_client.ts";
import { beginReport } from "./_report.ts";

const timeout = 30_000;
const hostname = "127.0.0.1";
const MIB = 1024 * 1024;
const report = beginReport("backpressure");

Deno.test(
  "peers that never read hold the memory of a server flat",
  { timeout },
  async () => {
    // A process of its own, so that no other garbage is measured. Each handler
    // has more to send than the machine has memory.
    await using program = await DenoProgram.start(`
    import { serve } from "@sluice/net";
    let tries = 0;
    const chunk = new Uint8Array(1024 * 1024);
    const small = new Uint8Array(100);
    const server = serve({ port: 0 }, async (socket) => {
      const line = await socket.readLine();
      if (line === "memory") {
        const { rss, heapUsed, external } = Deno.memoryUsage();
        const used = heapUsed + external;
        return await socket.write(JSON.stringify({ rss, used, tries }) + "\\n");
      }
      while (true) {
        tries++;
        await socket.write(line === "large" ? chunk : small);
      }
    });
    console.log(server.addr.port);
  `);
    const port = Number(await program.nextLine());
    const measure = async () => {
      await using client = await connect({ port });
      await client.write("memory\n");
      return JSON.parse((await client.readLine({ timeoutMs: 10_000 }))!);
    };
    /** As soon as no handler gets on any more. */
    const measureAtRest = async () => {
      let before = await measure();
      while (true) {
        await new Promise((resolve) => setTimeout(resolve, 50));
        const now = await measure();
        if (now.tries === before.tries) return now;
        before = now;
      }
    };
    const before = await measure();
    const clients = await Promise.all(
      Array.from({ length: 50 }, async (_, index) => {
        const client = await rawClient(port);
        client.send(index % 2 === 0 ? "large\n" : "small\n");
        return client;
      }),
    );
    report.connections += clients.length;
    report.faults += clients.length;
    const stuck = await measureAtRest();
    assert(stuck.tries > before.tries);
    // Large arrays go out by reference: a MiB each, and a high-water mark each.
    assertLess(stuck.used - before.used, 25 * MIB + 50 * 256 * 1024);
    assertLess(stuck.rss - before.rss, 100 * MIB);
    // It is not that they slowly grow.
    const later = await measureAtRest();
    assertLess(later.used - stuck.used, 4 * MIB);
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  },
);

Deno.test("a handler that awaits no write is stopped by maxPendingBytes", {
  timeout,
}, async () => {
  const flood: Handler = async (socket) => {
    const chunk = new Uint8Array(10_000);
    for (let i = 0; i < 100_000; i++) {
      socket.write(chunk);
      if (i % 100 === 0) await new Promise((next) => void setImmediate(next));
    }
    await socket.flush();
  };
  await using day = badDayServer(flood, { maxPendingBytes: 2 * MIB });
  const clients = await Promise.all(
    Array.from({ length: 5 }, () => rawClient(day.port)),
  );
  report.connections += clients.length;
  report.faults += clients.length;
  await day.happened("closed", clients.length);
  assertEquals(day.errors.length, clients.length);
  for (const error of day.errors) {
    assertInstanceOf(error, LimitError);
    assertEquals(error.option, "maxPendingBytes");
  }
  await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
});

Deno.test(
  "a peer that never reads is cut off by writeMs",
  { timeout },
  async () => {
    await using day = badDayServer(async (socket) => {
      const chunk = new Uint8Array(MIB);
      while (true) await socket.write(chunk);
    }, { writeMs: 200 });
    const clients = await Promise.all(
      Array.from({ length: 10 }, () => rawClient(day.port)),
    );
    report.connections += clients.length;
    report.faults += clients.length;
    await day.happened("timeout", clients.length);
    for (const error of day.errors) {
      assertInstanceOf(error, TimeoutError);
      assertEquals(error.timeoutMs, 200);
    }
    await Promise.all(clients.map((client) => client[Symbol.asyncDispose]()));
  },
);

Deno.test(
  "a reader that takes its time is not cut off by writeMs",
  { timeout },
  async () => {
    const total = 8 * MIB;
    await using day = badDayServer(
      (socket) => socket.write(new Uint8Array(total)),
      { writeMs: 300 },
    );
    await using client = await connect({
      port: day.port,
      maxReadBytesPerSecond: 12 * MIB,
    });
    report.connections++;
    report.faults++;
    let received = 0;
    for await (const chunk of client) received += chunk.length;
    report.bytesAcknowledged += total;
    report.bytesLost += total - received;
    assertEquals(received, total);
    assertEquals(day.errors, []);
  },
);

Deno.test(
  "what concurrent tasks write stays whole and in order, to a slow reader too",
  { timeout },
  async () => {
    const [writers, messages] = [40, 50];
    const random = seededRandom(SEED);
    const sizes = Array.from(
      { length: writers * messages },
      () => 4 + Math.floor(random() ** 4 * 100_000),
    );
    await using day = badDayServer(async (socket) => {
      const connection = framed(socket, lengthPrefixed());
      await Promise.all(Array.from({ length: writers }, async (_, writer) => {
        for (let number = 0; number < messages; number++) {
          const message = new Uint8Array(sizes[writer * messages + number])
            .fill(writer);
          message[1] = number;
          await connection.send(message);
        }
      }));
    });
    await using client = await connect({
      port: day.port,
      maxReadBytesPerSecond: 60 * MIB,
    });
    report.connections++;
    report.faults += writers;
    const next = new Array(writers).fill(0);
    for await (const message of framed(client, lengthPrefixed())) {
      const writer = message[0];
      const number = next[writer]++;
      assertEquals(message[1], number);
      assertEquals(message.length, sizes[writer * messages + number]);
      message[1] = writer;
      assert(message.every((byte) => byte === writer));
      report.bytesAcknowledged += message.length;
    }
    assertEquals(next, new Array(writers).fill(messages));
    const sent = sizes.reduce((sum, size) => sum + size);
    assertEquals(client.stats.bytesRead, sent + 4 * sizes.length);
  },
);

Deno.test(
  "a server that never reads makes its clients wait, and takes no memory",
  { timeout },
  async () => {
    const release = Promise.withResolvers<void>();
    await using day = badDayServer(() => release.promise);
    const { port } = day;
    const clients = await Promise.all(
      Array.from({ length: 20 }, () => connect({ port })),
    );
    report.connections += clients.length;
    report.faults += clients.length;
    const stalled = await Promise.all(clients.map(async (client) => {
      const chunk = new Uint8Array(256 * 1024);
      try {
        while (true) await client.write(chunk, { timeoutMs: 150 });
      } catch (error) {
        return error;
      }
    }));
    for (const error of stalled) assertInstanceOf(error, TimeoutError);
    assertEquals(day.server.stats.bytesRead, 0);
    release.resolve();
    clients.forEach((client) => client.abort());
    await day.happened("closed", clients.length);
  },
);

Deno.test(
  "a transfer through a chain of relays loses no byte however slow its end is",
  { timeout },
  async () => {
    const total = 6 * MIB;
    await using source = badDayServer(async (socket) => {
      const chunk = new Uint8Array(64 * 1024);
      for (let sent = 0; sent < total; sent += chunk.length) {
        await socket.write(chunk.fill(sent / chunk.length));
      }
    });
    await using relay = badDayServer(async (socket) => {
      await using upstream = await connect({ port: source.port });
      for await (const chunk of upstream) await socket.write(chunk);
    });
    await using throttled = badDayServer(async (socket) => {
      await using upstream = await connect({ port: relay.port });
      await upstream.readable.pipeTo(socket.writable);
    }, { maxWriteBytesPerSecond: 20 * MIB });
    using conn = await Deno.connect({ hostname, port: throttled.port });
    report.connections += 3;
    report.faults++;
    const received = await readAll(conn);
    report.bytesAcknowledged += total;
    report.bytesLost += total - received;
    assertEquals(received, total);
  },
);
