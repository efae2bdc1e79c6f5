/**
 * What the compiler knows of a server: checked when the tests are.
 *
 * @module
 */

import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  type Acceptor,
  connect,
  type Handler,
  listen,
  type Listener,
  type ListenOptions,
  type MemoryAddr,
  serve,
  type ServeOptions,
  type Server,
  type TcpBindOptions,
  type UnixBindOptions,
} from "@sluice/net";
import { MemoryAcceptor } from "../../lib/testing/_memory_acceptor.ts";

const handler: Handler = (socket) => socket.write("welcome\n");

Deno.test("the address of a server and of a listener follows the options", {
  timeout: 10_000,
}, async () => {
  const server: Server<Deno.NetAddr> = serve({ port: 0 }, handler);
  const port: number = server.addr.port;
  using client = await connect({ port });
  assertEquals(await client.readLine(), "welcome");
  const listener: Listener<Deno.NetAddr> = listen({ port: 0, readMs: 5 });
  assertEquals(listener.addr.hostname, "127.0.0.1");

  const acceptor: Acceptor<MemoryAddr> = new MemoryAcceptor("types", () => {});
  const inMemory = serve({ acceptor, idleMs: 5 }, handler);
  const name: string = inMemory.addr.name;
  assertEquals(name, "types");
  assertEquals(listen({ acceptor }).addr.name, "types");

  await client.close();
  await server.shutdown();
  await listener.close();
  await inMemory.shutdown();
});

Deno.test("a Unix path gives a Unix address", {
  timeout: 10_000,
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    await using server = serve({ path: `${folder}/a` }, handler);
    await using listener = listen({ path: `${folder}/b` });
    const paths: string[] = [server.addr.path, listener.addr.path];
    assertEquals(paths, [`${folder}/a`, `${folder}/b`]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("one of several options gives one of their addresses", async () => {
  const choices: (TcpBindOptions | UnixBindOptions)[] = [{ port: 0 }];
  for (const options of choices) {
    const server: Server<Deno.NetAddr | Deno.UnixAddr> = serve(
      options,
      handler,
    );
    const listener = listen(Math.random() < 2 ? { port: 0 } : { path: "/x" });
    const { addr } = listener;
    assertEquals("port" in addr ? addr.port > 0 : addr.path, true);
    await listener.close();
    await server.shutdown();
  }
});

Deno.test("options that are known at run time only give any address", async () => {
  const serving: ServeOptions = { port: 0 };
  const listening: ListenOptions = { port: 0 };
  await using server: Server = serve(serving, handler);
  await using listener: Listener = listen(listening);
  assertEquals(server.addr.transport, listener.addr.transport);
  // @ts-expect-error a Unix address has no port
  const port: number = server.addr.port;
  assertEquals(typeof port, "number");
});

Deno.test("a handler may return anything, and is not asked for a promise", async () => {
  const handlers: Handler[] = [
    () => 5,
    () => undefined,
    async () => await Promise.resolve("text"),
    (socket) => socket,
    (socket, { signal }) => socket.read({ signal }),
  ];
  for (const handler of handlers) {
    await using _server = serve({ port: 0 }, handler);
  }
});

Deno.test("options that cannot hold together are refused, by type and at run time", () => {
  const tls = { cert: "", key: "" };
  const calls: (() => unknown)[] = [
    // @ts-expect-error a port and a path
    () => serve({ port: 0, path: "/x" }, handler),
    // @ts-expect-error a port and a path
    () => listen({ port: 0, path: "/x" }),
    // @ts-expect-error a host and a path
    () => serve({ path: "/x", hostname: "127.0.0.1" }, handler),
    // @ts-expect-error a port and the mode of a file
    () => listen({ port: 0, mode: 0o600 }),
    // @ts-expect-error an acceptor and a port
    () => listen({ port: 0, acceptor: new MemoryAcceptor("x", () => {}) }),
    // @ts-expect-error neither
    () => serve({ tls }, handler),
  ];
  for (const call of calls) assertThrows(call, TypeError);
});

Deno.test(
  "serve(), listen() and shutdown() refuse names that they do not know",
  {
    timeout: 10_000,
  },
  async () => {
    const slips: [object, string][] = [
      [{ maxConnection: 5 }, "maxConnections"],
      [{ idleMS: 5 }, "idleMs"],
      [{ onevent() {} }, "onEvent"],
      [{ handshakeTimeout: 5 }, "handshakeTimeoutMs"],
      [{ closeTimeoutMS: 5 }, "closeTimeoutMs"],
      [{ host: "127.0.0.1" }, "hostname"],
    ];
    for (const [slip, nearest] of slips) {
      const [name] = Object.keys(slip);
      const calls: Record<string, () => unknown> = {
        serve: () => serve({ port: 0, ...slip }, handler),
        listen: () => listen({ port: 0, ...slip }),
      };
      if (nearest === "maxConnections") delete calls.listen;
      for (const [action, call] of Object.entries(calls)) {
        assertThrows(
          call,
          TypeError,
          `Cannot ${action}: unknown option "${name}", did you mean ${nearest}?`,
        );
      }
    }
    // Limits of a server are none of a listener's.
    assertThrows(
      // @ts-expect-error it has no such limit
      () => listen({ port: 0, maxConnections: 5 }),
      TypeError,
      "Cannot listen: unknown option",
    );
    await using server = serve({ port: 0 }, handler);
    await assertRejects(
      // @ts-expect-error no such limit
      () => server.shutdown({ timeout: 5 }),
      TypeError,
      'Cannot shut down: unknown option "timeout", did you mean timeoutMs?',
    );
    // The address of a server is where one can connect to, and listen.
    await using other = listen({ ...server.addr, port: 0 });
    using client = await connect(server.addr);
    assertEquals(await client.readLine(), "welcome");
    assertEquals(other.addr.hostname, server.addr.hostname);
    await client.close();
  },
);
