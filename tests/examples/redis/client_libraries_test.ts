/** The clients that people use, against the example: redis-py, ioredis and node-redis. */

import { assert, assertEquals, assertRejects } from "@std/assert";
import { Redis } from "npm:ioredis@6.0.0";
import { createClient } from "npm:redis@6.3.1";
import { findProgram, program } from "../../_support/programs.ts";
import { startServer } from "../_example.ts";

const timeout = 60_000;
const REDIS_PY = "redis==8.1.0";

/** Gets redis-py into a folder; undefined where there is no Python, no pip or no network. */
async function getRedisPy(): Promise<string | undefined> {
  if (findProgram("python3") === undefined) return undefined;
  const folder = await Deno.makeTempDir({ prefix: "sluice-redis-py-" });
  const { success } = await new Deno.Command(program("python3"), {
    // deno-fmt-ignore
    args: [
      "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps",
      "--retries", "0", "--timeout", "10", "--target", folder, REDIS_PY,
    ],
    stdin: "null",
    stdout: "null",
    stderr: "null",
  }).output();
  if (success) return folder;
  await Deno.remove(folder, { recursive: true });
  return undefined;
}

const redisPy = await getRedisPy();
if (redisPy === undefined) {
  console.log(`skipping the test that needs ${REDIS_PY}: pip does not give it`);
}

const PYTHON = `
import sys, redis, redis.retry, redis.backoff
port = int(sys.argv[1])

for protocol in (2, 3):
    r = redis.Redis(port=port, password="s3cret é", protocol=protocol, client_name="py",
                    decode_responses=True)
    r.flushdb()
    assert r.ping() and r.client_getname() == "py"
    assert r.set("a", "é", ex=100) and r.get("a") == "é" and r.ttl("a") == 100
    assert r.setnx("a", 1) is False and r.type("a") == "string"
    assert r.append("b", "x") == 1 and r.strlen("b") == 1
    # Its default pipeline is a transaction.
    pipe = r.pipeline()
    pipe.set("n", 1).incr("n").get("a")
    assert pipe.execute() == [True, 2, "é"]
    # Retried where another client changes what is watched.
    calls = []
    def increase(pipe):
        calls.append(1)
        n = int(pipe.get("n"))
        if len(calls) == 1:
            other = redis.Redis(port=port, password="s3cret é")
            other.set("n", 10)
            other.close()
        pipe.multi()
        pipe.set("n", n + 1)
    r.transaction(increase, "n")
    assert r.get("n") == "11" and len(calls) == 2
    pipe = r.pipeline()
    pipe.set("n", 1).execute_command("NONSENSE")
    try:
        pipe.execute()
        assert False
    except redis.ResponseError as error:
        assert "NONSENSE" in str(error), error
    assert r.get("n") == "11"
    keys = {f"key:{i}" for i in range(500)}
    r.mset({key: 1 for key in keys})
    assert set(r.scan_iter("key:*", count=50)) == keys
    assert set(r.keys("key:*")) == keys and r.dbsize() == 503
    p = r.pubsub()
    p.subscribe("news")
    assert p.get_message(timeout=5)["type"] == "subscribe"
    assert r.publish("news", "hello") == 1
    message = p.get_message(timeout=5)
    assert (message["type"], message["data"]) == ("message", "hello"), message
    p.close()
    assert r.unlink("a", "b", "c") == 2
    assert r.info()["redis_mode"] == "standalone"
    assert r.config_get("save") == {"save": ""}
    r.close()

try:
    never = redis.retry.Retry(redis.backoff.NoBackoff(), 0)
    redis.Redis(port=port, password="wrong", retry=never).ping()
    assert False
except redis.AuthenticationError:
    pass
print("fine")
`;

Deno.test("redis/server serves redis-py, its transactions and its HELLO", {
  timeout,
  ignore: redisPy === undefined,
}, async () => {
  const { server, port } = await startServer(
    "redis/server",
    "--password",
    "s3cret é",
  );
  await using _ = server;
  try {
    const { stdout, stderr } = await new Deno.Command(program("python3"), {
      args: ["-c", PYTHON, String(port)],
      env: { PYTHONPATH: redisPy! },
    }).output();
    const decoder = new TextDecoder();
    assertEquals(decoder.decode(stderr), "");
    assertEquals(decoder.decode(stdout), "fine\n");
  } finally {
    await Deno.remove(redisPy!, { recursive: true });
  }
});

for (const protocol of [2, 3] as const) {
  Deno.test(`redis/server serves ioredis in RESP ${protocol}`, {
    timeout,
  }, async () => {
    const { server, port } = await startServer(
      "redis/server",
      "--password",
      "s3cret é",
    );
    await using _ = server;
    const options = {
      port,
      host: "127.0.0.1",
      password: "s3cret é",
      connectionName: "io",
      protocol,
    };
    const redis = new Redis(options);
    const listener = new Redis(options);
    try {
      assertEquals(await redis.set("a", "é", "EX", 100), "OK");
      assertEquals(await redis.get("a"), "é");
      assertEquals(await redis.get("nothing"), null);
      assertEquals(await redis.client("GETNAME"), "io");
      const replies = await redis.multi().set("n", 1).incr("n").get("a").exec();
      assertEquals(replies, [[null, "OK"], [null, 2], [null, "é"]]);
      const results = await redis.pipeline().incr("a").get("n").exec();
      assert(results![0][0] instanceof Error);
      assertEquals(results![1], [null, "2"]);
      await redis.watch("n");
      await listener.set("n", 5);
      assertEquals(await redis.multi().incr("n").exec(), null);
      await redis.mset(
        Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`k${i}`, i])),
      );
      const found = new Set<string>();
      for await (const keys of redis.scanStream({ match: "k*", count: 50 })) {
        for (const key of keys) found.add(key);
      }
      assertEquals(found.size, 300);
      const heard = new Promise((resolve) => {
        listener.on("message", (...message) => resolve(message));
      });
      await listener.subscribe("news");
      assertEquals(await redis.publish("news", "hello"), 1);
      assertEquals(await heard, ["news", "hello"]);
      await listener.unsubscribe("news");
      assertEquals(await redis.unlink("a", "n"), 2);
      await assertRejects(() => redis.call("NONSENSE"), "unknown command");
    } finally {
      await Promise.all([redis.quit(), listener.quit()]);
    }
  });

  Deno.test(`redis/server serves node-redis in RESP ${protocol}`, {
    timeout,
  }, async () => {
    const { server, port } = await startServer(
      "redis/server",
      "--password",
      "s3cret é",
    );
    await using _ = server;
    const client = createClient({
      RESP: protocol,
      name: "node",
      password: "s3cret é",
      socket: { host: "127.0.0.1", port },
    });
    const errors: unknown[] = [];
    client.on("error", (error) => errors.push(error));
    await client.connect();
    const listener = client.duplicate();
    listener.on("error", (error) => errors.push(error));
    await listener.connect();
    try {
      assertEquals(await client.set("a", "é", { EX: 100 }), "OK");
      assertEquals(await client.get("a"), "é");
      assertEquals(await client.get("nothing"), null);
      assertEquals(await client.clientGetName(), "node");
      const replies = await client.multi().set("n", 1).incr("n").get("a")
        .exec();
      assertEquals(replies as unknown, ["OK", 2, "é"]);
      await listener.watch("n");
      await client.set("n", 7);
      await assertRejects(() => listener.multi().incr("n").exec());
      const keys = Array.from({ length: 300 }, (_, i) => `k${i}`);
      await client.mSet(keys.map((key) => [key, "1"] as [string, string]));
      const found = new Set<string>();
      for await (const batch of client.scanIterator({ MATCH: "k*" })) {
        for (const key of batch) found.add(key);
      }
      assertEquals(found.size, 300);
      const heard = Promise.withResolvers<string>();
      await listener.subscribe("news", (message) => heard.resolve(message));
      assertEquals(await client.publish("news", "hello"), 1);
      assertEquals(await heard.promise, "hello");
      await listener.unsubscribe("news");
      assertEquals(await client.type("a"), "string");
      assertEquals(errors, []);
    } finally {
      await listener.close();
      await client.close();
    }
  });
}
