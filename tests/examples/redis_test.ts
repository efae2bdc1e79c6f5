import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type Socket } from "@sluice/net";
import { lacksPrograms, program } from "../_support/programs.ts";
import { type Example, runExample, startServer } from "./_example.ts";
import { runWithoutPermissions } from "./_without_permissions.ts";

const windows = Deno.build.os === "windows";
const timeout = 60_000;

/** Runs a program against the server and gives what it printed. */
async function run(
  name: string,
  args: string[],
  input = "",
): Promise<string> {
  const child = new Deno.Command(program(name), {
    args,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input)).catch(() => {});
  await writer.close().catch(() => {});
  const { stdout, stderr } = await child.output();
  const decoder = new TextDecoder();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

const redisCli = (port: number, input: string, ...args: string[]) =>
  run("redis-cli", ["-p", String(port), "--no-raw", ...args], input);

/** Sends text and reads exactly as much as is expected. */
async function expectReply(
  socket: Socket,
  sent: string,
  expected: string,
): Promise<void> {
  await socket.write(sent);
  const bytes = await socket.readExactly(expected.length, { timeoutMs: 5_000 });
  assertEquals(new TextDecoder().decode(bytes), expected);
}

async function started(
  ...args: string[]
): Promise<{ server: Example; port: number }> {
  return await startServer("redis/server", ...args);
}

Deno.test("redis/server answers redis-cli", {
  timeout,
  ignore: lacksPrograms("redis-cli"),
}, async () => {
  const { server, port } = await started();
  await using _ = server;
  const conversation: [command: string, answer: string][] = [
    ["PING", "PONG"],
    ['ECHO "a b"', '"a b"'],
    ["SET a 1", "OK"],
    ["INCR a", "(integer) 2"],
    ["DECRBY a 5", "(integer) -3"],
    ["GET a", '"-3"'],
    ["GET nothing", "(nil)"],
    ["SET a x NX", "(nil)"],
    ["SET b x XX", "(nil)"],
    ["SET b x EX 100 NX", "OK"],
    ["TTL b", "(integer) 100"],
    ["SET b y KEEPTTL", "OK"],
    ["TTL b", "(integer) 100"],
    ["PERSIST b", "(integer) 1"],
    ["TTL b", "(integer) -1"],
    ["TTL nothing", "(integer) -2"],
    ["EXPIRE b 0", "(integer) 1"],
    ["EXISTS a b a", "(integer) 2"],
    ["MSET c 1 d 2", "OK"],
    ["MGET c nothing d", '1) "1"\n2) (nil)\n3) "2"'],
    ["DEL a c d nothing", "(integer) 3"],
    ["DBSIZE", "(integer) 0"],
    ["SET e v PX 0", "(error) ERR invalid expire time in 'set' command"],
    ["SET e v EX 1 PX 1", "(error) ERR syntax error"],
    ["SET e v NX XX", "(error) ERR syntax error"],
    ["SET e abc", "OK"],
    ["INCR e", "(error) ERR value is not an integer or out of range"],
    ["SET e 007", "OK"],
    ["INCR e", "(error) ERR value is not an integer or out of range"],
    ["GET", "(error) ERR wrong number of arguments for 'get' command"],
    ["LPUSH l 1", "(error) ERR unknown command 'LPUSH'"],
    ["CONFIG GET save", '1) "save"\n2) ""'],
    ["UNSUBSCRIBE", '1) "unsubscribe"\n2) (nil)\n3) (integer) 0'],
  ];
  const output = await redisCli(
    port,
    conversation.map(([command]) => `${command}\n`).join(""),
  );
  const lines = output.replaceAll("\n\n", "\n").trim();
  assertEquals(lines, conversation.map(([, answer]) => answer).join("\n"));
});

Deno.test("redis/server keeps every byte of a value", {
  timeout,
  ignore: lacksPrograms("redis-cli"),
}, async () => {
  const { server, port } = await started();
  await using _ = server;
  const value = "é\0\r\n".repeat(50_000);
  assertMatch(await redisCli(port, value, "-x", "SET", "v"), /^OK/);
  const { stdout } = await new Deno.Command(program("redis-cli"), {
    args: ["-p", String(port), "GET", "v"],
  }).output();
  assert(new TextDecoder().decode(stdout) === `${value}\n`, "other bytes");
});

Deno.test("redis/server stands redis-benchmark with pipelines", {
  timeout,
  ignore: lacksPrograms("redis-benchmark"),
}, async () => {
  const { server, port } = await started();
  await using _ = server;
  const args = ["-p", String(port), "-P", "16", "-n", "20000", "--csv"];
  const output = await run("redis-benchmark", [
    ...args,
    "-t",
    "ping,set,get,incr,mset",
  ]);
  const rows = [...output.matchAll(/^"([A-Z_]+)[^"]*","([\d.]+)"/gm)];
  assertEquals(
    rows.map(([, test]) => test),
    ["PING_INLINE", "PING_MBULK", "SET", "GET", "INCR", "MSET"],
    output,
  );
  for (const [row, , rate] of rows) assert(Number(rate) > 0, row);
});

Deno.test("redis/server hands what redis-cli publishes to who listens", {
  timeout,
  ignore: lacksPrograms("redis-cli"),
}, async () => {
  const { server, port } = await started();
  await using _ = server;
  await using listener = await connect({ port });
  await expectReply(
    listener,
    "SUBSCRIBE news\r\n",
    "*3\r\n$9\r\nsubscribe\r\n$4\r\nnews\r\n:1\r\n",
  );
  await expectReply(listener, "GET a\r\n", "-ERR Can't execute 'get'");
  await listener.readLine();
  assertEquals(
    await redisCli(port, "PUBLISH news hello\nPUBLISH other hello\n"),
    "(integer) 1\n(integer) 0\n",
  );
  await expectReply(
    listener,
    "",
    "*3\r\n$7\r\nmessage\r\n$4\r\nnews\r\n$5\r\nhello\r\n",
  );
  await expectReply(
    listener,
    "UNSUBSCRIBE\r\n",
    "*3\r\n$11\r\nunsubscribe\r\n",
  );
  assertEquals(await redisCli(port, "PUBLISH news x\n"), "(integer) 0\n");
});

Deno.test("redis/server answers a pipeline in order, then QUIT ends it", {
  timeout,
}, async () => {
  const { server, port } = await started();
  await using _ = server;
  await using client = await connect({ port });
  await client.write("INCR n\r\n".repeat(5_000) + "QUIT\r\nINCR n\r\n");
  const expected = Array.from({ length: 5_000 }, (_, i) => `:${i + 1}`);
  const lines: string[] = [];
  for (let line; (line = await client.readLine()) !== null;) lines.push(line);
  assertEquals(lines, [...expected, "+OK"]);
});

Deno.test(
  "redis/server says why it hangs up on garbage and on what is too large",
  {
    timeout,
  },
  async () => {
    const { server, port } = await started();
    await using _ = server;
    const cases: [sent: string, answer: RegExp][] = [
      ["*1\r\n:1\r\n", /^-ERR Protocol error: expected '\$', got ':'$/],
      ["*1\r\n$9999999\r\n", /^-ERR Protocol error: invalid length/],
    ];
    for (const [sent, answer] of cases) {
      await using client = await connect({ port });
      await client.write(sent);
      assertMatch(await client.readLine() ?? "", answer);
      assertEquals(await client.read(), null);
    }
    const noise = crypto.getRandomValues(new Uint8Array(60_000));
    noise[0] = "*".charCodeAt(0);
    await using client = await connect({ port });
    await client.write(noise).catch(() => {});
    for await (const chunk of client) assert(chunk.length > 0);
    await using other = await connect({ port });
    await expectReply(other, "PING\r\n", "+PONG\r\n");
  },
);

Deno.test("redis/server goes on after clients that reset", {
  timeout,
  ignore: lacksPrograms("python3"),
}, async () => {
  const { server, port } = await started();
  await using _ = server;
  const { code } = await new Deno.Command(program("python3"), {
    args: [
      "-c",
      `import socket, struct
for i in range(20):
    s = socket.create_connection(("127.0.0.1", ${port}))
    s.sendall(b"SET k v\\r\\n*2\\r\\n$3\\r\\nGET" if i % 2 else b"")
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()`,
    ],
  }).output();
  assertEquals(code, 0);
  await using client = await connect({ port });
  await expectReply(client, "PING\r\n", "+PONG\r\n");
});

Deno.test("redis/server serves others while one does not read its answers", {
  timeout,
}, async () => {
  const { server, port } = await started();
  await using _ = server;
  await using client = await connect({ port });
  const value = "x".repeat(500_000);
  await expectReply(
    client,
    `*3\r\n$3\r\nSET\r\n$1\r\nv\r\n$500000\r\n${value}\r\n`,
    "+OK\r\n",
  );
  // A gigabyte of answers to a client that reads none of them.
  await using slow = await connect({ port });
  await slow.write("GET v\r\n".repeat(2_000));
  for (let i = 0; i < 100; i++) {
    await expectReply(client, "PING\r\n", "+PONG\r\n");
  }
  slow.abort();
});

Deno.test("redis/server cuts off a subscriber that reads too slowly", {
  timeout,
}, async () => {
  const { server, port } = await started();
  await using _ = server;
  await using slow = await connect({ port });
  await expectReply(
    slow,
    "SUBSCRIBE c\r\n",
    "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n",
  );
  await using publisher = await connect({ port });
  const message = `*3\r\n$7\r\nPUBLISH\r\n$1\r\nc\r\n$100000\r\n${
    "x".repeat(100_000)
  }\r\n`;
  // The kernel takes some megabytes, the server one; then the client does not listen any more.
  let sent = 0;
  for (let listeners = ":1"; listeners === ":1"; sent++) {
    assert(sent < 1_000, "it still listens");
    await publisher.write(message);
    listeners = await publisher.readLine({ timeoutMs: 5_000 }) ?? "";
  }
  await expectReply(publisher, "PING\r\n", "+PONG\r\n");
});

Deno.test("redis/server refuses what does not fit into its memory", {
  timeout,
}, async () => {
  const { server, port } = await started("--memory", "1");
  await using _ = server;
  await using client = await connect({ port });
  const set = (key: string) =>
    `*3\r\n$3\r\nSET\r\n$1\r\n${key}\r\n$900000\r\n${"x".repeat(900_000)}\r\n`;
  await expectReply(client, set("a"), "+OK\r\n");
  await expectReply(client, set("b"), "-OOM command not allowed");
  await client.readLine();
  await expectReply(client, "DEL a\r\n", ":1\r\n");
  await expectReply(client, set("b"), "+OK\r\n");
});

Deno.test(
  "redis/server drains at Ctrl-C: clients get their answers and the end",
  {
    timeout,
    ignore: windows,
  },
  async () => {
    const { server, port } = await started();
    await using _ = server;
    await using client = await connect({ port });
    await expectReply(client, "PING\r\n", "+PONG\r\n");
    server.interrupt();
    assertEquals(await client.read(), null);
    await client.close();
    const { code, output } = await server.ended();
    assertMatch(output, /drained: 1 finished, 0 cut off\n$/);
    assertEquals(code, 0);
  },
);

Deno.test("redis/server says which permission is missing", {
  timeout,
}, async () => {
  const { code, errors } = await runWithoutPermissions("redis/server");
  assertEquals(
    errors,
    "Cannot listen on 127.0.0.1:6379: run again with --allow-net=127.0.0.1:6379\n",
  );
  assertEquals(code, 1);
});

Deno.test("redis/server refuses wrong flags in one line, with exit code 2", {
  timeout,
}, async () => {
  const { code, errors } = await runExample("redis/server", "--memory", "0");
  assertEquals(
    errors,
    "Cannot run: --memory must be a whole number from 1 to 2048, got 0\n",
  );
  assertEquals(code, 2);
});
