import { assert, assertEquals, assertMatch } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";
import { connect } from "@sluice/net";
import { freePort } from "../_support/free_port.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import { Crowd } from "./_silent_crowd.ts";
import { Example, runExample, startServer } from "./_example.ts";

const windows = Deno.build.os === "windows";
const timeout = 60_000;

Deno.test("echo_client prints each line that it sent, in order", {
  timeout,
}, async () => {
  const { server, address } = await startServer("echo_server");
  await using _ = server;
  const { code, output, errors } = await runExample(
    "echo_client",
    "--connect",
    address,
    "hello",
    "wörld",
  );
  assertEquals(output, "hello\nwörld\n");
  assertEquals(errors, "2 lines sent, 2 received\n");
  assertEquals(code, 0);
  await server.printed(/left: 13 bytes in, 13 out/);
});

Deno.test("echo_client sends the lines of its input, also while answers come", {
  timeout,
}, async () => {
  const { server, address } = await startServer("echo_server");
  await using _ = server;
  await using client = await Example.start("echo_client", "--connect", address);
  await client.type("one\ntwo");
  await client.printed(/^one\n/);
  await client.type(" and a half\n");
  const { code, output } = await client.ended();
  assertEquals(output, "one\ntwo and a half\n");
  assertEquals(code, 0);
});

Deno.test("echo_client says that nothing is listening, in one line", {
  timeout,
}, async () => {
  const address = `127.0.0.1:${freePort()}`;
  const { code, errors } = await runExample(
    "echo_client",
    "--connect",
    address,
    "hello",
  );
  assertMatch(errors, new RegExp(`^Cannot connect to ${address}: .*\n$`));
  assertEquals(code, 1);
});

Deno.test("echo_client ends when the server does, and says so", {
  timeout,
  ignore: windows,
}, async () => {
  const { server, address } = await startServer("echo_server");
  await using _ = server;
  await using client = await Example.start("echo_client", "--connect", address);
  await client.type("one\n");
  await client.printed(/one/);
  server.interrupt();
  assertEquals((await server.ended()).code, 0);
  const { code, errors } = await client.ended();
  assertEquals(errors, "the server ended the connection\n");
  assertEquals(code, 1);
});

Deno.test("echo_client shows nothing that would steer the terminal", {
  timeout,
}, async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const client = runExample(
    "echo_client",
    ...["--connect", `127.0.0.1:${listener.addr.port}`, "hello"],
  );
  const conn = await listener.accept();
  await conn.write(new TextEncoder().encode("a\x1b[2J\u202e\u009b\tb\n"));
  await conn.closeWrite();
  const { output } = await client;
  conn.close();
  listener.close();
  assertEquals(output, "a\\u{1b}[2J\\u{202e}\\u{9b}\tb\n");
});

Deno.test("echo_server answers nc", {
  timeout,
  ignore: lacksPrograms("nc"),
}, async () => {
  const { server, port } = await startServer("echo_server");
  await using _ = server;
  const nc = new Deno.Command(program("nc"), {
    args: ["-N", "127.0.0.1", String(port)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const input = nc.stdin.getWriter();
  const sent = "from nc\n".repeat(10_000);
  await Promise.all([
    input.write(new TextEncoder().encode(sent)).then(() => input.close()),
    nc.output().then(({ code, stdout }) => {
      assertEquals(code, 0);
      assert(new TextDecoder().decode(stdout) === sent, "other bytes");
    }),
  ]);
});

Deno.test("echo_server goes on after a client that resets", {
  timeout,
  ignore: lacksPrograms("python3"),
}, async () => {
  const { server, port } = await startServer("echo_server");
  await using _ = server;
  const { code } = await new Deno.Command(program("python3"), {
    args: [
      "-c",
      `import socket, struct
for _ in range(20):
    s = socket.create_connection(("127.0.0.1", ${port}))
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()`,
    ],
  }).output();
  assertEquals(code, 0);
  await using client = await connect({ port });
  await client.write("still there?");
  const answer = await client.readExactly(12, { timeoutMs: 5_000 });
  assertEquals(new TextDecoder().decode(answer), "still there?");
});

Deno.test(
  "echo_server has a place for a client that speaks, however many are silent",
  {
    timeout,
  },
  async () => {
    const { server, port } = await startServer("echo_server");
    await using _ = server;
    using _crowd = await Crowd.gather(port, 1_050);
    await using client = await connect({ port });
    await client.write("still there?");
    const answer = await client.readExactly(12, { timeoutMs: 5_000 });
    assertEquals(new TextDecoder().decode(answer), "still there?");
  },
);

Deno.test("echo_server gives one address only some of its places", {
  timeout,
  ignore: Deno.build.os !== "linux", // Others have one loopback address.
}, async () => {
  const { server, port } = await startServer("echo_server");
  await using _ = server;
  using _crowd = await Crowd.gather(port, 1_050, () => "x");
  const other = createConnection({ port, localAddress: "127.0.0.2" });
  other.write("hello");
  assertEquals(String((await once(other, "data"))[0]), "hello");
  other.destroy();
  await once(other, "close");
});

Deno.test("echo_server gives web pages no echo", { timeout }, async () => {
  const { server, port } = await startServer("echo_server");
  await using _ = server;
  for (const path of ["", "x".repeat(100_000)]) {
    await using page = await connect({ port });
    await page.write(`POST /${path} HTTP/1.1\r\nHost: x\r\n\r\n<script>`);
    await page.closeWrite();
    assertEquals(await page.read().catch(() => null), null);
  }
});

Deno.test(
  "echo_server drains at Ctrl-C: its client gets everything and the end",
  {
    timeout,
    ignore: windows,
  },
  async () => {
    const { server, port } = await startServer("echo_server");
    await using _ = server;
    await using client = await connect({ port });
    await client.write("hello");
    await client.readExactly(5);
    server.interrupt();
    assertEquals(await client.read(), null);
    await client.close();
    const { code, output } = await server.ended();
    assertMatch(output, /drained: 1 finished, 0 cut off\n$/);
    assertEquals(code, 0);
  },
);

Deno.test("echo_server cuts who stays at a second Ctrl-C", {
  timeout,
  ignore: windows,
}, async () => {
  const { server, port } = await startServer("echo_server");
  await using _ = server;
  await using client = await connect({ port });
  await client.write("hello");
  await client.readExactly(5);
  server.interrupt();
  // The first one has arrived; this client knows, and does not hang up.
  assertEquals(await client.read(), null);
  server.interrupt();
  const { code, output } = await server.ended();
  assertMatch(output, /drained: 0 finished, 1 cut off\n$/);
  assertEquals(code, 0);
});

Deno.test("echo_server refuses wrong flags in one line, with exit code 2", {
  timeout,
}, async (test) => {
  const cases: [args: string[], line: string][] = [
    [
      ["--listen", "127.0.0.1:80000"],
      '--listen: Cannot parse the address: its port must be from 0 to 65535, got "127.0.0.1:80000"',
    ],
    [
      ["--listen", "tls://127.0.0.1:1"],
      "Cannot listen: --listen must be without tls://, got tls://127.0.0.1:1",
    ],
    [
      ["--listen"],
      "Cannot run: --listen must have a value, got none",
    ],
    [
      ["--lisen", "127.0.0.1:80"],
      "Cannot run: each flag must be one of --listen, --workers, --cert, --key, --proxy-protocol, --help, got --lisen (--help explains them)",
    ],
    [
      ["127.0.0.1:80"],
      "Cannot run: each flag must be one of --listen, --workers, --cert, --key, --proxy-protocol, --help, got 127.0.0.1:80 (--help explains them)",
    ],
  ];
  for (const [args, line] of cases) {
    await test.step(args.join(" "), async () => {
      const { code, output, errors } = await runExample("echo_server", ...args);
      assertEquals([code, output, errors], [2, "", `${line}\n`]);
    });
  }
});

Deno.test("echo_server says which permission is missing", {
  timeout,
}, async () => {
  const { code, errors } = await runExample(
    "echo_server",
    "--listen",
    "0.0.0.0:8888",
  );
  assertEquals(
    errors,
    "Cannot listen on 0.0.0.0:8888: run again with --allow-net=0.0.0.0:8888\n",
  );
  assertEquals(code, 1);
});
