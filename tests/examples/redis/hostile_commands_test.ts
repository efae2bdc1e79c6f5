import { assert, assertEquals, assertMatch } from "@std/assert";
import { peakMegabytes, tellsMemory } from "../_memory.ts";
import { startServer } from "../_example.ts";
import { Failure, NOTHING } from "../../../examples/redis/reply.ts";
import { Speaker } from "./_speaker.ts";

const timeout = 120_000;
const MEGABYTE = "x".repeat(1_000_000);

/** Asks for `PONG` until a task is done: the longest wait as a share of its time. */
async function longestShare(port: number, task: Promise<unknown>) {
  await using client = await Speaker.open(port);
  let done = false;
  task.finally(() => done = true).catch(() => {});
  const began = performance.now();
  let longest = 0;
  while (!done) {
    const start = performance.now();
    await client.say("PING");
    longest = Math.max(longest, performance.now() - start);
  }
  await task;
  return { longest, share: longest / (performance.now() - began) };
}

/** A number that `INFO` gives. */
async function infoOf(client: Speaker, name: string): Promise<number> {
  const info = await client.say("INFO") as string;
  return Number(new RegExp(`^${name}:(\\d+)`, "m").exec(info)![1]);
}

/** Says commands and reads all that comes of them, without looking at it: this process is to have time for others. */
async function load(client: Speaker, commands: string[][]): Promise<void> {
  const { socket } = client;
  const sending = client.sayAll([...commands, ["ECHO", "the end"]]);
  for (let last = ""; !last.endsWith("the end\r\n");) {
    const chunk = await socket.read({ timeoutMs: 60_000 });
    assert(chunk !== null, "it was cut off");
    last = (last + decoder.decode(chunk.subarray(-20))).slice(-20);
  }
  await sending;
}

const decoder = new TextDecoder();

function errorOf(reply: unknown): string {
  assert(reply instanceof Failure, `no error: ${reply}`);
  return reply.text;
}

Deno.test("redis/server keeps a transaction of 300 MB out of its memory", {
  timeout,
  ignore: !tellsMemory,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  await using client = await Speaker.open(port);
  await client.say("MULTI");
  const commands = 3_000;
  const sending = client.sayAll(
    Array.from(
      { length: commands },
      (_, i) => ["SET", `k${i}`, MEGABYTE.slice(0, 100_000)],
    ),
  );
  let queued = 0;
  for (let i = 0; i < commands; i++) {
    const reply = await client.hear();
    if (!(reply instanceof Failure)) queued++;
    else assertMatch(reply.text, /^ERR a transaction may have at most/);
  }
  await sending;
  // All but the one that was too much; what comes after it is not kept.
  assertEquals(queued, commands - 1);
  assertMatch(errorOf(await client.say("EXEC")), /^EXECABORT/);
  assertEquals(await client.say("DBSIZE"), 0);
  assertEquals(await infoOf(client, "mem_clients_normal"), 0);
  const megabytes = peakMegabytes(server);
  assert(megabytes < 250, `${megabytes} MB`);
});

Deno.test("redis/server bounds the commands of a transaction", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  await using client = await Speaker.open(port);
  await client.sayAll([
    ["MULTI"],
    ...Array.from({ length: 10_001 }, () => ["PING"]),
    ["EXEC"],
  ]);
  for (let i = 0; i < 10_001; i++) {
    assert(!(await client.hear() instanceof Failure), `${i}`);
  }
  assertMatch(errorOf(await client.hear()), /at most 10000 commands/);
  assertMatch(errorOf(await client.hear()), /^EXECABORT/);
});

Deno.test("redis/server counts what waits for EXEC", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server", "--clients", "4");
  await using _ = server;
  await using other = await Speaker.open(port);
  const greedy = await Promise.all([1, 2].map(() => Speaker.open(port)));
  for (const client of greedy) {
    await client.say("MULTI");
    await client.sayAll(
      Array.from({ length: 30 }, () => ["SET", "k", MEGABYTE.slice(0, 1e5)]),
    );
  }
  while (await infoOf(other, "evicted_clients") < 1);
  assertEquals(await infoOf(other, "evicted_clients"), 1);
  for (const client of greedy) await client[Symbol.asyncDispose]();
});

Deno.test("redis/server watches at most ten thousand keys of a client", {
  timeout,
  ignore: !tellsMemory,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  await using client = await Speaker.open(port);
  for (let i = 0; i < 100; i++) {
    const keys = Array.from({ length: 10_000 }, (_, j) => `watched:${i}:${j}`);
    const reply = await client.say("WATCH", ...keys);
    assertEquals(reply instanceof Failure, i > 0);
    if (i > 0) assertMatch(errorOf(reply), /at most 10000 keys/);
  }
  const held = await infoOf(client, "mem_clients_normal");
  assert(held > 1_000_000 && held < 3_000_000, `${held} bytes`);
  await client.say("UNWATCH");
  assertEquals(await infoOf(client, "mem_clients_normal"), 0);
  const megabytes = peakMegabytes(server);
  assert(megabytes < 250, `${megabytes} MB`);
});

Deno.test("redis/server serves others while KEYS walks a large store", {
  timeout,
}, async () => {
  const { server, port } = await startServer(
    "redis/server",
    "--memory",
    "200",
  );
  await using _ = server;
  await using client = await Speaker.open(port);
  for (let i = 0; i < 100; i++) {
    const pairs = Array.from(
      { length: 3_000 },
      (_, j) => [`key:${i}:${j}`, ""],
    );
    await client.say("MSET", ...pairs.flat());
  }
  // A star for each of many places: a million steps for one key.
  await client.say("SET", "a".repeat(10_000), "");
  const evil = `*${"a".repeat(500)}b*`;
  const listing = load(client, [["KEYS", evil], ["KEYS", evil], ["KEYS", "*"]]);
  const { longest, share } = await longestShare(port, listing);
  assert(share < 0.3, `${longest} ms, ${share} of the time`);
  assertEquals(await infoOf(client, "mem_clients_normal"), 0);
  assertMatch(
    errorOf(await client.say("KEYS", "?".repeat(1_025))),
    /a pattern may have at most 1024 bytes/,
  );
});

Deno.test("redis/server meets every key by SCAN while others come and go", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  await using client = await Speaker.open(port);
  await using other = await Speaker.open(port);
  const lasting = Array.from({ length: 2_000 }, (_, i) => `lasting:${i}`);
  const passing = Array.from({ length: 2_000 }, (_, i) => `passing:${i}`);
  for (let i = 0; i < lasting.length; i++) {
    await client.sayAll([["SET", lasting[i], ""], ["SET", passing[i], ""]]);
    await client.hear();
    await client.hear();
  }
  const found = new Set<string>();
  let cursor = "0";
  let turn = 0;
  do {
    const [next, keys] = await client.say("SCAN", cursor, "COUNT", "7") as [
      string,
      string[],
    ];
    cursor = next;
    for (const key of keys) found.add(key);
    await other.say("DEL", ...passing.splice((turn * 37) % passing.length, 9));
    await other.say("SET", `new:${turn++}`, "");
  } while (cursor !== "0");
  for (const key of lasting) assert(found.has(key), key);
});

Deno.test("redis/server serves others while small commands do large work", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  await using client = await Speaker.open(port);
  await client.say("SET", "digits", "1".repeat(1_000_000));
  await client.say("SET", "text", MEGABYTE);
  const pairs = Array.from({ length: 5_000 }, (_, i) => [`key:${i}`, ""]);
  await client.say("MSET", ...pairs.flat());
  const commands = [
    ["INCR", "digits"],
    ["APPEND", "text", "x"],
    ["COMMAND"],
    ["SCAN", "0", "MATCH", "nothing", "COUNT", "1000000"],
  ].flatMap((command) => Array.from({ length: 1_000 }, () => command));
  const { longest, share } = await longestShare(port, load(client, commands));
  assert(share < 0.2, `${longest} ms, ${share} of the time`);
});

Deno.test("redis/server ends the work of a transaction that goes on and on", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  const listeners = await Promise.all(
    Array.from({ length: 100 }, () => Speaker.open(port)),
  );
  for (const each of listeners) await each.say("SUBSCRIBE", "c");
  await using client = await Speaker.open(port);
  await client.say("MULTI");
  for (let i = 0; i < 2_000; i++) await client.say("PUBLISH", "c", "");
  const replies = await client.say("EXEC") as unknown[];
  assertEquals(replies.slice(0, 600), Array(600).fill(100));
  assertMatch(errorOf(replies.at(-1)), /does too much at once/);
  assertEquals(await client.say("PUBLISH", "c", ""), 100);
  for (const each of listeners) await each[Symbol.asyncDispose]();
});

Deno.test("redis/server counts values that only a reply has any more", {
  timeout,
}, async () => {
  const { server, port } = await startServer(
    "redis/server",
    "--clients",
    "16",
  );
  await using _ = server;
  await using other = await Speaker.open(port);
  const readers: Speaker[] = [];
  // Each takes twelve megabytes out of the data, and reads none of them.
  for (let i = 0; i < 2; i++) {
    const keys = Array.from({ length: 12 }, (_, i) => `key${i}`);
    for (const key of keys) await other.say("SET", key, MEGABYTE);
    const reader = await Speaker.open(port);
    readers.push(reader);
    await reader.sayAll([
      ["MULTI"],
      ...keys.map((key) => ["GETDEL", key]),
      ["EXEC"],
    ]);
    while (await other.say("DBSIZE") !== 0);
  }
  while (await infoOf(other, "evicted_clients") < 1);
  for (const reader of readers) await reader[Symbol.asyncDispose]();
});

Deno.test(
  "redis/server lets no client guess its password, nor do much before it",
  {
    timeout,
  },
  async () => {
    const { server, port } = await startServer(
      "redis/server",
      "--password",
      "s3cret",
    );
    await using _ = server;
    await using member = await Speaker.open(port);
    assertEquals(
      errorOf(await member.say("GET", "a")),
      "NOAUTH Authentication required.",
    );
    assertMatch(errorOf(await member.say("MULTI")), /^NOAUTH/);
    assertMatch(errorOf(await member.say("HELLO", "3")), /^NOAUTH HELLO must/);
    assertEquals(
      await member.say("AUTH", "s3cret").then(String),
      "[object Object]",
    );
    assertEquals(await member.say("GET", "a"), NOTHING);
    await using stranger = await Speaker.open(port);
    for (let i = 0; i < 10; i++) {
      const words = i % 2 === 0 ? ["AUTH", `guess${i}`] : i === 1
        // The right password, of a user that does not exist.
        ? ["HELLO", "3", "AUTH", "root", "s3cret"]
        : ["HELLO", "3", "AUTH", "default", "s3cret "];
      assertMatch(errorOf(await stranger.say(...words)), /^WRONGPASS invalid/);
    }
    for (const words of [["AUTH", "s3cret"], ["AUTH", "default", "s3cret"]]) {
      assertMatch(
        errorOf(await stranger.say(...words)),
        /^WRONGPASS too many wrong passwords/,
      );
    }
    assertMatch(errorOf(await stranger.say("GET", "a")), /^NOAUTH/);
    // A client that was in stays in.
    assertEquals(await member.say("GET", "a"), NOTHING);
    // A command of a stranger has little room.
    assertMatch(
      errorOf(await stranger.say("SET", "a", "x".repeat(20_000))),
      /^ERR Protocol error: invalid length/,
    );
    // After RESET it is a stranger again.
    await member.say("RESET");
    assertMatch(errorOf(await member.say("GET", "a")), /^NOAUTH/);
  },
);

Deno.test("redis/server does not let a web page use RESP commands as quotes", {
  timeout,
}, async () => {
  const { server, port } = await startServer("redis/server");
  await using _ = server;
  await using client = await Speaker.open(port);
  await client.socket.write('SET a "b c"\r\n');
  await client.hear();
  assertEquals(await client.say("GET", "a"), "b c");
  await client.socket.write('SET a "b c\r\n');
  assertMatch(errorOf(await client.hear()), /unbalanced quotes in request/);
});
