import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
} from "@std/assert";
import {
  BrokenError,
  FrameTooLargeError,
  LimitError,
  MalformedFrameError,
  serve,
  type Socket,
  SocketError,
  TimeoutError,
} from "@sluice/net";
import { lacksPrograms } from "../../_support/programs.ts";
import {
  type ClientOptions,
  RedisClient,
} from "../../../examples/redis/redis_client.ts";
import { RedisConnection } from "../../../examples/redis/connection.ts";
import { RedisError } from "../../../examples/redis/value.ts";
import { startServer } from "../_example.ts";
import { freePort } from "../../_support/free_port.ts";
import { RedisServer } from "./_redis_server.ts";

const timeout = 60_000;
const withoutRedis = lacksPrograms("redis-server");
const QUICK: ClientOptions = { retry: { minDelayMs: 5, maxDelayMs: 50 } };

/** A server of either kind. */
interface Started extends AsyncDisposable {
  port: number;
}

async function startExample(...args: string[]): Promise<Started> {
  const { server, port } = await startServer("redis/server", ...args);
  return { port, [Symbol.asyncDispose]: () => server[Symbol.asyncDispose]() };
}

/** Both servers, in both protocols. */
const SERVERS = [
  { name: "Redis", ignore: withoutRedis, start: () => RedisServer.start() },
  { name: "the example's server", ignore: false, start: () => startExample() },
].flatMap((server) =>
  ([2, 3] as const).map((protocol) => ({ ...server, protocol }))
);

/** A server that says what a test wants: a function of what each client has said. */
function fake(
  answer: (said: string, socket: Socket, connection: number) => unknown,
) {
  let connections = 0;
  const server = serve({ port: 0, onError() {} }, async (socket) => {
    const connection = ++connections;
    for await (const chunk of socket) {
      await answer(new TextDecoder().decode(chunk), socket, connection);
    }
  });
  return {
    port: server.addr.port,
    [Symbol.asyncDispose]: async () => {
      await server.shutdown({ timeoutMs: 1 });
    },
  };
}

/** What an error is about, behind those that pass it on. */
function rootOf(error: unknown): unknown {
  while (error instanceof Error && error.cause !== undefined) {
    error = error.cause;
  }
  return error;
}

/** What every fake server says to `HELLO`. */
const HELLO = "%1\r\n+proto\r\n:3\r\n";
const isHello = (said: string) => said.includes("HELLO");

for (const { name, ignore, start, protocol } of SERVERS) {
  Deno.test(`RedisClient talks to ${name} in RESP ${protocol}`, {
    timeout,
    ignore,
  }, async () => {
    await using server = await start();
    await using redis = new RedisClient({ port: server.port, protocol });
    await redis.set("a", "grüß dich");
    assertEquals(await redis.get("a"), "grüß dich");
    assertEquals(await redis.command("STRLEN", "a"), 11);
    assertEquals(await redis.get("nothing"), null);
    const bytes = Uint8Array.from({ length: 256 }, (_, i) => i);
    assertEquals(await redis.command("SET", bytes, bytes), "OK");
    assertEquals(await redis.command("STRLEN", bytes), 256);
    await redis.command("MSET", "n", 41, "empty", "");
    assertEquals(await redis.command("INCR", "n"), 42);
    assertEquals(await redis.command("MGET", "n", "nothing", "empty"), [
      "42",
      null,
      "",
    ]);
    const error = await assertRejects(
      () => redis.command("INCR", "a"),
      RedisError,
      "ERR value is not an integer or out of range",
    );
    assertEquals(error.code, "ERR");
    const values = await redis.exec([
      ["SET", "n", 1],
      ["INCR", "a"],
      ["INCR", "n"],
    ]);
    assertEquals([values[0], values[2]], ["OK", 2]);
    assertInstanceOf(values[1], RedisError);
    // One that is wrong: none is done, and the error says what it was.
    await assertRejects(
      () => redis.exec([["SET", "n", 7], ["NONSENSE"]]),
      RedisError,
      "unknown command",
    );
    assertEquals(await redis.get("n"), "2");
    const config = await redis.command("CONFIG", "GET", "appendonly");
    assertEquals(
      config,
      protocol === 3 ? new Map([["appendonly", "no"]]) : ["appendonly", "no"],
    );
    for (
      const words of [
        ["MULTI"],
        ["watch", "a"],
        ["SUBSCRIBE", "a"],
        ["MONITOR"],
        ["CLIENT", "REPLY", "OFF"],
        ["HELLO", "2"],
      ]
    ) {
      await assertRejects(() => redis.command(...words), TypeError, words[0]);
    }
    await assertRejects(() => redis.exec([["SUBSCRIBE", "a"]]), TypeError);
    await assertRejects(
      () => redis.command("GET", {} as unknown as string),
      TypeError,
      "each argument must be a string, a number or bytes, got object",
    );
  });

  Deno.test(`RedisClient pipelines to ${name} in RESP ${protocol}`, {
    timeout,
    ignore,
  }, async () => {
    await using server = await start();
    await using redis = new RedisClient({ port: server.port, protocol });
    const numbers = Array.from({ length: 5_000 }, (_, i) => i);
    const large = "x".repeat(20_000);
    await Promise.all(numbers.map(async (i) => {
      const value = i % 100 === 0 ? large + i : `value ${i}`;
      const [, got, , transaction] = await Promise.all([
        redis.set(`key:${i}`, value),
        redis.get(`key:${i}`),
        redis.command("NONSENSE").catch(() => {}),
        i % 50 === 0 ? redis.exec([["INCR", "n"], ["GET", `key:${i}`]]) : [],
      ]);
      assertEquals(got, value);
      if (i % 50 === 0) assertEquals(transaction[1], value);
    }));
    assertEquals(await redis.get("n"), "100");
  });

  Deno.test(`RedisClient does transactions with ${name} in RESP ${protocol}`, {
    timeout,
    ignore,
  }, async () => {
    await using server = await start();
    await using redis = new RedisClient({ port: server.port, protocol });
    const increase = () =>
      redis.transaction(["n"], async (connection) => {
        const n = Number(await connection.command("GET", "n"));
        return [["SET", "n", n + 1]];
      });
    await Promise.all(Array.from({ length: 40 }, increase));
    assertEquals(await redis.get("n"), "40");
  });

  Deno.test(`RedisClient listens to ${name} in RESP ${protocol}`, {
    timeout,
    ignore,
  }, async () => {
    await using server = await start();
    await using redis = new RedisClient({ port: server.port, protocol });
    await using listener = new RedisClient({ port: server.port, protocol });
    const heard: string[] = [];
    const news = await listener.subscribe("nüws", (text) => heard.push(text));
    const both = await listener.subscribe("nüws", (text, channel) => {
      heard.push(`${channel}: ${text}`);
    });
    await using _other = await listener.subscribe("other", () => {
      reached.resolve();
    });
    const reached = Promise.withResolvers<void>();
    assertEquals(await redis.command("PUBLISH", "nüws", "hällo"), 1);
    await redis.command("PUBLISH", "other", "");
    await reached.promise;
    assertEquals(heard, ["hällo", "nüws: hällo"]);
    await news[Symbol.asyncDispose]();
    assertEquals(await redis.command("PUBLISH", "nüws", "2"), 1);
    await both[Symbol.asyncDispose]();
    assertEquals(await redis.command("PUBLISH", "nüws", "3"), 0);
    if (protocol === 3) {
      // It can do all else, too; in RESP 2 the server refuses.
      await listener.set("a", "1");
      assertEquals(await listener.get("a"), "1");
    } else if (name === "Redis") {
      await assertRejects(() => listener.get("a"), RedisError, "Can't execute");
    }
  });
}

Deno.test("RedisClient connects and listens again after Redis was restarted", {
  timeout,
  ignore: withoutRedis,
}, async () => {
  const port = freePort();
  const events: string[] = [];
  await using redis = new RedisClient({
    port,
    ...QUICK,
    onEvent: ({ type }) => events.push(type),
  });
  // Said before there is a server, and answered when there is one.
  const early = redis.command("PING");
  {
    await using _server = await RedisServer.start({ port });
    assertEquals(await early, "PONG");
  }
  let heard = Promise.withResolvers<string>();
  const subscribing = redis.subscribe("news", (text) => heard.resolve(text));
  for (let i = 0; i < 3; i++) {
    await using server = await RedisServer.start({ port });
    await using other = new RedisClient({ port });
    await subscribing;
    await redis.connected();
    heard = Promise.withResolvers();
    // Whether it listens already is the server's to say.
    while (await other.command("PUBLISH", "news", `hello ${i}`) === 0);
    assertEquals(await heard.promise, `hello ${i}`);
    const lost = assertRejects(
      () => redis.use((own) => own.command("BLPOP", "list", 0)),
      SocketError,
    );
    while (!String(await other.command("CLIENT", "LIST")).includes("blpop"));
    await server[Symbol.asyncDispose]();
    // It was sent: the server may have done it.
    const error = await lost;
    assertEquals(error.sent, true);
  }
  assert(events.filter((type) => type === "lost").length >= 2, events.join());
});

Deno.test(
  "RedisClient repeats no command that was sent, and each that was not",
  {
    timeout,
  },
  async () => {
    const said: string[] = [];
    // The first connection is cut inside the answer to INCR.
    await using server = fake(async (text, socket, connection) => {
      if (isHello(text)) return await socket.write(HELLO);
      said.push(...text.match(/INCR|GET/g) ?? []);
      if (connection === 1) {
        await socket.write("$20\r\nonly a par");
        await socket.flush();
        socket.abort();
      } else await socket.write("$2\r\nok\r\n");
    });
    await using redis = new RedisClient({ port: server.port, ...QUICK });
    await redis.connected();
    const error = await assertRejects(
      () => redis.command("INCR", "a"),
      BrokenError,
    );
    assertEquals(error.sent, true);
    assertEquals(await redis.get("a"), "ok");
    assertEquals(said, ["INCR", "GET"]);
  },
);

Deno.test("RedisClient gives a late answer to no other caller", {
  timeout,
}, async () => {
  const late = Promise.withResolvers<void>();
  await using server = fake(async (text, socket) => {
    if (isHello(text)) return await socket.write(HELLO);
    if (text.includes("slow")) return;
    // Both answers, in the order of the questions.
    late.resolve();
    await socket.write("$4\r\nlate\r\n$5\r\nright\r\n");
  });
  await using redis = new RedisClient({ port: server.port });
  await redis.connected();
  const error = await assertRejects(
    () => redis.say(["GET", "slow"], { timeoutMs: 20 }),
    TimeoutError,
  );
  assertEquals(error.sent, true);
  assertEquals(await redis.get("a"), "right");
  await late.promise;
});

Deno.test(
  "RedisClient keeps a value that looks like a message for its caller",
  {
    timeout,
  },
  async () => {
    await using server = await startExample();
    for (const protocol of [2, 3] as const) {
      await using redis = new RedisClient({ port: server.port, protocol });
      const words = ["subscribe", "message", "news", "text"];
      await redis.command("MSET", ...words.flatMap((word) => [word, word]));
      // In RESP 3 also while a channel is subscribed to.
      const subscribing = protocol === 3
        ? redis.subscribe("channel", () => {})
        : undefined;
      for (const first of ["subscribe", "message"]) {
        const keys = [first, "news", "text"];
        assertEquals(await redis.command("MGET", ...keys), keys);
      }
      await subscribing;
      assertEquals(await redis.get("text"), "text");
    }
  },
);

Deno.test("RedisClient makes one typed error of what a hostile server says", {
  timeout,
}, async () => {
  const cases: [said: string, kind: new (...args: never[]) => Error][] = [
    ["HTTP/1.1 400 Bad Request\r\n\r\n", MalformedFrameError],
    ["\x00\x01\x02\x03", MalformedFrameError],
    ["$999999999999\r\n", FrameTooLargeError],
    ["$99999999999999999999\r\n", MalformedFrameError],
    ["*1000000000\r\n", MalformedFrameError],
    ["*1\r\n".repeat(10_000), MalformedFrameError],
    ["%-1\r\n", MalformedFrameError],
    [`+${"x".repeat(100_000)}`, FrameTooLargeError],
    [":1:2\r\n", MalformedFrameError],
    // Two answers to one question.
    [":1\r\n".repeat(2), MalformedFrameError],
  ];
  for (const [said, kind] of cases) {
    await using server = fake(async (text, socket) => {
      await socket.write(isHello(text) ? HELLO : said);
    });
    const connection = await RedisConnection.open({ port: server.port });
    const causes: unknown[] = [];
    for (const key of ["a", "b"]) {
      try {
        await connection.command("GET", key);
      } catch (error) {
        causes.push(rootOf(error));
      }
    }
    assertInstanceOf(causes.at(-1), kind, JSON.stringify(said.slice(0, 30)));
    connection[Symbol.dispose]();
  }
});

Deno.test("RedisClient takes no message that no channel of its was asked for", {
  timeout,
}, async () => {
  const push = ">3\r\n$7\r\nmessage\r\n$1\r\na\r\n$4\r\ntext\r\n";
  await using server = fake(async (text, socket) => {
    await socket.write(
      isHello(text)
        ? HELLO
        : `>2\r\n+invalidate\r\n*0\r\n>0\r\n>1\r\n*0\r\n${push}$2\r\nok\r\n${push}`,
    );
  });
  await using redis = new RedisClient({ port: server.port });
  assertEquals(await redis.get("a"), "ok");
  assertEquals(await redis.get("a"), "ok");
});

Deno.test("RedisClient speaks RESP 2 with a server that does not know HELLO", {
  timeout,
}, async () => {
  const said: string[] = [];
  await using server = fake(async (text, socket) => {
    said.push(...text.match(/HELLO|AUTH|GET/g) ?? []);
    await socket.write(
      isHello(text) ? "-ERR unknown command 'HELLO'\r\n" : "+OK\r\n",
    );
  });
  await using redis = new RedisClient({ port: server.port, password: "x" });
  assertEquals(await redis.get("a"), "OK");
  assertEquals(said, ["HELLO", "AUTH", "AUTH", "GET"]);
});

Deno.test("RedisClient waits for a server that loads its data", {
  timeout,
}, async () => {
  await using server = fake(async (text, socket, connection) => {
    await socket.write(
      connection < 3
        ? "-LOADING Redis is loading the dataset in memory\r\n"
        : isHello(text)
        ? HELLO
        : "+PONG\r\n",
    );
  });
  await using redis = new RedisClient({ port: server.port, ...QUICK });
  assertEquals(await redis.command("PING"), "PONG");
});

Deno.test("RedisClient logs in, and does not go on with a wrong password", {
  timeout,
}, async () => {
  await using server = await startExample("--password", "gehäim");
  const { port } = server;
  for (const protocol of [2, 3] as const) {
    await using redis = new RedisClient({
      port,
      protocol,
      password: "gehäim",
      name: "ann",
    });
    assertEquals(await redis.command("CLIENT", "GETNAME"), "ann");
    await using wrong = new RedisClient({ port, protocol, password: "x" });
    const error = await assertRejects(() => wrong.get("a"), RedisError);
    assertEquals(error.code, "WRONGPASS");
    await using none = new RedisClient({ port, protocol });
    await assertRejects(() => none.get("a"), RedisError, "NOAUTH");
  }
});

Deno.test("RedisClient lets no more than 100,000 calls wait for a connection", {
  timeout,
}, async () => {
  const redis = new RedisClient({ port: freePort(), ...QUICK });
  const calls = Array.from({ length: 100_000 }, () => redis.get("a"));
  const error = await assertRejects(() => redis.get("a"), LimitError);
  assertEquals(error.sent, false);
  const outcomes = Promise.allSettled(calls);
  await redis.close();
  for (const { status } of await outcomes) assertEquals(status, "rejected");
});

Deno.test("RedisClient gives up in time where there is no server", {
  timeout,
}, async () => {
  await using redis = new RedisClient({
    port: freePort(),
    ...QUICK,
    timeoutMs: 100,
  });
  await assertRejects(() => redis.get("a"), TimeoutError);
  await assertRejects(() => redis.exec([["GET", "a"]]), TimeoutError);
  await assertRejects(() => redis.subscribe("a", () => {}), TimeoutError);
  await assertRejects(
    () => redis.transaction(["a"], () => Promise.resolve([])),
    SocketError,
  );
  const signal = AbortSignal.abort("enough");
  await assertRejects(() => redis.say(["GET", "a"], { signal }));
});
