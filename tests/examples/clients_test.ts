import { assertEquals, assertMatch } from "@std/assert";
import { listen, serve } from "@sluice/net";
import { Example, runExample, startServer } from "./_example.ts";

const timeout = 60_000;

Deno.test("five_clients get all their answers from echo_server", {
  timeout,
}, async () => {
  const { server, address } = await startServer("echo_server");
  await using _ = server;
  const { code, output, errors } = await runExample(
    "five_clients",
    "--connect",
    address,
    "--rounds",
    "50",
  );
  assertEquals([code, errors], [0, ""]);
  for (let client = 1; client <= 5; client++) {
    assertMatch(output, new RegExp(`^client ${client}: 50 answers, `, "m"));
  }
  assertMatch(output, /^5 clients, 250 answers, \d+ a second\n$/m);
});

Deno.test(
  "five_clients talk at once: a server that waits for all five is served",
  {
    timeout,
  },
  async () => {
    const everybody = Promise.withResolvers<void>();
    let waiting = 0;
    await using server = serve({ port: 0 }, async (socket) => {
      const question = await socket.readLine();
      if (++waiting === 5) everybody.resolve();
      await everybody.promise;
      await socket.write(`${question}\n`);
      await socket.read();
    });
    const { port } = server.addr;
    const { code } = await runExample(
      "five_clients",
      "--connect",
      `127.0.0.1:${port}`,
      "--rounds",
      "1",
    );
    assertEquals(code, 0);
  },
);

Deno.test("five_clients notice a wrong answer", { timeout }, async () => {
  await using server = serve({ port: 0 }, async (socket) => {
    await socket.readLine();
    await socket.write("something else\n");
    await socket.read();
  });
  const { port } = server.addr;
  const { code, errors } = await runExample(
    "five_clients",
    "--connect",
    `127.0.0.1:${port}`,
  );
  assertMatch(errors, /^client \d got the answer "something else"\n/);
  assertEquals(code, 1);
});

Deno.test("client_timeout goes on after its time limits", {
  timeout,
}, async () => {
  const { server, address } = await startServer("echo_server");
  await using _ = server;
  const { code, output, errors } = await runExample(
    "client_timeout",
    "--connect",
    address,
    "--timeout",
    "300",
  );
  assertEquals([code, errors], [0, ""]);
  assertMatch(
    output,
    new RegExp(
      `^connected to ${address}\n` +
        "no answer within 300 ms; the connection is still good\n" +
        "answer: are you there\\?\n" +
        "[1-9]\\d* answers before the deadline of 300 ms\n$",
    ),
  );
});

Deno.test("client_timeout gives up on a server that is silent", {
  timeout,
}, async () => {
  using listener = listen({ port: 0 });
  const { port } = listener.addr;
  await using client = await Example.start(
    "client_timeout",
    "--connect",
    `127.0.0.1:${port}`,
    "--timeout",
    "200",
  );
  await using socket = await listener.accept();
  const { code, errors } = await client.ended();
  assertEquals(errors, "Cannot receive within 200 ms: the time limit passed\n");
  assertEquals(code, 1);
  assertEquals(await socket?.readLine(), "are you there?");
});

Deno.test("clients refuse wrong flags in one line, with exit code 2", {
  timeout,
}, async (test) => {
  const cases: [name: string, flag: string, value: string, line: string][] = [
    [
      "five_clients",
      "--rounds",
      "0",
      "Cannot run: --rounds must be a whole number from 1 to 1000000, got 0\n",
    ],
    [
      "client_timeout",
      "--timeout",
      "1s",
      "Cannot run: --timeout must be a whole number from 1 to 60000, got 1s\n",
    ],
    [
      "client_timeout",
      "--connect",
      "127.0.0.1",
      '--connect: Cannot parse the address: its host must be followed by a colon and a port, got "127.0.0.1"\n',
    ],
  ];
  for (const [name, flag, value, line] of cases) {
    await test.step(`${name} ${flag} ${value}`, async () => {
      const { code, output, errors } = await runExample(name, flag, value);
      assertEquals([code, output, errors], [2, "", line]);
    });
  }
});
