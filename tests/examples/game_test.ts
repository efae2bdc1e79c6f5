import { assert, assertEquals, assertMatch } from "@std/assert";
import { once } from "node:events";
import {
  connect as dial,
  createServer,
  type Socket as NodeSocket,
} from "node:net";
import { connect, framed, serve, type Socket } from "@sluice/net";
import { decodeStream, encodeStream } from "@sluice/net/codec";
import {
  clientSide,
  type ServerPacket,
  serverSide,
} from "../../examples/game/protocol.ts";
import { Session } from "../../examples/game/session.ts";
import { withImportMap } from "../../tools/_command.ts";
import { exampleArguments } from "../../tools/_examples.ts";
import { findStdSource } from "../../tools/_std.ts";
import { lacksPrograms, program } from "../_support/programs.ts";
import { connectRudely } from "../_support/rude_client.ts";
import { Crowd } from "./_silent_crowd.ts";
import { Example, runExample, startServer } from "./_example.ts";

const windows = Deno.build.os === "windows";
const timeout = 60_000;
const ROOT = new URL("../../", import.meta.url);

/** A bot that plays one match. */
function startBot(address: string, name: string): Promise<Example> {
  return Example.start(
    "game/bot",
    ...["--connect", address, "--name", name, "--matches", "1"],
  );
}

Deno.test("two bots play a whole match, and a spectator sees it", {
  timeout,
}, async () => {
  const { server, address, port } = await startServer(
    "game/server",
    ...["--goal", "5", "--players", "2", "--seed", "7", "--tick", "20"],
  );
  await using _ = server;
  const end = new AbortController();
  const phases = new Set<string>();
  const spectator = new Session({
    name: "watcher",
    watch: true,
    dial: () => connect({ port }),
    onSnapshot: ({ phase }) => phases.add(phase),
  });
  const watching = spectator.play(() => "up", end.signal);
  await using ann = await startBot(address, "ann");
  await using bob = await startBot(address, "bob");
  const [, winner] = await server.printed(
    /^(ann|bob) won with 5 gems at tick/m,
  );
  for (const bot of [ann, bob]) {
    const { code, output, errors } = await bot.ended();
    assertEquals([code, output, errors], [0, `${winner} won\n`, ""]);
  }
  await server.printed(/ann left/);
  await server.printed(/bob left/);
  assertEquals(spectator.id, 0);
  assert(phases.has("waiting") && phases.has("running") && phases.has("over"));
  end.abort();
  await watching;
});

Deno.test("a bot whose connection is cut comes back to its seat", {
  timeout,
}, async () => {
  const { server, port } = await startServer(
    "game/server",
    ...["--goal", "4", "--tick", "20"],
  );
  await using _ = server;
  // Between the bot and the server, to pull the cable.
  const links: NodeSocket[] = [];
  const proxy = createServer((socket) => {
    const target = dial(port, "127.0.0.1");
    for (const link of [socket, target]) link.on("error", () => {});
    links.push(socket, target);
    socket.pipe(target).pipe(socket);
  });
  proxy.listen(0, "127.0.0.1");
  await once(proxy, "listening");
  const { port: between } = proxy.address() as { port: number };
  await using bot = await startBot(`127.0.0.1:${between}`, "ann");
  // It plays: so it knows how to come back.
  const end = new AbortController();
  await new Session({
    name: "watcher",
    watch: true,
    dial: () => connect({ port }),
    onSnapshot: ({ players: [ann] }) => {
      if (ann?.gems > 0) end.abort();
    },
  }).play(() => "stay", end.signal);
  for (const link of links) link.resetAndDestroy();
  await server.printed(/ann is lost/);
  await server.printed(/ann is back/);
  await server.printed(/ann won with 4 gems/);
  assertEquals((await bot.ended()).code, 0);
  proxy.close();
  await once(proxy, "close");
});

Deno.test(
  "the game goes on after garbage, oversize frames, silence and resets",
  {
    timeout,
  },
  async () => {
    const { server, address, port } = await startServer(
      "game/server",
      ...["--goal", "1", "--tick", "20"],
    );
    await using _ = server;
    const garbage = Uint8Array.from(
      { length: 5_000 },
      (_, i) => (i * 2_654_435_761 >>> 13) & 0xff,
    );
    const oversize = new Uint8Array([0xff, 0xff, 1, 1, 1]);
    for (const bytes of [garbage, oversize, new Uint8Array([0, 1, 0])]) {
      await using rude = await connect({ port });
      await rude.write(bytes);
      const answer = await new Response(rude.readable).text();
      assertMatch(answer, /that is not this game's protocol$/);
    }
    const silent = await connect({ port });
    for (let i = 0; i < 20; i++) await (await connectRudely(port)).reset();
    await using bot = await startBot(address, "ann");
    const { code, output } = await bot.ended();
    assertEquals([code, output], [0, "ann won\n"]);
    // Who says nothing for three seconds has no business here.
    const bye = await new Response(silent.readable).bytes();
    assertEquals(bye.length, 0);
    await silent.close();
  },
);

/** A client that knows no limits but those of the server. */
async function sayHello(port: number, name: string, watch = false) {
  const socket = await connect({ port });
  const connection = framed(socket, clientSide);
  await connection.send({ type: "hello", name, watch });
  const answer = await connection.receive({ timeoutMs: 10_000 });
  return { connection, socket, answer };
}

/** Says hello from another address, and gives the type of the answer. */
async function sayHelloFrom(
  localAddress: string,
  port: number,
  watch: boolean,
): Promise<ServerPacket["type"] | undefined> {
  const socket = dial({ port, host: "127.0.0.1", localAddress });
  const hello = ReadableStream.from(
    [{ type: "hello", name: "zoe", watch } as const],
  ).pipeThrough(encodeStream(clientSide));
  for await (const bytes of hello) socket.write(bytes);
  const [data] = await once(socket, "data");
  socket.destroy();
  await once(socket, "close");
  const packets = ReadableStream.from([new Uint8Array(data)])
    .pipeThrough(decodeStream(clientSide));
  for await (const { type } of packets) return type;
  return undefined;
}

Deno.test("the game has no two players who look the same", {
  timeout,
}, async () => {
  const { server, address, port } = await startServer(
    "game/server",
    ...["--players", "2", "--per-address", "8"],
  );
  await using _ = server;
  const ann = await sayHello(port, "ann");
  assertEquals(ann.answer?.type, "welcome");
  for (const name of ["ann", "Ann", "ANN"]) {
    const other = await sayHello(port, name);
    assertEquals(other.answer, {
      type: "refused",
      reason:
        `ann plays already, and ${name} looks the same: choose another name`,
    });
    await other.socket.close();
  }
  const bob = await sayHello(port, "bob");
  assertEquals(bob.answer?.type, "welcome");
  for (const name of ["b0b", "BOB"]) {
    const other = await sayHello(port, name);
    assertEquals(other.answer?.type, "refused", name);
    await other.socket.close();
  }
  const bot = await startBot(address, "ann");
  assertMatch((await bot.ended()).errors, /^the server refuses: ann plays/);
  // A seat that is given up gives its name back.
  await ann.socket.close();
  await server.printed(/ann left/);
  const again = await sayHello(port, "Ann");
  assertEquals(again.answer?.type, "welcome");
  for (const { socket } of [bob, again]) socket.abort();
});

Deno.test(
  "the game has a place for a client that says hello, however many are silent",
  {
    timeout,
  },
  async () => {
    const { server, port } = await startServer("game/server");
    await using _ = server;
    using _crowd = await Crowd.gather(port, 100);
    const ann = await sayHello(port, "ann");
    assertEquals(ann.answer?.type, "welcome");
    ann.socket.abort();
  },
);

Deno.test("the game gives one address only some of its seats", {
  timeout,
  ignore: Deno.build.os !== "linux", // Others have one loopback address.
}, async () => {
  const { server, port } = await startServer("game/server");
  await using _ = server;
  const guests = [];
  for (const watch of [false, true]) {
    let welcome = 0;
    for (let i = 0; i < 20; i++) {
      const guest = await sayHello(
        port,
        `p${"abcdefghjkmnopqrstuv"[i]}`,
        watch,
      );
      if (guest.answer?.type === "welcome") {
        welcome++;
        guests.push(guest);
      } else await guest.socket.close();
    }
    assertEquals(welcome, watch ? 16 : 4);
    assertEquals(await sayHelloFrom("127.0.0.2", port, watch), "welcome");
  }
  for (const { socket } of guests) socket.abort();
});

Deno.test("the game cuts who floods it with pings, and keeps its pace", {
  timeout,
}, async () => {
  const { server, port } = await startServer("game/server", "--tick", "50");
  await using _ = server;
  const ann = await sayHello(port, "ann", true);
  assertEquals(ann.answer?.type, "welcome");
  const flooder = await sayHello(port, "eve");
  const pings = Array.from({ length: 1_000 }, (_, sentAtMs) => ({
    type: "ping" as const,
    sentAtMs,
  }));
  // Whatever it cannot send any more, it has been cut.
  flooder.connection.sendAll(pings).catch(() => {});
  const heard: ServerPacket[] = [];
  try {
    for await (const packet of flooder.connection) heard.push(packet);
  } catch {
    // A reset, as it was still sending.
  }
  const pongs = heard.filter(({ type }) => type === "pong").length;
  assert(pongs > 0 && pongs < 300, `${pongs} pongs`);
  await server.printed(/eve/);
  // The pace of a quiet game: twenty ticks in a second.
  const first = await nextTick(ann.connection);
  const start = performance.now();
  while (await nextTick(ann.connection) < first + 20);
  const ms = performance.now() - start;
  assert(ms < 3_000, `20 ticks of 50 ms took ${ms} ms`);
  ann.socket.abort();
  flooder.socket.abort();
});

async function nextTick(
  connection: { receive(): Promise<ServerPacket | null> },
): Promise<number> {
  while (true) {
    const packet = await connection.receive();
    assert(packet !== null);
    if (packet.type === "snapshot") return packet.tick;
  }
}

Deno.test("the game takes nothing from web pages", { timeout }, async () => {
  const { server, port } = await startServer("game/server");
  await using _ = server;
  await using page = await connect({ port });
  await page.write(
    "POST / HTTP/1.1\r\nHost: x\r\n\r\n\x00\x0c\x01\x01\x03eve\x00\x00",
  );
  const answer = await new Response(page.readable).text();
  assertMatch(answer, /that is not this game's protocol$/);
});

Deno.test("a bot prints nothing of a server that would steer the terminal", {
  timeout,
}, async () => {
  const player = { x: 1, y: 1, gems: 0, safe: false, away: false };
  await using server = serve(
    { port: 0, shutdownTimeoutMs: 0, onError: () => {} },
    async (socket: Socket) => {
      const connection = framed(socket, serverSide);
      await connection.receive();
      const token = new Uint8Array(16);
      await connection.send(
        { type: "welcome", id: 1, token, tickMs: 0, goal: 1 },
      );
      await connection.send({
        ...{ type: "snapshot", tick: 1, seed: 1, phase: "over", winner: 1 },
        ...{ acked: 0, gems: [] },
        players: [{ ...player, id: 1, name: "a\x1b[2J\u009b\u202eb\nc" }],
      });
      await socket.closed;
    },
  );
  const { port } = server.addr;
  const bot = await startBot(`127.0.0.1:${port}`, "ann");
  const { code, output } = await bot.ended();
  assertEquals([code, output], [0, "a[2Jbc won\n"]);
});

Deno.test("the game is drawn on a terminal, which is given back", {
  timeout,
  ignore: windows || lacksPrograms("python3"),
}, async () => {
  const { server, address } = await startServer(
    "game/server",
    ...["--tick", "20", "--seed", "7"],
  );
  await using _ = server;
  const game = [
    Deno.execPath(),
    ...withImportMap(
      await exampleArguments("game/play"),
      await findStdSource(),
    ),
    ...["--connect", address, "--name", "ann"],
  ];
  const child = new Deno.Command(program("python3"), {
    args: [
      "-c",
      "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)",
      ...["sh", "-c", 'stty cols 80 rows 24; exec "$@"', "sh", ...game],
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1", TERM: "xterm" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const keys = child.stdin.getWriter();
  const press = (text: string) => keys.write(new TextEncoder().encode(text));
  const output = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let text = "";
  const shows = async (pattern: RegExp): Promise<RegExpExecArray> => {
    while (true) {
      // What is drawn last counts.
      const frames = text.split("\x1b[H");
      const match = pattern.exec(frames.at(-2) ?? "");
      if (match !== null) return match;
      const { done, value } = await output.read();
      if (done) throw new Error(`It never showed ${pattern}, but ${text}`);
      text += value;
    }
  };
  const first = await shows(/^##(.*)@1/m);
  await shows(/@1 ann \d/);
  await press("\x1b[D");
  // Either there is room on the left, or on the right.
  await press("\x1b[C");
  const isElsewhere = async () => {
    while ((await shows(/^##(.*)@1/m))[0] === first[0]) {
      const { done, value } = await output.read();
      if (done) throw new Error("It never moved");
      text += value;
    }
  };
  await isElsewhere();
  await press("q");
  assertEquals((await child.status).code, 0);
  await keys.close().catch(() => {});
  for (let part; !(part = await output.read()).done;) text += part.value;
  assert(text.includes("\x1b[?1049h\x1b[?25l"));
  assert(
    text.endsWith("\x1b[?25h\x1b[?1049l"),
    JSON.stringify(text.slice(-50)),
  );
  await server.printed(/ann left/);
});

Deno.test("the game ends in good order at Ctrl-C, and tells its players", {
  timeout,
  ignore: windows,
}, async () => {
  const { server, address } = await startServer("game/server");
  await using _ = server;
  await using bot = await Example.start("game/bot", "--connect", address);
  await server.printed(/bot came/);
  server.interrupt();
  const { code, output, errors } = await server.ended();
  assertMatch(output, /drained: 1 finished, 0 cut off\n$/);
  assertEquals([code, errors], [0, ""]);
  const ending = await bot.ended();
  assertEquals(ending.errors, "the server refuses: the server closes\n");
  assertEquals(ending.code, 1);
});

Deno.test("a bot leaves at Ctrl-C", { timeout, ignore: windows }, async () => {
  const { server, address } = await startServer("game/server");
  await using _ = server;
  await using bot = await Example.start("game/bot", "--connect", address);
  await server.printed(/bot came/);
  bot.interrupt();
  assertEquals((await bot.ended()).code, 0);
  await server.printed(/bot left/);
});

Deno.test("two bots play a whole match, one over UDP and one over TCP", {
  timeout,
}, async () => {
  const { server, address } = await startServer(
    "game/server",
    ...["--goal", "3", "--players", "2", "--seed", "7", "--tick", "20"],
    "--udp",
  );
  await using _ = server;
  await using ann = await Example.start(
    "game/bot",
    ...["--connect", address, "--name", "ann", "--matches", "1", "--udp"],
  );
  await using bob = await startBot(address, "bob");
  const [, winner] = await server.printed(
    /^(ann|bob) won with 3 gems at tick/m,
  );
  for (const bot of [ann, bob]) {
    const { code, output, errors } = await bot.ended();
    assertEquals([code, output, errors], [0, `${winner} won\n`, ""]);
  }
  await server.printed(/ann left/);
  server.interrupt();
  const { code, errors } = await server.ended();
  assertEquals([code, errors], [0, ""]);
});

Deno.test("lag_demo shows matches on nine networks, the same each time", {
  timeout,
}, async () => {
  const { code, output, errors } = await runExample("game/lag_demo");
  assertEquals([code, errors], [0, ""]);
  const rows = output.match(/^.* ms .*( 20 .*s)$/gm) ?? [];
  assertEquals(rows.length, 9);
  assertMatch(output, /^200 ms each way +\d+ +500 ms /m);
  const again = await runExample("game/lag_demo", "--seed", "1");
  assertEquals(again.output, output);
});

Deno.test("the game refuses wrong flags in one line, with exit code 2", {
  timeout,
}, async (test) => {
  const cases: [name: string, args: string[], code: number, line: string][] = [
    [
      "game/server",
      ["--goal", "0"],
      2,
      "Cannot run: --goal must be a whole number from 1 to 200, got 0",
    ],
    [
      "game/bot",
      ["--name", "a b"],
      2,
      'Cannot run: --name must be 1 to 12 letters, digits, _ and -, got "a b"',
    ],
    [
      "game/play",
      ["--watch", "maybe"],
      2,
      "Cannot run: each flag must be one of --connect, --name, --udp, --watch, --help, got maybe (--help explains them)",
    ],
    [
      "game/play",
      [],
      1,
      "Cannot play: this is no terminal (game/bot plays without one)",
    ],
    [
      "game/lag_demo",
      ["--seed", "x"],
      2,
      "Cannot run: --seed must be a whole number from 0 to 1000000, got x",
    ],
  ];
  for (const [name, args, expected, line] of cases) {
    await test.step(`${name} ${args.join(" ")}`, async () => {
      const { code, output, errors } = await runExample(name, ...args);
      assertEquals([code, output, errors], [expected, "", `${line}\n`]);
    });
  }
});

Deno.test(
  "the game says which permission is missing",
  { timeout },
  async (test) => {
    const cases = [
      ["game/server", "listen on"],
      ["game/bot", "connect to"],
    ];
    for (const [name, action] of cases) {
      await test.step(name, async () => {
        const file = (await exampleArguments(name)).at(-1)!;
        const { code, stderr } = await new Deno.Command(Deno.execPath(), {
          args: withImportMap(["run", file], await findStdSource()),
          cwd: ROOT,
          env: { NO_COLOR: "1" },
          stdin: "null",
        }).output();
        assertEquals(
          new TextDecoder().decode(stderr),
          `Cannot ${action} 127.0.0.1:7100: run again with --allow-net=127.0.0.1:7100\n`,
        );
        assertEquals(code, 1);
      });
    }
  },
);
