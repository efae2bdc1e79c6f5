/**
 * What keeps a process alive, and what does not.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import { connect } from "@sluice/net";
import { DenoProgram } from "../_support/deno_program.ts";

const TIMEOUT = { timeout: 20_000 };

const IDLE: Record<string, string> = {
  "serve({ port })": `
    const server = serve({ port: 0 }, () => {});
    server.unref();`,
  "listen({ port }) that accepts": `
    const listener = listen({ port: 0 });
    listener.accept();
    listener.unref();`,
};

for (const [what, program] of Object.entries(IDLE)) {
  Deno.test(
    `${what} does not keep a process alive after unref()`,
    TIMEOUT,
    async () => {
      await using ending = await DenoProgram.start(`
      import { listen, serve } from "@sluice/net";
      ${program}
      console.log("last line");
    `);
      assertEquals(await ending.nextLine(), "last line");
      assertEquals(await ending.exitCode(), 0);
    },
  );
}

const CUT_OFF: Record<string, string> = {
  "that timed out": "listener.accept({ timeoutMs: 5 })",
  "whose signal aborted": "listener.accept({ signal: AbortSignal.timeout(5) })",
};

for (const [how, accept] of Object.entries(CUT_OFF)) {
  Deno.test(
    `an accept ${how} does not keep a process alive, the next one does`,
    TIMEOUT,
    async () => {
      await using program = await DenoProgram.start(`
      import { listen } from "@sluice/net";
      const listener = listen({ port: 0 });
      await ${accept}.catch(() => console.log(listener.addr.port));
      const socket = await listener.accept();
      socket.abort();
      await ${accept}.catch(() => console.log("cut off"));
    `);
      const port = Number(await program.nextLine());
      const client = await connect({ port });
      assertEquals(await client.read(), null);
      client.abort();
      assertEquals(await program.nextLine(), "cut off");
      assertEquals(await program.exitCode(), 0);
    },
  );
}

Deno.test(
  "serve() keeps a process alive, also after unref() and ref()",
  TIMEOUT,
  async () => {
    await using program = await DenoProgram.start(`
    import { serve } from "@sluice/net";
    const server = serve({ port: 0 }, async (socket) => {
      await socket.write("welcome\\n");
      server.shutdown();
    });
    server.unref();
    server.ref();
    console.log(server.addr.port);
  `);
    const port = Number(await program.nextLine());
    const client = await connect({ port });
    assertEquals(await client.readLine(), "welcome");
    await client.close();
    assertEquals(await program.exitCode(), 0);
  },
);

Deno.test(
  "a shutdown keeps a process alive until it is done",
  TIMEOUT,
  async () => {
    await using program = await DenoProgram.start(`
    import { connect, serve } from "@sluice/net";
    const server = serve({ port: 0 }, () => new Promise(() => {}));
    const client = await connect({ port: server.addr.port });
    while (server.stats.active === 0) await new Promise((r) => setTimeout(r, 1));
    client.abort();
    server.shutdown({ timeoutMs: 100 })
      .then((report) => console.log(JSON.stringify(report)));
  `);
    assertEquals(JSON.parse(await program.nextLine()), {
      completed: 0,
      aborted: 1,
      handshakes: 0,
    });
    assertEquals(await program.exitCode(), 0);
  },
);
