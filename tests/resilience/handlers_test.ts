/**
 * Handlers that throw, hang or forget: one connection's trouble, never the server's.
 *
 * @module
 */

import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertStringIncludes,
} from "@std/assert";
import { BrokenError, ClosedError, connect, type Handler } from "@sluice/net";
import { DenoProgram } from "../_support/deno_program.ts";
import { outcome } from "../_support/sockets.ts";
import { badDayServer } from "./_bad_day_server.ts";
import { beginReport } from "./_report.ts";

const timeout = 20_000;
const report = beginReport("handlers");

const reason = new Error("bad handler");
const THROWING: Record<string, Handler> = {
  "at once": () => {
    throw reason;
  },
  "after a read": async (socket) => {
    await socket.readLine();
    throw reason;
  },
  "with output unsent": (socket) => {
    socket.write(new Uint8Array(10_000_000)).catch(() => {});
    throw reason;
  },
  "with a read under way": async (socket) => {
    socket.readExactly(1_000).catch(() => {});
    await socket.write("x");
    throw reason;
  },
  "after it closed the socket": async (socket) => {
    socket.close().catch(() => {});
    await Promise.resolve();
    throw reason;
  },
  "after it aborted the socket": (socket) => {
    socket.abort();
    throw reason;
  },
  "what is no error": () => Promise.reject("bad handler"),
  "nothing at all": () => Promise.reject(undefined),
};

Deno.test(
  "a handler that throws ends its own connection only",
  { timeout },
  async () => {
    for (const [when, handler] of Object.entries(THROWING)) {
      let throwing = true;
      await using day = badDayServer(async (socket, context) => {
        if (throwing) await handler(socket, context);
        else await socket.write("fine\n");
      });
      for (let i = 0; i < 10; i++) {
        await using client = await connect({ port: day.port });
        report.connections++;
        report.faults++;
        client.write("hello\n").catch(() => {});
        // Ended or reset, but not left hanging.
        const result = await outcome(
          client.readExactly(15_000_000, {
            timeoutMs: 5_000,
          }).catch((error) => error.code),
        );
        assert(result === "broken" || result === "unexpected-eof", `${result}`);
        client.abort();
      }
      await day.happened("closed", 10);
      assertEquals(day.server.stats.failed, 10, when);
      assertEquals(day.errors.length, 10, when);
      throwing = false;
      await using client = await connect({ port: day.port });
      assertEquals(await client.readLine({ timeoutMs: 5_000 }), "fine", when);
    }
  },
);

Deno.test("a handler that hangs is cut at the deadline of the drain", {
  timeout,
}, async () => {
  const day = badDayServer(() => new Promise(() => {}));
  const clients = await Promise.all(
    Array.from({ length: 20 }, () => connect({ port: day.port })),
  );
  report.connections += clients.length;
  report.faults += clients.length;
  await day.happened("accepted", clients.length);
  const draining = day.server.shutdown({ timeoutMs: 100 });
  const ends = await Promise.all(
    clients.map((client) => outcome(client.read({ timeoutMs: 5_000 }))),
  );
  assertEquals(await draining, {
    completed: 0,
    aborted: clients.length,
    handshakes: 0,
  });
  for (const end of ends) assert(end === null || end instanceof BrokenError);
  // The port is free although the handlers still hang.
  await using next = badDayServer((socket) => socket.write("next\n"), {});
  await using client = await connect({ port: next.port });
  assertEquals(await client.readLine(), "next");
  clients.forEach((client) => client.abort());
});

Deno.test(
  "a handler that hangs holds only its own place among maxConnections",
  { timeout },
  async () => {
    const release = Promise.withResolvers<void>();
    await using day = badDayServer(async (socket) => {
      const line = await socket.readLine();
      if (line === "hang") await release.promise;
      await socket.write("bye\n");
    }, { maxConnections: 5 });
    const hanging = await Promise.all(Array.from({ length: 4 }, async () => {
      const client = await connect({ port: day.port });
      await client.write("hang\n");
      return client;
    }));
    report.connections += 34;
    report.faults += 4;
    for (let i = 0; i < 30; i++) {
      await using client = await connect({ port: day.port });
      await client.write("go\n");
      assertEquals(await client.readLine({ timeoutMs: 5_000 }), "bye");
    }
    release.resolve();
    for (const client of hanging) {
      assertEquals(await client.readLine({ timeoutMs: 5_000 }), "bye");
      await client.close();
    }
  },
);

Deno.test("a handler that forgets to await its writes loses none of them", {
  timeout,
}, async () => {
  await using day = badDayServer((socket) => {
    for (let i = 0; i < 100; i++) socket.write(new Uint8Array(20_000).fill(i));
  });
  await Promise.all(Array.from({ length: 10 }, async () => {
    await using client = await connect({ port: day.port });
    report.connections++;
    report.faults++;
    let [total, sum] = [0, 0];
    for await (const chunk of client) {
      total += chunk.length;
      for (const byte of chunk) sum += byte;
    }
    report.bytesAcknowledged += 2_000_000;
    report.bytesLost += 2_000_000 - total;
    assertEquals([total, sum], [2_000_000, 20_000 * 4_950]);
  }));
  await day.happened("closed", 10);
  assertEquals(day.errors, []);
});

Deno.test("a loop that its handler forgot hears that the socket is closed", {
  timeout,
}, async () => {
  const heard: unknown[] = [];
  await using day = badDayServer((socket) => {
    (async () => {
      for await (const chunk of socket) await socket.write(chunk);
    })().catch((error) => heard.push(error));
  });
  await using client = await connect({ port: day.port });
  report.connections++;
  report.faults++;
  assertEquals(await client.read({ timeoutMs: 5_000 }), null);
  await client.close();
  await day.happened("closed");
  assertEquals(heard.length, 1);
  assertInstanceOf(heard[0], ClosedError);
});

Deno.test("un-awaited writes to a peer that is gone do not end the process", {
  timeout,
}, async () => {
  await using program = await DenoProgram.start(`
    import { serve } from "@sluice/net";
    const server = serve({ port: 0 }, async (socket) => {
      const line = await socket.readLine();
      if (line === "are you alive") return await socket.write("yes\\n");
      await socket.closed;
      for (let i = 0; i < 100; i++) socket.write("into the void");
      socket.flush();
      socket.closeWrite();
      socket.close();
    });
    console.log(server.addr.port);
  `);
  const port = Number(await program.nextLine());
  for (let i = 0; i < 10; i++) {
    const client = await connect({ port });
    report.connections++;
    report.faults++;
    await client.write("I will be gone\n");
    await client.flush();
    client.abort();
  }
  await using client = await connect({ port });
  await client.write("are you alive\n");
  assertEquals(await client.readLine({ timeoutMs: 5_000 }), "yes");
});

Deno.test(
  "what a hook throws is printed and breaks nothing",
  { timeout },
  async () => {
    await using program = await DenoProgram.start(`
    import { serve } from "@sluice/net";
    const server = serve({
      port: 0,
      onEvent() { throw new Error("bad event hook"); },
      onError() { throw new Error("bad error hook"); },
    }, async (socket) => {
      if (await socket.readLine() === "throw") throw new Error("bad handler");
      await socket.write("fine\\n");
    });
    console.log(server.addr.port);
  `);
    const port = Number(await program.nextLine());
    for (const line of ["throw\n", "throw\n", "fine\n"]) {
      await using client = await connect({ port });
      report.connections++;
      report.faults++;
      await client.write(line);
      const answer = await outcome(client.readLine({ timeoutMs: 5_000 }));
      if (line === "fine\n") assertEquals(answer, "fine");
      client.abort();
    }
    program.signal("SIGKILL");
    const { errors } = await program.ended();
    assertStringIncludes(errors, "bad event hook");
    assertStringIncludes(errors, "bad error hook");
  },
);
