/**
 * What the compiler knows of a server: checked when the tests are.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
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
