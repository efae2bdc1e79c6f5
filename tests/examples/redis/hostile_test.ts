import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, type Socket } from "@sluice/net";
import { peakMegabytes, residentMegabytes, tellsMemory } from "../_memory.ts";
import { type Example, startServer } from "../_example.ts";

const timeout = 60_000;

function start(...args: string[]): Promise<{ server: Example; port: number }> {
  return startServer("redis/server", ...args);
}

/** A command as clients send it. */
function command(...args: string[]): string {
  const words = args.map((arg) => `$${arg.length}\r\n${arg}\r\n`);
  return `*${args.length}\r\n${words.join("")}`;
}

/** Sends a command, and gives the first line of its answer. */
async function ask(socket: Socket, ...args: string[]): Promise<string> {
  await socket.write(command(...args));
  return await socket.readLine({ timeoutMs: 20_000 }) ?? "the end";
}

/** Asks for `PONG` again and again until `task` is done: the longest wait, in ms. */
async function longestWait(port: number, task: Promise<unknown>) {
  await using client = await connect({ port });
  let done = false;
  task.finally(() => done = true).catch(() => {});
  let longest = 0;
  while (!done) {
    const start = performance.now();
    assertEquals(await ask(client, "PING"), "+PONG");
    longest = Math.max(longest, performance.now() - start);
  }
  await task;
  return longest;
}

const MEGABYTE = "x".repeat(1_000_000);

Deno.test("redis/server makes no reply before its client reads", {
  timeout,
  ignore: !tellsMemory,
}, async () => {
  const { server, port } = await start();
  await using _ = server;
  await using other = await connect({ port });
  assertEquals(await ask(other, "SET", "k", MEGABYTE), "+OK");
  // 12 KB that ask for 6 GB.
  await using client = await connect({ port });
  await client.write(`MGET${" k".repeat(6_000)}\r\n`);
  assertEquals(await client.readLine({ timeoutMs: 20_000 }), "*6000");
  for (let i = 0; i < 100; i++) assertEquals(await ask(other, "PING"), "+PONG");
  const megabytes = peakMegabytes(server);
  assert(megabytes < 400, `${megabytes} MB`);
  client.abort();
});

Deno.test(
  "redis/server sends a long reply whole, whatever happens to its keys",
  {
    timeout,
  },
  async () => {
    const { server, port } = await start();
    await using _ = server;
    await using other = await connect({ port });
    const keys = Array.from({ length: 20 }, (_, i) => `key${i}`);
    for (const key of keys) await ask(other, "SET", key, MEGABYTE);
    await using client = await connect({ port });
    await client.write(command("MGET", ...keys) + command("PING"));
    assertEquals(await client.readLine({ timeoutMs: 20_000 }), "*20");
    assertEquals(await ask(other, "FLUSHALL"), "+OK");
    for (const _ of keys) {
      assertEquals(await client.readLine(), "$1000000");
      const value = await client.readExactly(1_000_002);
      assert(value.subarray(0, -2).every((byte) => byte === 120));
    }
    assertEquals(await client.readLine(), "+PONG");
  },
);

Deno.test("redis/server serves others while a pipeline asks for 300 MB", {
  timeout: 120_000,
}, async () => {
  const { server, port } = await start();
  await using _ = server;
  await using client = await connect({ port });
  await ask(client, "SET", "k", MEGABYTE);
  await client.write("GET k\r\n".repeat(300));
  const total = 300 * (MEGABYTE.length + "$1000000\r\n\r\n".length);
  const reading = (async () => {
    const buffer = new Uint8Array(1024 * 1024);
    for (let left = total; left > 0;) {
      const count = await client.readInto(buffer, { timeoutMs: 20_000 });
      assert(count !== null, "it was cut off");
      left -= count;
    }
  })();
  const began = performance.now();
  const wait = await longestWait(port, reading);
  const share = wait / (performance.now() - began);
  // It was nearly all of the time.
  assert(share < 0.3, `${wait} ms, ${share} of the time`);
});

Deno.test("redis/server serves others while messages go to many", {
  timeout: 120_000,
  ignore: !tellsMemory,
}, async () => {
  const { server, port } = await start();
  await using _ = server;
  const subscribers = await Promise.all(
    Array.from({ length: 300 }, () => connect({ port })),
  );
  for (const each of subscribers) {
    assertEquals(await ask(each, "SUBSCRIBE", "c"), "*3");
  }
  await using publisher = await connect({ port });
  const message = MEGABYTE.slice(0, 900_000);
  const publishing = (async () => {
    for (let i = 0; i < 5; i++) await ask(publisher, "PUBLISH", "c", message);
  })();
  const wait = await longestWait(port, publishing);
  const megabytes = peakMegabytes(server);
  for (const each of subscribers) each.abort();
  assert(wait < 2_000, `${wait} ms`);
  // Each message is in memory once, not once for each of the 300.
  assert(megabytes < 300, `${megabytes} MB`);
});

Deno.test("redis/server limits and counts subscriptions", {
  timeout,
  ignore: !tellsMemory,
}, async () => {
  const { server, port } = await start();
  await using _ = server;
  await using other = await connect({ port });
  await ask(other, "PING");
  const before = residentMegabytes(server);
  await using client = await connect({ port });
  const answers = (async () => {
    let last = "";
    for await (const chunk of client) {
      last = (last + new TextDecoder().decode(chunk)).slice(-200);
    }
    return last;
  })();
  for (let i = 0; i < 300; i++) {
    const names = Array.from({ length: 999 }, (_, j) => `channel${i}.${j}`);
    await client.write(command("SUBSCRIBE", ...names));
  }
  await client.write(command("UNSUBSCRIBE", "channel0.1") + command("QUIT"));
  assertMatch(
    await answers,
    /ERR a client may subscribe to at most 10000 channels\r\n.*:9999\r\n\+OK\r\n$/s,
  );
  const more = residentMegabytes(server) - before;
  assert(more < 60, `${more} MB`);
  await other.write("INFO\r\n");
  const size = Number((await other.readLine())!.slice(1));
  const info = new TextDecoder().decode(await other.readExactly(size));
  assertMatch(info, /mem_clients_normal:0\r\n/);
});

Deno.test("redis/server cuts off the client that holds the most", {
  timeout,
}, async () => {
  const { server, port } = await start("--clients", "2");
  await using _ = server;
  await using modest = await connect({ port });
  assertEquals(await ask(modest, "SUBSCRIBE", "c"), "*3");
  // Commands that never end, of more than two megabytes together.
  const greedy = await Promise.all([1, 2, 3].map(() => connect({ port })));
  const part = `*1000\r\n${`$1000\r\n${"x".repeat(1_000)}\r\n`.repeat(900)}`;
  for (const client of greedy) {
    await ask(client, "PING");
    await client.write(part);
  }
  const ended = greedy.map((client) => client.read().catch(() => null));
  assertEquals(await Promise.any(ended), null);
  await using other = await connect({ port });
  assertEquals(await ask(other, "PUBLISH", "c", "hello"), ":1");
  await other.write("INFO\r\n");
  const size = Number((await other.readLine())!.slice(1));
  const info = new TextDecoder().decode(await other.readExactly(size));
  assertMatch(info, /evicted_clients:[12]\r\n/);
  for (const client of greedy) client.abort();
});

Deno.test(
  "redis/server counts what a slow reader keeps of values that are gone",
  {
    timeout,
  },
  async () => {
    const { server, port } = await start("--clients", "16");
    await using _ = server;
    await using writer = await connect({ port });
    const keys = Array.from({ length: 12 }, (_, i) => `key${i}`);
    const readers: Socket[] = [];
    // Each asks for twelve megabytes and reads none, then all of them are replaced.
    for (let i = 0; i < 3; i++) {
      for (const key of keys) await ask(writer, "SET", key, MEGABYTE);
      const reader = await connect({ port });
      readers.push(reader);
      assertEquals(await ask(reader, "MGET", ...keys), "*12");
    }
    await ask(writer, "FLUSHALL");
    // Two of them hold more than all clients may; one alone does not.
    for (let evicted = 0; evicted < 2;) {
      await writer.write("INFO\r\n");
      const size = Number((await writer.readLine())!.slice(1));
      const info = new TextDecoder().decode(await writer.readExactly(size));
      await writer.readLine();
      evicted = Number(/evicted_clients:(\d+)/.exec(info)![1]);
    }
    for (const reader of readers) reader.abort();
  },
);

Deno.test("redis/server keeps messages out of replies", {
  timeout,
}, async () => {
  const { server, port } = await start();
  await using _ = server;
  await using client = await connect({ port });
  await using publisher = await connect({ port });
  assertEquals(await ask(client, "SUBSCRIBE", "c"), "*3");
  await client.readExactly("$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n".length);
  // A pong of 900 KB, three times, more than the kernel takes; messages meanwhile.
  await client.write(command("PING", MEGABYTE.slice(0, 900_000)).repeat(8));
  const published = (async () => {
    for (let i = 0; i < 20; i++) await ask(publisher, "PUBLISH", "c", "hello");
  })();
  let pongs = 0;
  let messages = 0;
  while (pongs < 8 || messages < 20) {
    const count = Number((await client.readLine())!.slice(1));
    const words: Uint8Array[] = [];
    for (let i = 0; i < count; i++) {
      const size = Number((await client.readLine())!.slice(1));
      words.push((await client.readExactly(size + 2)).subarray(0, size));
    }
    const [kind, , text] = words.map((word) => new TextDecoder().decode(word));
    if (kind === "pong") {
      assertEquals(words[1].length, 900_000);
      pongs++;
    } else {
      assertEquals([kind, text], ["message", "hello"]);
      messages++;
    }
  }
  await published;
});

Deno.test("redis/server hangs up on what a web page sends", {
  timeout,
}, async () => {
  const { server, port } = await start();
  await using _ = server;
  await using client = await connect({ port });
  assertEquals(await ask(client, "SET", "k", "v"), "+OK");
  const bodies = ["FLUSHALL\r\n", command("FLUSHALL"), "\r\nSET k evil\r\n"];
  for (const method of ["POST", "PUT", "GET", "OPTIONS", "post"]) {
    for (const body of bodies) {
      const response = await fetch(`http://127.0.0.1:${port}/`, {
        method: method.toUpperCase(),
        ...method === "GET" ? {} : { body },
      }).catch(() => undefined);
      await response?.body?.cancel();
      assertEquals(response, undefined, "it answered as a web server");
      await using page = await connect({ port });
      const head = `${method} / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
      await page.write(head + body);
      assertMatch(await page.readLine() ?? "", /^-ERR Protocol error/);
      assertEquals(await page.read().catch(() => null), null);
    }
  }
  await using header = await connect({ port });
  await header.write(`PING\r\nHost: x\r\nFLUSHALL\r\n`);
  assertEquals(await header.readLine(), "+PONG");
  assertMatch(await header.readLine() ?? "", /^-ERR Protocol error/);
  assertEquals(await ask(client, "GET", "k"), "$1");
});

Deno.test("redis/server has a place for a client while others stay silent", {
  timeout,
}, async () => {
  const { server, port } = await start();
  await using _ = server;
  const silent: Socket[] = [];
  for (let i = 0; i < 1_100; i++) silent.push(await connect({ port }));
  await using client = await connect({ port });
  assertEquals(await ask(client, "PING"), "+PONG");
  for (const each of silent) each.abort();
});
