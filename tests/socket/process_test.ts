/**
 * What a socket keeps a process alive for, and what it does not.
 *
 * @module
 */

import { assert, assertEquals } from "@std/assert";
import { createAuthority } from "../_support/certificates.ts";
import { DenoProgram } from "../_support/deno_program.ts";
import { testOverMemoryAndTcp, TIMEOUT } from "../_support/sockets.ts";

/** A program with two ends of a TCP connection, which must end by itself. */
async function endsByItself(body: string): Promise<string[]> {
  await using program = await DenoProgram.start(`
    import { connect, framed, lines, serve, Socket } from "@sluice/net";
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const socket = await connect({ port: listener.addr.port });
    const conn = await accepted;
    listener.close();
    ${body}
    console.log("done");
  `);
  const lines = [];
  while (lines.at(-1) !== "done") lines.push(await program.nextLine());
  const { code, errors } = await program.ended();
  assertEquals([code, errors], [0, ""]);
  return lines;
}

Deno.test("an idle limit does not keep a process alive", TIMEOUT, async () => {
  await endsByItself("socket.setTimeouts({ idleMs: 3_600_000 });");
});

Deno.test(
  "a read that timed out does not keep a process alive",
  TIMEOUT,
  async () => {
    await endsByItself(`
    for (let i = 0; i < 3; i++) {
      await socket.read({ timeoutMs: 5 }).catch(() => {});
    }
  `);
  },
);

Deno.test(
  "a receive that was aborted does not keep a process alive",
  TIMEOUT,
  async () => {
    await endsByItself(`
    const connection = framed(socket, lines());
    await connection.receive({ signal: AbortSignal.timeout(5) }).catch(() => {});
    socket.setTimeouts({ idleMs: 3_600_000, readMs: 3_600_000 });
  `);
  },
);

Deno.test(
  "minimum rates and a limit of frames do not keep a process alive",
  TIMEOUT,
  async () => {
    await endsByItself(`
    const { transport } = socket.detach();
    const again = new Socket(transport, {
      minReadBytesPerSecond: 1,
      minReadWindowMs: 3_600_000,
      minWriteBytesPerSecond: 1,
      minWriteWindowMs: 3_600_000,
    });
    await conn.write(new TextEncoder().encode("half a frame"));
    const connection = framed(again, lines(), { frameTimeoutMs: 3_600_000 });
    await connection.receive({ timeoutMs: 50 }).catch(() => {});
    await again.write("x");
    await again.flush();
  `);
  },
);

Deno.test(
  "a read that waits keeps a process alive, also after one that timed out",
  TIMEOUT,
  async () => {
    const lines = await endsByItself(`
    await socket.read({ timeoutMs: 5 }).catch(() => {});
    const reading = socket.readLine();
    // Nothing else holds the process but its timers, and those do not.
    const { unrefTimer } = Deno;
    unrefTimer(setTimeout(() => conn.write(new TextEncoder().encode("late\\n")), 200));
    console.log(await reading);
    // The read in flight brought it, and a new one counts again.
    unrefTimer(setTimeout(() => conn.write(new TextEncoder().encode("later\\n")), 200));
    console.log(await socket.readLine());
  `);
    assertEquals(lines, ["late", "later", "done"]);
  },
);

Deno.test(
  "unref() lets a process end while a read waits, and ref() takes it back",
  TIMEOUT,
  async () => {
    await endsByItself(`
    socket.unref();
    socket.read().catch(() => {});
  `);
    await endsByItself(`
    socket.read().catch(() => {});
    socket.ref();
    socket.unref();
  `);
    const lines = await endsByItself(`
    socket.unref();
    await socket.read({ timeoutMs: 5 }).catch(() => {});
    const reading = socket.readLine();
    socket.ref();
    Deno.unrefTimer(setTimeout(() => conn.write(new TextEncoder().encode("late\\n")), 200));
    console.log(await reading);
  `);
    assertEquals(lines, ["late", "done"]);
  },
);

Deno.test(
  "what was written leaves before a process ends by itself",
  TIMEOUT,
  async () => {
    // Small, so that it is in a batch that has yet to leave; large, so that it takes many
    // writes; with input waiting, when batches leave late; and throttled.
    for (
      const { setUp = "", text, options = "" } of [
        { text: "hello" },
        { text: "x".repeat(3_000_000) },
        { setUp: `await socket.peek(1)`, text: "behind unread input" },
        {
          text: "y".repeat(20_000),
          options: "maxWriteBytesPerSecond: 100_000",
        },
        { setUp: `socket.unref()`, text: "z".repeat(3_000_000) },
      ]
    ) {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const accepted = listener.accept();
      await using program = await DenoProgram.start(`
      import { connect } from "@sluice/net";
      const socket = await connect({
        port: ${listener.addr.port}, ${options}
      });
      ${setUp};
      const text = ${JSON.stringify(text)};
      await socket.write(text.slice(0, 3));
      socket.write(text.slice(3));
    `);
      using conn = await accepted;
      listener.close();
      // Not always: an end with unread input would be a reset.
      if (setUp.includes("peek")) await conn.write(new Uint8Array(1));
      const received = await new Response(conn.readable).text().catch(String);
      assertEquals(received.length, text.length);
      assert(received === text);
      assertEquals(await program.exitCode(), 0);
    }
  },
);

testOverMemoryAndTcp("ref() and unref() are always safe", async (makePair) => {
  using pair = await makePair();
  const { left, right } = pair;
  left.unref();
  left.ref();
  await right.write("x");
  assertEquals((await left.read())?.length, 1);
  left.abort();
  left.ref();
  left.unref();
});

Deno.test(
  "a read that readMs limits keeps no process alive after unref(), and does after ref()",
  TIMEOUT,
  async () => {
    await endsByItself(`
    socket.setTimeouts({ readMs: 3_600_000 });
    socket.read();
    socket.unref();
    const other = new Socket(conn, { readMs: 20 });
    other.unref();
    other.ref();
    await other.read().catch(({ name }) => console.log(name));
    other.unref();
    other.setTimeouts({ readMs: 3_600_000 });
    other.read();
  `);
  },
);

Deno.test(
  "close() of a socket without ref does not wait for a silent peer",
  TIMEOUT,
  async () => {
    await endsByItself(`
    const other = new Socket(conn, { closeTimeoutMs: 3_600_000 });
    other.unref();
    await other.write("sent all the same\\n");
    other.close();
    console.log(await socket.readLine());
  `);
  },
);

Deno.test(
  "ref() does not make a read keep a process alive for which no call waits",
  TIMEOUT,
  async () => {
    await endsByItself(`
    await socket.read({ timeoutMs: 5 }).catch(() => {});
    socket.ref();
  `);
  },
);

Deno.test(
  "a pool whose connections were idle keeps no process alive, nor one that was unref'd",
  TIMEOUT,
  async () => {
    await endsByItself(`
    const { Pool } = await import("@sluice/net/client");
    const other = new Socket(conn);
    other.unref();
    const sockets = [socket, other];
    const pool = new Pool({ open: () => sockets.pop(), max: 2, min: 2 });
    // By then the pool looks for their ends.
    await new Promise((resolve) => setTimeout(resolve, 150));
    const [lease, another] = [await pool.acquire(), await pool.acquire()];
    // It does not hold the process, as its owner has said.
    other.read();
    // And neither does one that is idle again.
    (lease.value === socket ? lease : another).release();
    await new Promise((resolve) => setTimeout(resolve, 150));
  `);
  },
);

Deno.test(
  "a connection over TLS for which no call waits keeps no process alive",
  TIMEOUT,
  async () => {
    const authority = await createAuthority();
    const tls = JSON.stringify(await authority.issue());
    const caCerts = JSON.stringify([authority.cert]);
    await endsByItself(`
    const other = new Socket(conn);
    const verify = () => {};
    await Promise.all([
      other.acceptTls(${tls}),
      socket.startTls({ caCerts: ${caCerts}, verify }),
    ]);
    await other.write("hello");
    await socket.read();
  `);
  },
);
