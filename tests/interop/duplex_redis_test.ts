import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { AbstractConnector, Redis, type RedisOptions } from "npm:ioredis@6.0.0";
import {
  connect,
  type ConnectOptions,
  serve,
  type Socket,
  TimeoutError,
} from "@sluice/net";
import { toDuplex } from "@sluice/net/adapters";
import { readText } from "../repository/_checkout.ts";
import { type Database, startRedis } from "../_support/databases.ts";
import { DenoProgram } from "../_support/deno_program.ts";
import { lacksPrograms } from "../_support/programs.ts";

const REDIS = { ignore: lacksPrograms("redis-server"), timeout: 60_000 };

/** A client of ioredis whose connections are sockets of ours. */
function clientOver(
  open: () => Promise<Socket>,
  options: RedisOptions = {},
): Redis {
  class Connector extends AbstractConnector {
    constructor() {
      super(2_000);
    }

    override async connect() {
      return this.stream = toDuplex(await open());
    }
  }
  return new Redis({
    Connector,
    retryStrategy: () => 10,
    ...options,
  });
}

/** A conversation that uses most of what a client can do. */
async function converse(redis: Redis): Promise<void> {
  assertEquals(await redis.ping(), "PONG");
  assertEquals(await redis.set("key", "värde\0"), "OK");
  assertEquals(await redis.get("key"), "värde\0");
  // Many at once: in order, and gathered.
  const numbers = Array.from({ length: 2_000 }, (_, index) => index);
  await Promise.all(numbers.map((number) => redis.set(`n:${number}`, number)));
  assertEquals(
    await Promise.all(numbers.map((number) => redis.get(`n:${number}`))),
    numbers.map(String),
  );
  // Larger than any buffer on the way.
  const large = crypto.getRandomValues(new Uint8Array(65_536)).toHex()
    .repeat(60);
  await redis.set("large", large);
  assertEquals(await redis.get("large") === large, true);
  const results = await redis.multi().incr("count").incr("count").exec();
  assertEquals(results, [[null, 1], [null, 2]]);
  await assertRejects(() => redis.incr("key"), Error, "not an integer");
}

const WAYS: Record<string, (database: Database) => ConnectOptions> = {
  "TCP": ({ port }) => ({ port }),
  "a Unix socket": ({ path }) => ({ path }),
};

for (const [way, optionsOf] of Object.entries(WAYS)) {
  Deno.test(`toDuplex() carries ioredis over ${way}`, REDIS, async () => {
    await using database = await startRedis();
    const redis = clientOver(() => connect(optionsOf(database)));
    await converse(redis);
    await redis.quit();
  });
}

Deno.test(
  "toDuplex() carries what ioredis is told without asking",
  REDIS,
  async () => {
    await using database = await startRedis();
    const open = () => connect({ port: database.port });
    const [publisher, subscriber] = [clientOver(open), clientOver(open)];
    await subscriber.subscribe("news");
    const received: string[] = [];
    const all = new Promise<void>((resolve) => {
      subscriber.on("message", (_channel, message) => {
        if (received.push(message) === 500) resolve();
      });
    });
    for (let i = 0; i < 500; i++) publisher.publish("news", `${i}`);
    await all;
    assertEquals(received, Array.from({ length: 500 }, (_, i) => `${i}`));
    await Promise.all([publisher.quit(), subscriber.quit()]);
  },
);

Deno.test(
  "toDuplex() lets ioredis connect again when its connection ends or breaks",
  REDIS,
  async () => {
    await using database = await startRedis();
    const sockets: Socket[] = [];
    const redis = clientOver(async () => {
      const socket = await connect({ port: database.port });
      sockets.push(socket);
      return socket;
    });
    const errors: Error[] = [];
    redis.on("error", (error) => errors.push(error));
    assertEquals(await redis.incr("count"), 1);
    // The server ends it.
    const other = clientOver(() => connect({ port: database.port }));
    await other.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    assertEquals(await redis.incr("count"), 2);
    assertEquals(sockets.length, 2);
    // This side does.
    sockets[1].abort();
    assertEquals(await redis.incr("count"), 3);
    assertEquals(sockets.length, 3);
    assertEquals(errors.length <= 1, true, String(errors));
    await Promise.all([redis.quit(), other.quit()]);
  },
);

Deno.test(
  "toDuplex() tells ioredis of a server that stalls in the middle of an answer",
  REDIS,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.readLine();
      await socket.write("$100\r\nhalf of");
      while (await socket.read() !== null);
    });
    const redis = clientOver(
      () => connect({ port: server.addr.port, readMs: 200 }),
      {
        enableReadyCheck: false,
        disableClientInfo: true,
        maxRetriesPerRequest: 0,
        retryStrategy: () => null,
      },
    );
    const told = new Promise<Error & { code?: string }>((resolve) =>
      redis.on("error", resolve)
    );
    await assertRejects(() => redis.get("key"), Error);
    const { code, cause } = await told;
    assertEquals(code, "ETIMEDOUT");
    assertInstanceOf(cause, TimeoutError);
  },
);

Deno.test(
  "docs/adapters.md: its program for ioredis works as it stands there",
  REDIS,
  async () => {
    await using database = await startRedis();
    const page = await readText("docs/adapters.md");
    const start = page.indexOf("// redis.ts\n");
    const source = page.slice(start, page.indexOf("\n```", start));
    assertStringIncludes(source, "port: 6379");
    const port = `${database.port}`;
    await using child = await DenoProgram.start(source.replace("6379", port), {
      allowNet: `127.0.0.1:${port}`,
      allowEnv: true,
    });
    assertEquals(await child.nextLine(), "hello");
    assertEquals(await child.ended(), { code: 0, errors: "" });
  },
);
