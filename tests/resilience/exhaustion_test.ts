/**
 * More clients than a machine wants: out of descriptors, and ten thousand at once.
 *
 * @module
 */

import { assert, assertEquals, assertGreater, assertLess } from "@std/assert";
import { connect, type Socket } from "@sluice/net";
import { DenoProgram } from "../_support/deno_program.ts";
import { beginReport } from "./_report.ts";

const timeout = 60_000;
const hostname = "127.0.0.1";
const linux = Deno.build.os === "linux";
const report = beginReport("exhaustion");

/** An echo that tells how it is doing to a client that sends the line "stats". */
const SERVER = `
  import { framed, lines, serve } from "@sluice/net";
  const server = serve({
    port: 0,
    maxConnections: 20_000,
    idleMs: 120_000,
  }, async (socket) => {
    const connection = framed(socket, lines());
    for await (const line of connection) {
      const { rss } = Deno.memoryUsage();
      await connection.send(
        line === "stats" ? JSON.stringify({ rss, ...server.stats }) : line,
      );
    }
  });
  console.log(server.addr.port);
`;

/** What the server above says about itself. */
async function statsOf(socket: Socket) {
  await socket.write("stats\n");
  return JSON.parse((await socket.readLine({ timeoutMs: 20_000 }))!);
}

Deno.test(
  "a server out of descriptors serves on, and takes new clients when some leave",
  { timeout, ignore: !linux },
  async () => {
    await using program = await DenoProgram.start(SERVER, { descriptors: 64 });
    const port = Number(await program.nextLine());
    await using first = await connect({ port });
    const { acceptErrors: before } = await statsOf(first);
    assertEquals(before, 0);
    for (let round = 0; round < 5; round++) {
      const many = await Promise.all(
        Array.from({ length: 150 }, () => Deno.connect({ hostname, port })),
      );
      report.connections += many.length;
      report.faults += many.length;
      // It is full: those who are in are served, and it does not spin.
      let stats = await statsOf(first);
      while (stats.acceptErrors === 0) stats = await statsOf(first);
      assertLess(stats.active, 64);
      many.forEach((conn) => conn.close());
      // And one who comes after is served, as soon as there is room.
      await using late = await connect({ port });
      await late.write("hello\n");
      assertEquals(await late.readLine({ timeoutMs: 10_000 }), "hello");
    }
    const { acceptErrors } = await statsOf(first);
    // At most a retry each few milliseconds for a second or two, not thousands.
    assertLess(acceptErrors, 200);
  },
);

/** Most descriptors that a process may have here. */
async function hardLimit(): Promise<number> {
  if (Deno.build.os === "windows") return 0;
  const { stdout } = await new Deno.Command("/bin/sh", {
    args: ["-c", "ulimit -Hn"],
  }).output();
  const text = new TextDecoder().decode(stdout).trim();
  return text === "unlimited" ? Infinity : Number(text);
}

const IDLE = 10_000;
const enough = linux && await hardLimit() >= IDLE + 200;
if (!enough) {
  console.log(
    `skipping ${IDLE} idle clients: a process must be allowed ${
      IDLE + 200
    } descriptors, got ${await hardLimit()}`,
  );
}

Deno.test("ten thousand idle clients are held, and others served as ever", {
  timeout,
  ignore: !enough,
}, async () => {
  await using program = await DenoProgram.start(SERVER);
  const port = Number(await program.nextLine());
  await using client = await connect({ port });
  const empty = await statsOf(client);
  // The other side needs as many descriptors: a process of its own.
  await using crowd = await DenoProgram.start(`
    import { connect } from "@sluice/net";
    const sockets = [];
    while (sockets.length < ${IDLE}) {
      sockets.push(...await Promise.all(
        Array.from({ length: 250 }, () => connect({ port: ${port} })),
      ));
    }
    console.log(sockets.length);
    // Until this side is killed: a signal of life from a hundred of them.
    for (let i = 0; i < ${IDLE}; i += 100) {
      await sockets[i].write("still here\\n");
      if (await sockets[i].readLine() !== "still here") throw new Error("lost");
    }
    console.log("all there");
    for (const socket of sockets) socket.abort();
    console.log("gone");
  `);
  assertEquals(Number(await crowd.nextLine()), IDLE);
  report.connections += IDLE;
  // The last ones are connected before they are accepted: they wait in the backlog.
  let full = await statsOf(client);
  while (full.active < IDLE + 1) full = await statsOf(client);
  assertEquals(full.active, IDLE + 1);
  assertEquals(full.acceptErrors, 0);
  const bytesEach = (full.rss - empty.rss) / IDLE;
  assertGreater(bytesEach, 0);
  assert(bytesEach < 20_000, `${bytesEach} bytes for each idle connection`);
  console.log(
    `${IDLE} idle clients: ${(bytesEach / 1024).toFixed(1)} KiB each`,
  );
  assertEquals(await crowd.nextLine(), "all there");
  assertEquals(await crowd.nextLine(), "gone");
  let left = await statsOf(client);
  while (left.active > 1) left = await statsOf(client);
  assertEquals(left.accepted, IDLE + 1);
});
