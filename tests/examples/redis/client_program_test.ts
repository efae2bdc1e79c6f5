/** `redis/client` as a program, with the permissions of its first line. */

import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, relay, serve, type Socket } from "@sluice/net";
import { createAuthority } from "../../_support/certificates.ts";
import { lacksPrograms, program } from "../../_support/programs.ts";
import {
  Example,
  exampleCommand,
  runExample,
  startServer,
} from "../_example.ts";
import { freePort } from "../../_support/free_port.ts";
import { RedisServer } from "./_redis_server.ts";
import { Speaker } from "./_speaker.ts";

const timeout = 60_000;
const CLIENT = "redis/client";
const decoder = new TextDecoder();

/** Runs a program with some input, and gives what it printed, as characters of a byte each. */
async function output(
  command: string,
  args: string[],
  { input = "", env = {} }: { input?: string; env?: Record<string, string> } =
    {},
): Promise<string> {
  const child = new Deno.Command(command, {
    args,
    env,
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(input));
  await writer.close();
  const { stdout, stderr } = await child.output();
  return decoder.decode(stdout) + decoder.decode(stderr);
}

const LINES = [
  "PING",
  "SET a 1",
  "INCR a",
  "GET a",
  "GET nothing",
  'SET b "tab\\t quote\\" null\\x00 high\\xff new\\nline \\a \\b"',
  "GET b",
  "SET c 'gr\u00fc\u00df dich'",
  "GET c",
  "STRLEN c",
  "INCR c",
  "MGET a nothing c",
  "RPUSH list 1 2 3 4 5 6 7 8 9 ten 11",
  "LRANGE list 0 -1",
  "LRANGE none 0 -1",
  "HSET hash f1 v1 f2 v2",
  "HGETALL hash",
  "HGETALL none",
  "SADD set one",
  "SMEMBERS set",
  "SMEMBERS none",
  "ZADD zset 1.5 a 2 b",
  "ZRANGE zset 0 -1 WITHSCORES",
  "ZSCORE zset a",
  "ZMSCORE zset a none",
  "CONFIG GET maxmemory-samples",
  "EVAL 'return {1,{2,{3,\"x\"},{}},false}' 0",
  "EVAL 'return redis.error_reply(\"ERR in it\")' 0",
  "DEBUG",
  "NONSENSE x",
  "ECHO",
  'ECHO ""',
  "DEL a b c",
  "COMMAND INFO get nothing",
  "MULTI",
  "SET a 1",
  "INCR a",
  "GET a",
  "EXEC",
  "DISCARD",
];

Deno.test("redis/client shows what redis-cli shows, line by line", {
  timeout,
  ignore: lacksPrograms("redis-server", "redis-cli"),
}, async () => {
  await using server = await RedisServer.start();
  const port = String(server.port);
  for (const protocol of [2, 3]) {
    const lines = LINES.join("\n");
    const cli = ["-p", port, "--no-raw", ...(protocol === 3 ? ["-3"] : [])];
    const own = [
      ...await exampleCommand(CLIENT),
      "--port",
      port,
      ...(protocol === 3 ? ["--resp3"] : []),
    ];
    const flush = () => output(program("redis-cli"), ["-p", port, "FLUSHALL"]);
    const input = `${lines}\n`;
    await flush();
    const expected = await output(program("redis-cli"), cli, { input });
    await flush();
    const actual = await output(Deno.execPath(), own, { input });
    assertEquals(
      actual.trimEnd().split("\n"),
      expected.replaceAll("\n\n", "\n").trimEnd().split("\n"),
      `RESP ${protocol}`,
    );
  }
});

Deno.test("redis/client says one command that stands behind its flags", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  const say = async (...args: string[]) =>
    await runExample(CLIENT, "--port", String(port), ...args);
  const cases: [args: string[], output: string, code: number][] = [
    [["SET", "a", "007"], "OK\n", 0],
    [["GET", "a"], '"007"\n', 0],
    [["APPEND", "a", "-1e3 --host"], "(integer) 14\n", 0],
    [["GET", "a"], '"007-1e3 --host"\n', 0],
    [["SET", "-5", "--x=1"], "OK\n", 0],
    [["GET", "-5"], '"--x=1"\n', 0],
    [["GET", "nothing"], "(nil)\n", 0],
    [["STRLEN", "grüß"], "(integer) 0\n", 0],
    [["ECHO", ""], '""\n', 0],
    [["ECHO", "--"], '"--"\n', 0],
    [
      ["SUBSCRIBE"],
      "(error) ERR wrong number of arguments for 'subscribe' command\n",
      1,
    ],
    [["INCR"], "(error) ERR wrong number of arguments for 'incr' command\n", 1],
    [["KEYS", "-*"], '1) "-5"\n', 0],
  ];
  for (const [args, output, code] of cases) {
    const ending = await say(...args);
    assertEquals([ending.output, ending.errors], [output, ""], args.join(" "));
    assertEquals(ending.code, code);
  }
  const raw = await say("--raw", "MGET", "a", "-5");
  assertEquals(raw.output, "007-1e3 --host\n--x=1\n");
});

Deno.test("redis/client gives the bytes of a value as they are with --raw", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  await using speaker = await Speaker.open(port);
  const all = String.fromCharCode(...Array.from({ length: 256 }, (_, i) => i));
  await speaker.say("SET", "all", all);
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: [
      ...await exampleCommand(CLIENT),
      "--port",
      String(port),
      "--raw",
      "GET",
      "all",
    ],
  }).output();
  assertEquals(stdout, Uint8Array.from([...Array(256).keys(), 10]));
});

Deno.test("redis/client says the bytes of its input as they are", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  await using client = await Example.start(CLIENT, "--port", String(port));
  await client.type("SET a ");
  await client.type(Uint8Array.of(0xff, 0x80, 0xc3, 0xa9, 0x0d, 0x0a));
  await client.type("GET a");
  const { output } = await client.ended();
  assertEquals(output, 'OK\n"\\xff\\x80\\xc3\\xa9"\n');
});

/** A server that says the same to each command, and the address where it is. */
function saying(text: string, after?: (socket: Socket) => unknown) {
  const server = serve({ port: 0, onError() {} }, async (socket) => {
    for await (const _ of socket) {
      await socket.write(
        Uint8Array.from(text, (character) => character.charCodeAt(0)),
      );
      await after?.(socket);
    }
  });
  return {
    port: String(server.addr.port),
    [Symbol.asyncDispose]: async () => {
      await server.shutdown({ timeoutMs: 1 });
    },
  };
}

Deno.test("redis/client shows nothing that a terminal would obey", {
  timeout,
}, async () => {
  const evil = "\x1b]0;x\x07\x9b2J\xe2\x80\xaerm\r\x00\x7f";
  const size = evil.length;
  const cases = [
    `+${evil.replaceAll("\r", "")}\r\n`,
    `-ERR ${evil.replaceAll("\r", "")}\r\n`,
    `$${size}\r\n${evil}\r\n`,
    `*2\r\n$${size}\r\n${evil}\r\n*1\r\n+${evil.replaceAll("\r", "")}\r\n`,
    `%1\r\n$${size}\r\n${evil}\r\n$${size}\r\n${evil}\r\n`,
    `=${size + 4}\r\ntxt:${evil}\r\n`,
    `!${size}\r\n${evil}\r\n`,
    `,${evil}\r\n`,
    `${evil}\r\n`,
  ];
  for (const said of cases) {
    await using server = saying(said);
    const { output, errors } = await runExample(
      CLIENT,
      "--port",
      server.port,
      "GET",
      "a",
    );
    assert(output + errors !== "", JSON.stringify(said));
    assertMatch(output + errors, /^[ -~\n]*$/, JSON.stringify(said));
  }
});

Deno.test("redis/client goes on after a server that is broken or hostile", {
  timeout,
}, async () => {
  const cases: [said: string, after: (socket: Socket) => unknown][] = [
    [
      "$20\r\nonly a par",
      (socket) => socket.flush().then(() => socket.abort()),
    ],
    ["", (socket) => socket.close()],
    ["HTTP/1.1 400 Bad Request\r\n", () => {}],
    ["$99999999999\r\n", () => {}],
    ["*1\r\n".repeat(1_000), () => {}],
  ];
  for (const [said, after] of cases) {
    await using server = saying(said, after);
    const lines = "GET a\nGET b\n";
    const args = [...await exampleCommand(CLIENT), "--port", server.port];
    const printed = await output(Deno.execPath(), args, { input: lines });
    assertMatch(printed, /^Cannot .+\nCannot .+\n$/, JSON.stringify(said));
  }
});

Deno.test("redis/client says that a transaction was lost with its connection", {
  timeout,
  ignore: lacksPrograms("redis-server"),
}, async () => {
  const port = freePort();
  await using client = await Example.start(CLIENT, "--port", String(port));
  {
    await using _server = await RedisServer.start({ port });
    await client.type("MULTI\nSET a 1\n");
    await client.printed(/QUEUED/);
  }
  await using _again = await RedisServer.start({ port });
  await client.type("GET a\n");
  await client.printed(/\(nil\)/);
  await client.type("EXEC\n");
  await client.printed(/ERR EXEC without MULTI/);
  const { errors, code } = await client.ended();
  assertMatch(errors, /the connection was lost, and the transaction with it\n/);
  assertEquals(code, 1);
});

Deno.test("redis/client shows messages, also after Redis was restarted", {
  timeout,
  ignore: lacksPrograms("redis-server"),
}, async () => {
  const port = freePort();
  const publish = async (text: string) => {
    await using speaker = await Speaker.open(port);
    while (await speaker.say("PUBLISH", "news", text) === 0);
  };
  let server = await RedisServer.start({ port });
  const client = await Example.start(
    CLIENT,
    "--port",
    String(port),
    "SUBSCRIBE",
    "news",
    "news", // Once is enough, says Redis.
  );
  try {
    await client.printed(
      /^(1\) "subscribe"\n2\) "news"\n3\) \(integer\) 1\n){2}/,
    );
    await publish("one");
    await client.printed(/1\) "message"\n2\) "news"\n3\) "one"\n/);
    await server[Symbol.asyncDispose]();
    server = await RedisServer.start({ port });
    await publish("two");
    await client.printed(/3\) "two"\n/);
    client.interrupt();
    const { errors, output } = await client.ended();
    assertEquals(output.split('"two"').length, 2);
    assertMatch(errors, /the connection was lost: messages may be missing\n/);
  } finally {
    await client[Symbol.asyncDispose]();
    await server[Symbol.asyncDispose]();
  }
});

Deno.test("redis/client logs in with --password, or by AUTH", {
  timeout,
}, async () => {
  const { server, port } = await startServer(
    "redis/server",
    "--password",
    "s3cret",
  );
  await using _ = server;
  const flags = ["--port", String(port)];
  const good = await runExample(
    CLIENT,
    ...flags,
    "--password",
    "s3cret",
    "PING",
  );
  assertEquals([good.output, good.code], ["PONG\n", 0]);
  const wrong = await runExample(CLIENT, ...flags, "--password", "x", "PING");
  assertMatch(wrong.output, /^\(error\) WRONGPASS /);
  assertEquals(wrong.code, 1);
  const args = [...await exampleCommand(CLIENT), ...flags];
  const typed = await output(Deno.execPath(), args, {
    input: "GET a\nAUTH s3cret\nGET a\nquit\nGET b\n",
  });
  assertEquals(typed, "(error) NOAUTH Authentication required.\nOK\n(nil)\n");
});

Deno.test("redis/client speaks TLS with --tls", { timeout }, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  const authority = await createAuthority();
  await using front = serve(
    { port: 0, tls: await authority.issue() },
    async (socket) => {
      await using inner = await connect({ port });
      await relay(socket, inner);
    },
  );
  const args = [
    ...await exampleCommand(CLIENT),
    "--port",
    String(front.addr.port),
    "--tls",
    "PING",
  ];
  const caPath = await Deno.makeTempFile();
  try {
    await Deno.writeTextFile(caPath, authority.cert);
    const env = { DENO_CERT: caPath };
    assertEquals(await output(Deno.execPath(), args, { env }), "PONG\n");
    assertMatch(
      await output(Deno.execPath(), args),
      /^Cannot .+certificate.*\n$/,
    );
  } finally {
    await Deno.remove(caPath);
  }
});

Deno.test(
  "redis/client says in one line what is wrong with its flags, or missing",
  {
    timeout,
  },
  async () => {
    const cases: [args: string[], errors: RegExp, code: number][] = [
      [
        ["--port", "0", "PING"],
        /^Cannot run: --port must be a whole number/,
        2,
      ],
      [["--prot", "1"], /^Cannot run: each flag must be one of --host, /, 2],
      [["--host", "unix:/x", "PING"], /^--host: Cannot parse the address/, 2],
      [["--host", "tls://x", "PING"], /^--host: Cannot parse the address/, 2],
      [
        ["--host", "127.0.0.2", "PING"],
        /^Cannot connect to 127\.0\.0\.2:6379: run again with --allow-net=127\.0\.0\.2:6379\n$/,
        1,
      ],
      [
        ["--port", String(freePort()), "PING"],
        /^Cannot connect to 127\.0\.0\.1:\d+: connection refused.*\n$/,
        1,
      ],
      [["MONITOR"], /^Cannot connect|^Cannot say MONITOR/, 1],
    ];
    for (const [args, expected, code] of cases) {
      const { errors, code: actual } = await runExample(CLIENT, ...args);
      assertMatch(errors, expected);
      assertEquals(actual, code);
    }
    const { output: help, code } = await runExample(CLIENT, "--help");
    assertMatch(help, /^A Redis client: says one command/);
    assertEquals(code, 0);
  },
);
