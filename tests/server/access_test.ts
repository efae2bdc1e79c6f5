import { assertEquals, assertThrows } from "@std/assert";
import { connect, serve, type ServerOptions } from "@sluice/net";

const TIMEOUT = { timeout: 10_000 };

/** Whether a client from 127.0.0.1 gets its greeting. */
async function isAdmitted(options: ServerOptions): Promise<boolean> {
  const rejected: string[] = [];
  await using server = serve({
    port: 0,
    ...options,
    onEvent: (event) => {
      if (event.type === "rejected") rejected.push(event.reason);
    },
  }, (socket) => socket.write("welcome\n"));
  const { port } = server.addr;
  const client = await connect({ port });
  const line = await client.readLine().catch(() => null);
  client.abort();
  assertEquals(rejected, line === null ? ["denied"] : []);
  return line === "welcome";
}

Deno.test("serve() lets every address in without lists", TIMEOUT, async () => {
  assertEquals(await isAdmitted({}), true);
});

Deno.test("serve() lets in only those in allow", TIMEOUT, async () => {
  assertEquals(await isAdmitted({ allow: ["127.0.0.0/8"] }), true);
  assertEquals(await isAdmitted({ allow: ["127.0.0.1"] }), true);
  assertEquals(await isAdmitted({ allow: ["10.0.0.0/8", "::1"] }), false);
  assertEquals(await isAdmitted({ allow: [] }), false);
  // The form in which IPv6 sockets report an IPv4 peer.
  assertEquals(await isAdmitted({ allow: ["::ffff:127.0.0.0/104"] }), true);
});

Deno.test(
  "serve() keeps out those in deny, also where allow has them",
  TIMEOUT,
  async () => {
    assertEquals(await isAdmitted({ deny: ["10.0.0.0/8"] }), true);
    assertEquals(await isAdmitted({ deny: ["127.0.0.1/32"] }), false);
    const both = { allow: ["127.0.0.0/8"], deny: ["127.0.0.1"] };
    assertEquals(await isAdmitted(both), false);
  },
);

Deno.test("serve() refuses lists that it cannot read, and listens on nothing", () => {
  for (const allow of [["10.0.0.0/33"], ["example.org"], ["10.1.2.3/8"]]) {
    assertThrows(() => serve({ port: 0, allow }, () => {}), TypeError, "allow");
  }
});
