/**
 * Clients that take for ever: none of them holds a server, a handler or a socket for
 * longer than its limits say, and none of them slows down the others.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertGreater,
  assertInstanceOf,
  assertLess,
} from "@std/assert";
import {
  connect,
  framed,
  interval,
  lengthPrefixed,
  LimitError,
  lines,
  TimeoutError,
} from "@sluice/net";
import { createAuthority } from "../_support/certificates.ts";
import {
  assertServes,
  type BadDayServer,
  badDayServer,
  echo,
} from "./_bad_day_server.ts";
import { readAll, writeAll } from "./_raw_client.ts";
import { beginReport } from "./_report.ts";

const timeout = 20_000;
const hostname = "127.0.0.1";
const report = beginReport("slow clients");

/** Sends a byte every 10 ms until it is cut off; gives how many it got rid of. */
async function drip(port: number, byte: string): Promise<number> {
  using conn = await Deno.connect({ hostname, port });
  report.connections++;
  const gone = readAll(conn);
  const stop = new AbortController();
  gone.then(() => stop.abort());
  const data = new TextEncoder().encode(byte);
  let dripped = 0;
  try {
    for await (const _ of interval(10, { signal: stop.signal })) {
      if (!await writeAll(conn, data)) break;
      dripped++;
    }
  } catch {
    // Cut off between two drops.
  }
  await gone;
  report.faults++;
  return dripped;
}

/** Ten that drip, and one that does not notice. */
async function assertCutsOff(
  { port, server }: BadDayServer,
  byte: string,
): Promise<void> {
  const started = performance.now();
  const dripping = Array.from({ length: 10 }, () => drip(port, byte));
  for (let i = 0; i < 20; i++) await assertServes(port);
  const dripped = await Promise.all(dripping);
  assertLess(performance.now() - started, 5_000);
  // They were listened to at first, and not for ever.
  for (const bytes of dripped) assertGreater(bytes, 2);
  for (const bytes of dripped) assertLess(bytes, 300);
  assertEquals(server.stats.failed, 10);
}

Deno.test("a client that drips is cut off by minReadBytesPerSecond", {
  timeout,
}, async () => {
  await using day = badDayServer(echo, {
    minReadBytesPerSecond: 1_000,
    minReadWindowMs: 250,
  });
  await assertCutsOff(day, "a");
  for (const error of day.errors) {
    assertInstanceOf(error, LimitError);
    assertEquals(error.option, "minReadBytesPerSecond");
  }
});

Deno.test("a client that drips a frame is cut off by frameTimeoutMs", {
  timeout,
}, async () => {
  await using day = badDayServer(async (socket) => {
    const connection = framed(socket, lines(), { frameTimeoutMs: 250 });
    for await (const line of connection) await connection.send(line);
  });
  await assertCutsOff(day, "a");
  for (const error of day.errors) assertInstanceOf(error, TimeoutError);
});

Deno.test(
  "a client that reads a few bytes at a time is cut off by minWriteBytesPerSecond",
  {
    timeout,
  },
  async () => {
    const day = badDayServer(async (socket) => {
      // One asks for much, the other for what it takes.
      const line = await socket.readLine();
      await socket.write(new Uint8Array(Number(line)));
    }, {
      minWriteBytesPerSecond: 200_000,
      minWriteWindowMs: 250,
    });
    await using _ = day;
    const started = performance.now();
    const slow = await Promise.all(Array.from({ length: 5 }, async () => {
      const client = await connect({
        port: day.port,
        maxReadBytesPerSecond: 20_000,
      });
      await client.write("32000000\n");
      return client;
    }));
    report.connections += slow.length;
    const reading = slow.map(async (client) => {
      let received = 0;
      try {
        for await (const chunk of client) received += chunk.length;
      } catch {
        // Cut off with a reset, as it has written nothing more.
      }
      return received;
    });
    // A client that takes what it is sent is served meanwhile.
    for (let i = 0; i < 5; i++) {
      await using client = await connect({ port: day.port });
      report.connections++;
      await client.write("1000000\n");
      assertEquals((await client.readExactly(1_000_000)).length, 1_000_000);
    }
    await day.happened("error", slow.length);
    assertLess(performance.now() - started, 8_000);
    report.faults += slow.length;
    assertEquals(day.errors.length, slow.length);
    for (const error of day.errors) {
      assertInstanceOf(error, LimitError);
      assertEquals(error.option, "minWriteBytesPerSecond");
    }
    for (const client of slow) client.abort();
    for (const received of await Promise.all(reading)) {
      assertLess(received, 32_000_000);
    }
  },
);

Deno.test(
  "a client that says nothing is cut off by idleMs",
  { timeout },
  async () => {
    await using day = badDayServer(echo, { idleMs: 200 });
    const silent = await Promise.all(
      Array.from(
        { length: 20 },
        () => Deno.connect({ hostname, port: day.port }),
      ),
    );
    report.connections += silent.length;
    await assertServes(day.port);
    await Promise.all(silent.map(readAll));
    report.faults += silent.length;
    await day.happened("timeout", silent.length);
    for (const error of day.errors) {
      assertInstanceOf(error, TimeoutError);
      assertEquals(error.timeoutMs, 200);
    }
    silent.forEach((conn) => conn.close());
  },
);

Deno.test("a handler can still write to a client that is silent for readMs", {
  timeout,
}, async () => {
  await using day = badDayServer(async (socket) => {
    try {
      await socket.readLine();
    } catch (error) {
      assert(error instanceof TimeoutError);
      await socket.write("too slow\n");
    }
  }, { readMs: 100 });
  await using client = await connect({ port: day.port });
  report.connections++;
  report.faults++;
  assertEquals(await client.readLine({ timeoutMs: 5_000 }), "too slow");
  assertEquals(await client.read({ timeoutMs: 5_000 }), null);
  assertEquals(day.errors, []);
});

Deno.test(
  "a client that is silent in the TLS handshake delays no other and is cut off",
  { timeout },
  async () => {
    const authority = await createAuthority();
    await using day = badDayServer(echo, {
      tls: { ...await authority.issue(), dropSilent: true },
      handshakeTimeoutMs: 300,
    });
    const { port } = day;
    const silent = await Promise.all(
      Array.from({ length: 20 }, () => Deno.connect({ hostname, port })),
    );
    report.connections += silent.length;
    report.faults += silent.length;
    await using client = await connect({
      port,
      tls: { caCerts: [authority.cert] },
      timeoutMs: 5_000,
    });
    await client.write("hello\n");
    assertEquals(await client.readLine({ timeoutMs: 5_000 }), "hello");
    await Promise.all(silent.map(readAll));
    await day.happened("tls-failed", silent.length);
    for (const event of day.events) {
      if (event.type === "tls-failed") {
        assertInstanceOf(event.error, TimeoutError);
      }
    }
    assertEquals(day.server.stats.rejected, silent.length);
    silent.forEach((conn) => conn.close());
  },
);

Deno.test(
  "a client that connects and goes, again and again, leaves nothing behind",
  { timeout },
  async () => {
    await using day = badDayServer();
    for (let round = 0; round < 20; round++) {
      const conns = await Promise.all(
        Array.from(
          { length: 25 },
          () => Deno.connect({ hostname, port: day.port }),
        ),
      );
      conns.forEach((conn) => conn.close());
      report.connections += conns.length;
    }
    await day.happened("closed", 500);
    await assertServes(day.port);
    await day.happened("closed", 501);
    assertEquals(day.server.stats.active, 0);
    assertEquals(day.errors, []);
  },
);

Deno.test("a frame that claims much and brings little takes no memory", {
  timeout,
}, async () => {
  const GIB = 1024 ** 3;
  await using day = badDayServer(async (socket) => {
    const connection = framed(socket, lengthPrefixed({ maxFrameBytes: GIB }));
    for await (const frame of connection) await connection.send(frame);
  });
  const memory = () => {
    const { heapUsed, external } = Deno.memoryUsage();
    return heapUsed + external;
  };
  const before = memory();
  const conns = await Promise.all(
    Array.from(
      { length: 100 },
      () => Deno.connect({ hostname, port: day.port }),
    ),
  );
  report.connections += conns.length;
  for (const conn of conns) {
    await writeAll(conn, new Uint8Array([0x3f, 0xff, 0xff, 0xff, 1, 2, 3]));
    report.faults++;
  }
  await day.happened("accepted", conns.length);
  while (day.server.stats.bytesRead < 7 * conns.length) {
    await new Promise((resolve) => void setImmediate(resolve));
  }
  // A hundred claims of a gibibyte.
  assertLess(memory() - before, 32 * 1024 * 1024);
  conns.forEach((conn) => conn.close());
  await day.happened("closed", conns.length);
});
