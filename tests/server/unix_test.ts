import { assertEquals, assertRejects } from "@std/assert";
import { BrokenError, connect, listen, serve } from "@sluice/net";

const OPTIONS = { ignore: Deno.build.os === "windows", timeout: 10_000 };

/** Runs `test` with a path in a folder of its own. */
async function withPath(test: (path: string) => Promise<void>): Promise<void> {
  const folder = await Deno.makeTempDir();
  try {
    await test(`${folder}/socket`);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

Deno.test(
  "serve() on a Unix path serves as on a port",
  OPTIONS,
  () =>
    withPath(async (path) => {
      await using server = serve({ path, mode: 0o600 }, async (socket) => {
        await socket.write(`you said ${await socket.readLine()}\n`);
      });
      await server.ready;
      assertEquals((await Deno.stat(path)).mode! & 0o777, 0o600);
      const client = await connect({ path });
      await client.write("hello\n");
      assertEquals(await client.readLine(), "you said hello");
      await client.close();
    }),
);

Deno.test(
  "serve() replaces the file that a crash left behind",
  OPTIONS,
  () =>
    withPath(async (path) => {
      // A listener that was moved away leaves its file when it is closed.
      const crashed = Deno.listen({ transport: "unix", path: `${path}-old` });
      await Deno.rename(`${path}-old`, path);
      crashed.close();
      await using server = serve({ path }, (socket) => socket.write("new\n"));
      await server.ready;
      const client = await connect({ path });
      assertEquals(await client.readLine(), "new");
      await client.close();
    }),
);

Deno.test(
  "serve() and listen() leave alone a path that is served",
  OPTIONS,
  () =>
    withPath(async (path) => {
      await using first = serve({ path }, (socket) => socket.write("first\n"));
      await first.ready;
      const second = serve({ path }, (socket) => socket.write("second\n"));
      const error = await assertRejects(() => second.ready, BrokenError);
      assertEquals(error.reason, "in-use");
      await second.closed;
      // Where it is not handled, the process ends, as with any server that cannot start.
      const unhandled = Promise.withResolvers<unknown>();
      const onUnhandled = (event: PromiseRejectionEvent) => {
        event.preventDefault();
        unhandled.resolve(event.reason);
      };
      addEventListener("unhandledrejection", onUnhandled);
      try {
        await serve({ path }, () => {}).closed;
        assertEquals(`${await unhandled.promise}`, `${error}`);
      } finally {
        removeEventListener("unhandledrejection", onUnhandled);
      }
      const third = listen({ path });
      await assertRejects(() => third.accept(), BrokenError);
      await third.close();
      const client = await connect({ path });
      assertEquals(await client.readLine(), "first");
      await client.close();
    }),
);

Deno.test(
  "a client that comes in the moment in which a server closes holds nothing up",
  OPTIONS,
  () =>
    withPath(async (path) => {
      for (let ticks = 0; ticks < 8; ticks++) {
        const failures: unknown[] = [];
        const server = serve({
          path,
          onEvent: (event) => {
            if (event.type === "close-error") failures.push(event.error);
          },
        }, (socket) => socket.read());
        await server.ready;
        const dial = () => Deno.connect({ transport: "unix", path });
        const clients = [dial(), dial()];
        // The turn that brings the clients theirs may bring the server its own.
        await clients[0];
        for (let i = 0; i < ticks; i++) await undefined;
        await server.shutdown({ timeoutMs: 0 });
        assertEquals(failures, []);
        for (const client of clients) (await client).close();
      }
    }),
);
