import { assertEquals } from "@std/assert";
import { Admission } from "../../lib/server/_admission.ts";
import { serve } from "../../lib/server/serve.ts";
import { connect } from "../../lib/socket/connect.ts";
import { isSettled, TIMEOUT, turn } from "../_support/sockets.ts";
import { dial, until } from "./_clients.ts";

Deno.test(
  "maxConnections lets further clients wait in the backlog",
  TIMEOUT,
  async () => {
    await using server = serve(
      { port: 0, maxConnections: 2 },
      async (socket) => {
        await socket.write("served\n");
        await socket.read();
      },
    );
    const clients = await Promise.all([1, 2, 3].map(() => dial(server)));
    const served = clients.map((client) => client.readLine());
    await Promise.all(served.slice(0, 2));
    await turn();
    assertEquals(await isSettled(served[2]), false);
    assertEquals([server.stats.active, server.stats.rejected], [2, 0]);
    await clients[0].close();
    assertEquals(await served[2], "served");
    for (const client of clients) await client.close();
  },
);

Deno.test(
  "onLimit reject turns further clients away at once",
  TIMEOUT,
  async () => {
    const reasons: string[] = [];
    await using server = serve({
      port: 0,
      maxConnections: 1,
      onLimit: "reject",
      onEvent: (event) => {
        if (event.type === "rejected") reasons.push(event.reason);
      },
    }, async (socket) => {
      await socket.write("served\n");
      await socket.read();
    });
    using first = await dial(server);
    assertEquals(await first.readLine(), "served");
    using second = await dial(server);
    assertEquals(await second.readLine().catch(() => null), null);
    assertEquals(reasons, ["max-connections"]);
    const { accepted, rejected, active } = server.stats;
    assertEquals([accepted, rejected, active], [1, 1, 1]);
    await first.close();
    await until(() => server.stats.active === 0);
    using third = await dial(server);
    assertEquals(await third.readLine(), "served");
    await third.close();
  },
);

Deno.test(
  "maxConnectionsPerAddress turns away the one too many",
  TIMEOUT,
  async () => {
    const reasons: string[] = [];
    await using server = serve({
      port: 0,
      maxConnectionsPerAddress: 2,
      onEvent: (event) => {
        if (event.type === "rejected") reasons.push(event.reason);
      },
    }, async (socket) => {
      await socket.write("served\n");
      await socket.read();
    });
    const clients = await Promise.all([1, 2, 3].map(() => dial(server)));
    const lines = await Promise.all(
      clients.map((client) => client.readLine().catch(() => null)),
    );
    assertEquals(lines.filter((line) => line === "served").length, 2);
    assertEquals(reasons, ["max-connections-per-address"]);
    for (const client of clients) await client.close();
    await until(() => server.stats.active === 0);
    using again = await dial(server);
    assertEquals(await again.readLine(), "served");
    await again.close();
  },
);

Deno.test("connections are counted by host, whatever the port", () => {
  const admission = new Admission({ maxConnectionsPerAddress: 1 });
  const addr = (hostname: string, port: number) =>
    ({ transport: "tcp", hostname, port }) as const;
  assertEquals(admission.enter(addr("10.0.0.1", 1)), undefined);
  assertEquals(
    admission.enter(addr("10.0.0.1", 2)),
    "max-connections-per-address",
  );
  assertEquals(admission.enter(addr("10.0.0.2", 1)), undefined);
  assertEquals(admission.active, 2);
  admission.leave(addr("10.0.0.1", 1));
  assertEquals(admission.enter(addr("10.0.0.1", 3)), undefined);
});

Deno.test(
  "shutdown() while clients wait for room ends, and does not serve them",
  TIMEOUT,
  async () => {
    const server = serve(
      { port: 0, maxConnections: 1 },
      async (socket, { signal }) => {
        await socket.read({ signal }).catch(() => {});
      },
    );
    using first = await dial(server);
    await until(() => server.stats.active === 1);
    first.read().then(() => first.close());
    using _second = await dial(server);
    assertEquals(
      await server.shutdown({ timeoutMs: 1_000 }),
      { completed: 1, aborted: 0, handshakes: 0 },
    );
    assertEquals(server.stats.accepted, 1);
    await server.closed;
  },
);

Deno.test("connections over IPv6 are counted by /64, and those of IPv4 as such", () => {
  const admission = new Admission({ maxConnectionsPerAddress: 1 });
  const enter = (hostname: string) =>
    admission.enter({ transport: "tcp", hostname, port: 1 });
  assertEquals(enter("2001:db8:1:2::1"), undefined);
  // All of these are one customer's to choose from.
  assertEquals(enter("2001:db8:1:2::2"), "max-connections-per-address");
  assertEquals(
    enter("2001:db8:1:2:ffff:ffff:ffff:ffff"),
    "max-connections-per-address",
  );
  assertEquals(enter("2001:db8:1:3::1"), undefined);
  assertEquals(enter("10.0.0.1"), undefined);
  // The same client, over a socket for both.
  assertEquals(enter("::ffff:10.0.0.1"), "max-connections-per-address");
  assertEquals(enter("10.0.0.2"), undefined);
  admission.leave({
    transport: "tcp",
    hostname: "2001:db8:1:2::9",
    port: 1,
  });
  assertEquals(enter("2001:db8:1:2::3"), undefined);
  // All hosts of a link share this one.
  assertEquals(enter("fe80::1%eth0"), undefined);
  assertEquals(enter("fe80::2%eth0"), undefined);
  assertEquals(enter("fe80::1%eth0"), "max-connections-per-address");
});

Deno.test("clients without an IP address are not limited by one", () => {
  const admission = new Admission({ maxConnectionsPerAddress: 1 });
  for (let i = 0; i < 3; i++) {
    assertEquals(admission.enter({ transport: "unix", path: "" }), undefined);
    assertEquals(
      admission.enter({ transport: "memory", name: "a" }),
      undefined,
    );
  }
  admission.leave({ transport: "unix", path: "" });
  assertEquals(admission.active, 5);
});

Deno.test(
  "maxConnectionsPerAddress does not hold for a Unix path",
  { ...TIMEOUT, ignore: Deno.build.os === "windows" },
  async () => {
    const folder = await Deno.makeTempDir();
    try {
      await using server = serve(
        { path: `${folder}/socket`, maxConnectionsPerAddress: 1 },
        (socket) => socket.write("served\n"),
      );
      await server.ready;
      const { path } = server.addr;
      const clients = await Promise.all(
        [1, 2, 3].map(() => connect({ path })),
      );
      for (const client of clients) {
        assertEquals(await client.readLine(), "served");
        await client.close();
      }
      assertEquals(server.stats.rejected, 0);
    } finally {
      await Deno.remove(folder, { recursive: true });
    }
  },
);
