import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, serve, type Server, type Socket } from "@sluice/net";
import { once } from "node:events";
import { createConnection } from "node:net";
import { freePort } from "../_support/free_port.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import {
  Example,
  exampleCommand,
  runExample,
  startServer,
} from "./_example.ts";
import { Crowd } from "./_silent_crowd.ts";
import { runWithoutPermissions } from "./_without_permissions.ts";

const windows = Deno.build.os === "windows";
const timeout = 60_000;
const ROOT = new URL("../../", import.meta.url);
const LIMITS = { timeoutMs: 10_000 };

const portOf = (server: Server<Deno.NetAddr>): number => server.addr.port;

/** Says hello over HTTP, as the web server that curl asks. */
function startWeb(): Server<Deno.NetAddr> {
  return serve({ port: 0, onError: () => {} }, async (socket) => {
    await socket.readUntil("\r\n\r\n");
    await socket.write(
      "HTTP/1.1 200 OK\r\nContent-Length: 6\r\nConnection: close\r\n\r\nhello\n",
    );
  });
}

/** Answers with everything it was sent, once it has all of it. */
function startEcho(): Server<Deno.NetAddr> {
  return serve({ port: 0, onError: () => {} }, async (socket) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of socket) chunks.push(chunk);
    for (const chunk of chunks) await socket.write(chunk);
  });
}

/** Answers with everything it is sent, as it comes. */
function startDripEcho(): Server<Deno.NetAddr> {
  return serve(
    { port: 0, onError: () => {}, shutdownTimeoutMs: 0 },
    async (socket) => {
      for await (const chunk of socket) await socket.write(chunk);
    },
  );
}

/** Starts the proxy in a folder of its own, in which these users are. */
async function startWithUsers(
  users: unknown,
  ...localPorts: number[]
): Promise<
  { proxy: Example; address: string; port: number } & AsyncDisposable
> {
  const folder = await Deno.realPath(await Deno.makeTempDir());
  await Deno.writeTextFile(`${folder}/users.json`, JSON.stringify(users));
  const command = await exampleCommand("socks5/proxy");
  const file = decodeURIComponent(new URL(command.pop()!, ROOT).pathname);
  const args = [file, "--listen", "127.0.0.1:0", "--users", "users.json"];
  if (localPorts.length > 0) args.push("--local", localPorts.join());
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

/** Starts the proxy; tunnels may go to these ports of this machine. */
function startProxy(...localPorts: number[]) {
  return startServer(
    "socks5/proxy",
    ...localPorts.length > 0 ? ["--local", localPorts.join()] : [],
  );
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
  const { server, address } = await startProxy(portOf(web));
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
    new RegExp(`(anonymous was at ${target}: \\d+ bytes out, \\d+ in\\s+){3}`),
  );
});

Deno.test("socks5/proxy logs also tunnels that their clients break off", {
  timeout,
}, async () => {
  await using web = serve({ port: 0, onError() {} }, async (socket) => {
    await socket.write(new Uint8Array(4_000_000));
  });
  const { server, port } = await startProxy(portOf(web));
  await using _ = server;
  const target = `127.0.0.1:${portOf(web)}`;
  using client = await connect({ port });
  await client.write(`CONNECT ${target} HTTP/1.1\r\nHost: ${target}\r\n\r\n`);
  await client.readExactly(100_000, LIMITS);
  client.abort(); // With bytes that it has not read: a reset.
  await server.printed(
    new RegExp(`anonymous was at ${target}: 0 bytes out, \\d+ in\n`),
  );
});

Deno.test("socks5/proxy asks curl for a user and a password", {
  timeout,
  ignore: lacksPrograms("curl"),
}, async () => {
  await using web = startWeb();
  await using server = await startWithUsers([
    { name: "ann", password: "s3:cret" },
  ], portOf(web));
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
  const { server, port } = await startProxy(portOf(echo));
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
  const { server, port } = await startProxy(portOf(echo));
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
  const closed = freePort();
  const { server, port } = await startProxy(closed);
  await using _ = server;
  const cases: [
    host: number[],
    port: number,
    command: number,
    reply: number,
  ][] = [
    [LOOPBACK, closed, 1, 5], // Nothing listens there.
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
  ], portOf(echo));
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
  const { server, port } = await startProxy(portOf(echo));
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

/** What the proxy answers to a request: its status line, and all that follows. */
async function request(
  port: number,
  head: string,
  localAddress = "127.0.0.1",
): Promise<string> {
  const socket = createConnection({ port, host: "127.0.0.1", localAddress });
  let text = "";
  socket.on("data", (chunk) => text += chunk);
  socket.write(head);
  await once(socket, "close");
  return text;
}

Deno.test(
  "socks5/proxy refuses this machine's own addresses, but for the ports of --local",
  {
    timeout,
  },
  async (test) => {
    await using echo = startEcho();
    const target = portOf(echo);
    const bytes = (text: string) => [...new TextEncoder().encode(text)];
    const hosts = [
      ...[LOOPBACK, named("localhost"), named("LOCALHOST"), named("127.0.0.1")],
    ];
    await test.step("with the permissions of its first line", async () => {
      const { server, port } = await startProxy(target + 1);
      await using _ = server;
      for (const host of hosts) {
        await using client = await connect({ port });
        assertEquals(await ask(client, host, target), 2, host.join());
      }
      for (const name of ["127.0.0.1", "localhost"]) {
        assertMatch(
          await request(
            port,
            `CONNECT ${name}:${target} HTTP/1.1\r\nHost: x\r\n\r\n`,
          ),
          /^HTTP\/1\.1 403 /,
        );
      }
      await server.printed(/kept from 127\.0\.0\.1:\d+: own-address/);
    });
    await test.step("with all of --allow-net", async () => {
      const command = await exampleCommand("socks5/proxy");
      const args = command.map((each) =>
        each.startsWith("--allow-net") ? "--allow-net" : each
      );
      await using proxy = Example.spawn(Deno.execPath(), {
        args: [...args, "--listen", "127.0.0.1:0"],
        cwd: ROOT,
      });
      const port = Number((await proxy.printed(/on 127\.0\.0\.1:(\d+)/))[1]);
      const mapped = [...Array(10).fill(0), 255, 255, 127, 0, 0, 1];
      for (
        const host of [
          ...hosts,
          ...[[1, 0, 0, 0, 0], [1, 127, 9, 9, 9], [1, 169, 254, 169, 254]],
          ...[[4, ...Array(16).fill(0)], [4, ...Array(15).fill(0), 1]],
          ...[[4, ...mapped], named("::1"), named("::ffff:127.0.0.1")],
          ...[named("a.localhost"), named("localhost.")],
        ]
      ) {
        await using client = await connect({ port });
        assertEquals(await ask(client, host, target), 2, host.join());
      }
      // What some systems take for 127.0.0.1, and names that end where others go on.
      for (
        const name of [
          "127.1",
          "0x7f.1",
          "2130706433",
          "127.0.0.1\0.example.com",
          "",
        ]
      ) {
        await using client = await connect({ port });
        const host = [3, bytes(name).length, ...bytes(name)];
        assertEquals(await ask(client, host, target), 4, JSON.stringify(name));
      }
    });
  },
);

Deno.test("socks5/proxy does not stop for a question on its terminal", {
  timeout,
  ignore: windows || lacksPrograms("python3"),
}, async () => {
  const program_ = [Deno.execPath(), ...await exampleCommand("socks5/proxy")];
  await using proxy = Example.spawn(program("python3"), {
    args: [
      "-c",
      "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)",
      ...program_,
      ...["--listen", "127.0.0.1:0"],
    ],
    cwd: ROOT,
  });
  const port = Number((await proxy.printed(/on 127\.0\.0\.1:(\d+)/))[1]);
  for (const host of [named("example.com"), [1, 192, 0, 2, 7]]) {
    await using client = await connect({ port });
    assertEquals(await ask(client, host, 443), 2);
  }
});

Deno.test(
  "socks5/proxy takes nothing for a CONNECT that can be read in two ways",
  {
    timeout,
  },
  async (test) => {
    await using echo = startEcho();
    const { server, port } = await startProxy(portOf(echo));
    await using _ = server;
    const target = `127.0.0.1:${portOf(echo)}`;
    const line = `CONNECT ${target} HTTP/1.1`;
    for (
      const head of [
        `CONNECT ${target} HTTP/1.1 more`,
        `CONNECT  ${target} HTTP/1.1`,
        `CONNECT ${target}  HTTP/1.1`,
        `CONNECT\t${target} HTTP/1.1`,
        `CONNECT ${target} HTTP/1.1 `,
        `CONNECT ${target} HTTP/1.10`,
        `CONNECT ${target} HTTP/2.0`,
        `CONNECT ${target} http/1.1`,
        `CONNECT ${target}`,
        `CONNECT http://${target} HTTP/1.1`,
        `CONNECT tcp://${target} HTTP/1.1`,
        `CONNECT ${target}/ HTTP/1.1`,
        `CONNECT user@${target} HTTP/1.1`,
        "CONNECT 127.0.0.1 HTTP/1.1",
        "CONNECT 127.0.0.1:0 HTTP/1.1",
        "CONNECT 127.0.0.1:+80 HTTP/1.1",
        "CONNECT 127.1:80 HTTP/1.1",
        "CONNECT :80 HTTP/1.1",
        "CONNECT ::1:80 HTTP/1.1",
        "CONNECT unix:/x:80 HTTP/1.1",
        "CONNECT exämple.com:443 HTTP/1.1",
        `CONNECT ${target}\0 HTTP/1.1`,
        `CONNECT ${target}\rX: y HTTP/1.1`,
        `${line}\nX: y`,
        `${line}\r\nHost : x`,
        `${line}\r\nHost: x\r\n folded: y`,
        `${line}\r\nno colon`,
        `${line}\r\nX: a\rY: b`,
        `${line}\r\nX: a\0b`,
        `${line}\r\nHost: a\r\nHost: b`,
        `${line}\r\nTransfer-Encoding: chunked`,
        `${line}\r\nContent-Length: 5`,
        `${line}\r\nContent-Length: 0\r\nContent-Length: 5`,
        `${line}\r\nProxy-Authorization: Basic YTpi\r\nProxy-Authorization: Basic YTpj`,
      ]
    ) {
      await test.step(JSON.stringify(head), async () => {
        assertMatch(await request(port, `${head}\r\n\r\n`), /^HTTP\/1\.1 400 /);
      });
    }
    await test.step("one that cannot", async () => {
      await using client = await connect({ port });
      await client.write(
        `${line}\r\nHost: ${target}\r\nX-Empty:\r\nX: \xe4\r\nContent-Length: 0\r\n\r\n`,
      );
      assertMatch(await client.readLine(LIMITS) ?? "", /^HTTP\/1\.1 200 /);
    });
  },
);

Deno.test("socks5/proxy tells a client of plain HTTP what to do", {
  timeout,
}, async () => {
  const { server, port } = await startProxy();
  await using _ = server;
  for (const start of ["GET http://127.0.0.1/ HTTP/1.1", "POST / HTTP/1.0"]) {
    assertMatch(
      await request(port, `${start}\r\nContent-Length: 1\r\n\r\nx`),
      /^HTTP\/1\.1 405 [^]*\r\n\r\nThis proxy carries tunnels only: use CONNECT/,
    );
  }
});

Deno.test(
  "socks5/proxy lets one address guess ten passwords, and no other pay for it",
  {
    timeout,
    ignore: Deno.build.os !== "linux", // Others have one loopback address.
  },
  async (test) => {
    await using echo = startEcho();
    const target = `127.0.0.1:${portOf(echo)}`;
    const connectAs = (password: string) =>
      `CONNECT ${target} HTTP/1.1\r\nHost: x\r\nProxy-Authorization: Basic ${
        btoa(`ann:${password}`)
      }\r\n\r\n`;
    const users = [{ name: "ann", password: "right" }];
    await test.step("by CONNECT", async () => {
      await using server = await startWithUsers(users, portOf(echo));
      const { port } = server;
      const statuses: string[] = [];
      for (let i = 0; i < 12; i++) {
        statuses.push((await request(port, connectAs(`${i}`))).slice(9, 12));
      }
      assertEquals(statuses, [...Array(10).fill("407"), "429", "429"]);
      // Also when it is right at last.
      assertMatch(await request(port, connectAs("right")), / 429 .*\r\nRetry-/);
      const other = createConnection({ port, localAddress: "127.0.0.2" });
      other.write(connectAs("right"));
      assertMatch(String((await once(other, "data"))[0]), /^HTTP\/1\.1 200 /);
      other.destroy();
      await once(other, "close");
    });
    await test.step("by SOCKS", async () => {
      await using server = await startWithUsers(users, portOf(echo));
      const logIn = async (password: string) => {
        await using client = await connect({ port: server.port });
        const text = [...new TextEncoder().encode(password)];
        await client.write(
          new Uint8Array([5, 1, 2, 1, 3, 97, 110, 110, text.length, ...text]),
        );
        return [...await client.readExactly(4, LIMITS)][3];
      };
      assertEquals(await logIn("right"), 0);
      for (let i = 0; i < 10; i++) assertEquals(await logIn(`${i}`), 1);
      assertEquals(await logIn("right"), 1);
    });
  },
);

Deno.test(
  "socks5/proxy has a place for a client that speaks, however many are silent or slow",
  {
    timeout,
  },
  async () => {
    await using echo = startEcho();
    const { server, port } = await startProxy(portOf(echo));
    await using _ = server;
    // Some say nothing, some do not end what they say.
    const starts = [
      "",
      "\x05",
      "\x05\x01",
      "CONNECT ",
      "CONNECT 127.0.0.1:1 HTTP/1.1\r\n",
    ];
    using _crowd = await Crowd.gather(
      port,
      600,
      (i) => starts[i % starts.length],
    );
    await using client = await connect({ port, timeoutMs: 5_000 });
    assertEquals(await ask(client, LOOPBACK, portOf(echo)), 0);
  },
);

Deno.test("socks5/proxy carries one tunnel beside many that are slow", {
  timeout,
}, async () => {
  await using echo = startDripEcho();
  const { server, port } = await startProxy(portOf(echo));
  await using _ = server;
  const target = portOf(echo);
  // They send what they can, and read nothing of what comes back.
  const hello = [5, 1, 0, 5, 1, 0, ...LOOPBACK, target >> 8, target & 0xff];
  const much = new Uint8Array(hello.length + 300_000).fill(120);
  much.set(hello);
  using _crowd = await Crowd.gather(port, 100, () => much);
  await using client = await connect({ port });
  assertEquals(await ask(client, LOOPBACK, target), 0);
  const sent = 1_000_000;
  const sending = client.write(new Uint8Array(sent), LIMITS);
  let received = 0;
  while (received < sent) {
    received += (await client.read(LIMITS))?.length ?? Infinity;
  }
  assertEquals(received, sent);
  await sending;
  client.abort();
});

Deno.test("socks5/proxy writes names into its log that obey nothing", {
  timeout,
}, async () => {
  const { server, port } = await startProxy();
  await using _ = server;
  const names = ["a\x1b[2Jb", "a\u009b2Jb", "a\u202eb", "a\nb", "a\u200bb"];
  for (const name of names) {
    const bytes = [...new TextEncoder().encode(name)];
    await using client = await connect({ port });
    await ask(client, [3, bytes.length, ...bytes], 80);
    assertMatch(
      await request(port, `CONNECT ${name}:80 HTTP/1.1\r\n\r\n`),
      /^HTTP\/1\.1 400 /,
    );
  }
  await request(port, "CONNECT example.com:80 HTTP/1.1\r\n\r\n");
  const { input } = await server.printed(/kept from example.com/);
  // deno-lint-ignore no-control-regex -- exactly those
  assert(!/[\x00-\x09\x0b-\x1f\x7f-\x9f\u200b\u202e]/.test(input), input);
});

Deno.test("socks5/proxy drains at Ctrl-C: a tunnel may end by itself", {
  timeout,
  ignore: windows,
}, async () => {
  await using echo = startEcho();
  const { server, port } = await startProxy(portOf(echo));
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
    "Cannot listen on 0.0.0.0:1080 without --users: anyone could use the proxy\n",
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
      "Cannot use users.json as --users: there is no such file\n",
    );
    assertEquals(missing.code, 2);
    const { output } = await runExample("socks5/proxy", "--help");
    assertMatch(output, /^A proxy for SOCKS 5 and HTTP CONNECT, on one port\./);
  },
);
