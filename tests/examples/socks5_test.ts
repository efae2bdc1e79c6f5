import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, serve, type Server, type Socket } from "@sluice/net";
import { lacksPrograms, program } from "../_support/programs.ts";
import {
  Example,
  exampleCommand,
  runExample,
  startServer,
} from "./_example.ts";
import { runWithoutPermissions } from "./_without_permissions.ts";

const windows = Deno.build.os === "windows";
const timeout = 60_000;
const ROOT = new URL("../../", import.meta.url);
const LIMITS = { timeoutMs: 10_000 };

const portOf = (server: Server): number => (server.addr as Deno.NetAddr).port;

/** Says hello over HTTP, as the web server that curl asks. */
function startWeb(): Server {
  return serve({ port: 0, onError: () => {} }, async (socket) => {
    await socket.readUntil("\r\n\r\n");
    await socket.write(
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n",
    );
  });
}

/** Answers with everything it was sent, once it has all of it. */
function startEcho(): Server {
  return serve({ port: 0, onError: () => {} }, async (socket) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    for (const chunk of chunks) await socket.write(chunk);
  });
}

/** Starts the proxy in a folder of its own, in which these users are. */
async function startWithUsers(
  users: unknown,
): Promise<
  { proxy: Example; address: string; port: number } & AsyncDisposable
> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  await Deno.writeTextFile(`${folder}/users.json`, JSON.stringify(users));
  const command = await exampleCommand("socks5/proxy");
  const file = decodeURIComponent(new URL(command.pop()!, ROOT).pathname);
  const args = [file, "--listen", "127.0.0.1:0", "--users", "users.json"];
  const proxy = Example.spawn(Deno.execPath(), {
    args: [...command, ...args],
    cwd: folder,
  });
  const [, address, port] = await proxy.printed(/on (127\.0\.0\.1:(\d+))/);
  return {
    proxy,
    address,
    port: Number(port),
    async [Symbol.asyncDispose]() {
      await proxy[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function curl(
  ...args: string[]
): Promise<{ code: number; text: string }> {
  const { code, stdout, stderr } = await new Deno.Command(program("curl"), {
    args: ["--silent", "--show-error", "--max-time", "20", ...args],
    env: { no_proxy: "", NO_PROXY: "", http_proxy: "", https_proxy: "" },
  }).output();
  const decoder = new TextDecoder();
  return { code, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/** Greets a proxy without users, and asks for a tunnel: the code of its reply. */
async function ask(
  socket: Socket,
  host: readonly number[],
  port: number,
  command = 1,
): Promise<number> {
  await socket.write(new Uint8Array([5, 1, 0]));
  assertEquals([...await socket.readExactly(2, LIMITS)], [5, 0]);
  await socket.write(
    new Uint8Array([5, command, 0, ...host, port >> 8, port & 0xff]),
  );
  return (await socket.readExactly(10, LIMITS))[1];
}

const LOOPBACK = [1, 127, 0, 0, 1];
const named = (name: string) => [
  3,
  name.length,
  ...new TextEncoder().encode(name),
];

Deno.test("socks5/proxy carries curl by SOCKS 5 and by CONNECT, on one port", {
  timeout,
  ignore: lacksPrograms("curl"),
}, async () => {
  await using web = startWeb();
  const { server, address } = await startServer("socks5/proxy");
  await using _ = server;
  const target = `127.0.0.1:${portOf(web)}`;
  for (
    const args of [
      ["--proxy", `socks5://${address}`],
      ["--proxy", `socks5h://${address}`],
      ["--proxy", `http://${address}`, "--proxytunnel"],
    ]
  ) {
    const { code, text } = await curl(...args, `http://${target}/`);
    assertEquals([code, text], [0, "hello\n"], args[1]);
  }
  await server.printed(
    new RegExp(`(anybody was at ${target}: \\d+ bytes out, \\d+ in\\s+){3}`),
  );
});

Deno.test("socks5/proxy asks curl for a user and a password", {
  timeout,
  ignore: lacksPrograms("curl"),
}, async () => {
  await using web = startWeb();
  await using server = await startWithUsers([
    { name: "ann", password: "s3:cret" },
  ]);
  const url = `http://127.0.0.1:${portOf(web)}/`;
  for (
    const args of [
      ["--proxy", `socks5h://${server.address}`],
      ["--proxy", `http://${server.address}`, "--proxytunnel"],
    ]
  ) {
    const right = await curl(...args, "--proxy-user", "ann:s3:cret", url);
    assertEquals([right.code, right.text], [0, "hello\n"], right.text);
    const wrong = await curl(...args, "--proxy-user", "ann:guess", url);
    assert(wrong.code !== 0 && !wrong.text.includes("hello"), wrong.text);
    const nobody = await curl(...args, url);
    assert(nobody.code !== 0 && !nobody.text.includes("hello"), nobody.text);
  }
  await server.proxy.printed(/ann was at/);
});

Deno.test(
  "socks5/proxy hangs up on a client that goes on without being let in",
  {
    timeout,
  },
  async () => {
    await using echo = startEcho();
    await using server = await startWithUsers([{ name: "a", password: "x" }]);
    const port = portOf(echo);
    const request = [5, 1, 0, ...LOOPBACK, port >> 8, port & 0xff];
    const cases: [greeting: number[], answer: number[]][] = [
      [[5, 1, 0], [5, 0xff]], // Only without a user.
      [[5, 1, 2, 1, 1, 97, 1, 121], [5, 2, 1, 1]], // A wrong password.
      [[5, 1, 2, 7], [5, 2]], // A version that does not exist.
    ];
    for (const [greeting, answer] of cases) {
      await using client = await connect({ port: server.port });
      await client.write(new Uint8Array([...greeting, ...request]));
      const received: number[] = [];
      for await (const chunk of client) received.push(...chunk);
      assertEquals(received, answer);
    }
  },
);

Deno.test("socks5/proxy keeps the answer after one side has ended", {
  timeout,
}, async () => {
  await using echo = startEcho();
  const { server, port } = await startServer("socks5/proxy");
  await using _ = server;
  await using client = await connect({ port });
  assertEquals(await ask(client, LOOPBACK, portOf(echo)), 0);
  const sent = "x".repeat(1_000_000);
  await client.write(sent);
  await client.closeWrite();
  let received = 0;
  for await (const chunk of client) received += chunk.length;
  assertEquals(received, sent.length);
});

Deno.test("socks5/proxy passes on what was sent behind the request", {
  timeout,
}, async () => {
  await using echo = startEcho();
  const { server, port } = await startServer("socks5/proxy");
  await using _ = server;
  const target = `127.0.0.1:${portOf(echo)}`;
  await using client = await connect({ port });
  await client.write(
    `CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\nearly`,
  );
  await client.closeWrite();
  const head = await client.readUntil("\r\n\r\n", LIMITS);
  assertMatch(new TextDecoder().decode(head), /^HTTP\/1\.1 200 /);
  assertEquals(await client.readLine(LIMITS), "early");
});

Deno.test("socks5/proxy says why there is no tunnel", {
  timeout,
}, async () => {
  const { server, port } = await startServer("socks5/proxy");
  await using _ = server;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port: closed } = listener.addr;
  listener.close();
  const cases: [
    host: number[],
    port: number,
    command: number,
    reply: number,
  ][] = [
    [LOOPBACK, closed, 1, 5], // Nobody listens there.
    [[1, 10, 1, 2, 3], 80, 1, 2], // Deno does not allow it.
    [named("example.com"), 443, 1, 2],
    [[4, ...new Array(15).fill(0), 1], 80, 1, 2],
    [LOOPBACK, 80, 2, 7], // BIND
    [LOOPBACK, 80, 3, 7], // UDP ASSOCIATE
  ];
  for (const [host, target, command, reply] of cases) {
    await using client = await connect({ port });
    assertEquals(await ask(client, host, target, command), reply, host.join());
    assertEquals(await client.read(LIMITS), null);
  }
  await using client = await connect({ port });
  assertEquals(await ask(client, [9], 80), 8);

  const requests: [request: string, status: RegExp][] = [
    [`CONNECT 127.0.0.1:${closed} HTTP/1.1`, /^HTTP\/1\.1 502 /],
    ["CONNECT example.com:443 HTTP/1.1", /^HTTP\/1\.1 403 /],
    ["CONNECT nonsense HTTP/1.1", /^HTTP\/1\.1 400 /],
    ["GET http://127.0.0.1/ HTTP/1.1", /^HTTP\/1\.1 405 /],
    ["HELLO", /^HTTP\/1\.1 400 /],
  ];
  for (const [request, status] of requests) {
    await using client = await connect({ port });
    await client.write(`${request}\r\n\r\n`);
    assertMatch(await client.readLine(LIMITS) ?? "", status);
    while (await client.read(LIMITS) !== null);
  }
});

Deno.test("socks5/proxy keeps users within their limits", {
  timeout,
}, async () => {
  await using echo = startEcho();
  await using server = await startWithUsers([
    { name: "ann", password: "x", maxConnections: 1, bytesPerSecond: 200_000 },
    { name: "bob", password: "x" },
  ]);
  async function tunnel(name: string): Promise<[Socket, string]> {
    const client = await connect({ port: server.port });
    const authorization = btoa(`${name}:x`);
    await client.write(
      `CONNECT 127.0.0.1:${
        portOf(echo)
      } HTTP/1.1\r\nProxy-Authorization: Basic ${authorization}\r\n\r\n`,
    );
    const head = await client.readUntil("\r\n\r\n", LIMITS);
    return [client, new TextDecoder().decode(head).slice(9, 12)];
  }
  const [first, accepted] = await tunnel("ann");
  assertEquals(accepted, "200");
  const [second, refused] = await tunnel("ann");
  assertEquals(refused, "429");
  await second.close();
  const [other, welcome] = await tunnel("bob");
  assertEquals(welcome, "200");
  other.abort();

  // There and back: twice the bytes.
  const start = performance.now();
  await first.write("x".repeat(100_000));
  await first.closeWrite();
  let received = 0;
  for await (const chunk of first) received += chunk.length;
  const ms = performance.now() - start;
  assertEquals(received, 100_000);
  assert(ms > 850, `200 kB at 200 kB/s took ${ms} ms`);
  await first.close();

  // The place is free again.
  await server.proxy.printed(/ann was at/);
  const [third, again] = await tunnel("ann");
  assertEquals(again, "200");
  third.abort();
});

Deno.test("socks5/proxy goes on after garbage, resets and what is too large", {
  timeout,
  ignore: lacksPrograms("python3"),
}, async () => {
  await using echo = startEcho();
  const { server, port } = await startServer("socks5/proxy");
  await using _ = server;
  for (
    const text of ["\x04\x01", "\x16\x03\x01", "hello\r\n\r\n", "\x05\x00"]
  ) {
    await using client = await connect({ port });
    await client.write(text);
    await client.closeWrite();
    while (await client.read(LIMITS).catch(() => null) !== null);
  }
  await using large = await connect({ port });
  await large.write("CONNECT ".padEnd(100_000, "x")).catch(() => {});
  assertEquals(await large.read(LIMITS).catch(() => null), null);
  const { code } = await new Deno.Command(program("python3"), {
    args: [
      "-c",
      `import socket, struct
for sent in [b"", b"\\x05", b"\\x05\\x01\\x00\\x05\\x01\\x00\\x03", b"CONNECT "] * 5:
    s = socket.create_connection(("127.0.0.1", ${port}))
    s.sendall(sent)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    s.close()`,
    ],
  }).output();
  assertEquals(code, 0);
  // One who does not read what it asked for.
  await using slow = await connect({ port });
  assertEquals(await ask(slow, LOOPBACK, portOf(echo)), 0);
  await slow.write(new Uint8Array(20_000_000), LIMITS);
  await slow.closeWrite();
  await using client = await connect({ port });
  assertEquals(await ask(client, named("localhost"), portOf(echo)), 0);
  await client.write("still there?\n");
  await client.closeWrite();
  assertEquals(await client.readLine(LIMITS), "still there?");
  slow.abort();
});

Deno.test("socks5/proxy drains at Ctrl-C: a tunnel may end by itself", {
  timeout,
  ignore: windows,
}, async () => {
  await using echo = startEcho();
  const { server, port } = await startServer("socks5/proxy");
  await using _ = server;
  await using client = await connect({ port });
  assertEquals(await ask(client, LOOPBACK, portOf(echo)), 0);
  await using waiting = await connect({ port });
  await waiting.write(new Uint8Array([5, 1, 0]));
  await waiting.readExactly(2, LIMITS);
  server.interrupt();
  // Who has not asked for anything yet is too late.
  assertEquals(await waiting.read(LIMITS).catch(() => null), null);
  await client.write("last words\n");
  await client.closeWrite();
  assertEquals(await client.readLine(LIMITS), "last words");
  await client.close();
  const { code, output } = await server.ended();
  assertMatch(output, /drained: 2 finished, 0 cut off\n$/);
  assertEquals(code, 0);
});

Deno.test("socks5/proxy is not open to everybody", { timeout }, async () => {
  const { code, errors } = await runExample(
    "socks5/proxy",
    "--listen",
    "0.0.0.0:1080",
  );
  assertEquals(
    errors,
    "Cannot listen on 0.0.0.0:1080 without --users: everybody could use the proxy\n",
  );
  assertEquals(code, 2);
});

Deno.test(
  "socks5/proxy says which permission is missing, and what else is wrong",
  {
    timeout,
  },
  async () => {
    const bare = await runWithoutPermissions("socks5/proxy");
    assertEquals(
      bare.errors,
      "Cannot listen on 127.0.0.1:1080: run again with --allow-net=127.0.0.1:1080\n",
    );
    assertEquals(bare.code, 1);
    const users = await runExample("socks5/proxy", "--users", "mine.json");
    assertEquals(
      users.errors,
      "Cannot read mine.json: run again with --allow-read=mine.json\n",
    );
    assertEquals(users.code, 1);
    const missing = await runExample("socks5/proxy", "--users", "users.json");
    assertEquals(
      missing.errors,
      "Cannot use users.json as --users: it must be a file that can be read\n",
    );
    assertEquals(missing.code, 2);
    const { output } = await runExample("socks5/proxy", "--help");
    assertMatch(output, /^A proxy for SOCKS 5 and HTTP CONNECT, on one port\./);
  },
);
