import { assert, assertEquals, assertMatch } from "@std/assert";
import { once } from "node:events";
import { createConnection } from "node:net";
import { connect, type Framed, framed, lines } from "@sluice/net";
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

/** A guest of the tests, who knows no limits but those of the server. */
class Visitor implements AsyncDisposable {
  readonly #connection: Framed<string>;

  private constructor(connection: Framed<string>) {
    this.#connection = connection;
  }

  /** Connects, and enters under a name. */
  static async enter(port: number, name: string): Promise<Visitor> {
    const visitor = new Visitor(framed(await connect({ port }), lines()));
    await visitor.say(name);
    await visitor.hears(/^\* in lobby: /);
    return visitor;
  }

  async say(...texts: string[]): Promise<void> {
    await this.#connection.sendAll(texts);
  }

  /** Waits for a line, past all others. */
  async hears(pattern: RegExp): Promise<string> {
    while (true) {
      const line = await this.#connection.receive({ timeoutMs: 20_000 });
      if (line === null) throw new Error(`It never heard ${pattern}`);
      if (pattern.test(line)) return line;
    }
  }

  /** Everything up to the end. */
  async rest(): Promise<string[]> {
    return await Array.fromAsync(this.#connection);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection[Symbol.asyncDispose]();
  }
}

Deno.test("chat carries what is said between nc and the client", {
  timeout,
  ignore: lacksPrograms("nc"),
}, async () => {
  const { server, address, port } = await startServer("chat/server");
  await using _ = server;
  await using ann = await Example.start(
    "chat/client",
    "--connect",
    address,
    "--name",
    "ann",
  );
  await ann.printed(/^\* in lobby: ann$/m);
  const nc = new Deno.Command(program("nc"), {
    args: ["-N", "127.0.0.1", String(port)],
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const typing = nc.stdin.getWriter();
  const type = (text: string) => typing.write(new TextEncoder().encode(text));
  await type("bob\r\nhello from nc\n");
  await ann.printed(/^bob: hello from nc$/m);
  await ann.type("hello, bob\n/msg bob just you\n");
  await ann.printed(/^\* bob was told$/m);
  await type("/quit\n");
  await typing.close();
  const { code, stdout } = await nc.output();
  assertEquals(code, 0);
  assertEquals(
    new TextDecoder().decode(stdout),
    "* welcome; what is your name?\n" +
      "* welcome, bob; /help shows what you can do\n" +
      "* in lobby: ann, bob\n" +
      "ann: hello, bob\n" +
      "ann -> bob: just you\n",
  );
  await ann.printed(/^\* bob left$/m);
  // The end of its input is a good-bye.
  assertEquals((await ann.ended()).code, 0);
});

Deno.test("chat client goes to a room, and shows what was said there", {
  timeout,
}, async () => {
  const { server, address, port } = await startServer("chat/server");
  await using _ = server;
  await using bob = await Visitor.enter(port, "bob");
  await bob.say("/join tea", "first\x1b[2J\u202e things");
  await bob.hears(/in tea: bob/);
  const { code, output } = await runExample(
    "chat/client",
    ...["--connect", address, "--name", "ann", "--room", "tea"],
  );
  assertMatch(
    output,
    /^\(just now\) bob: first\[2J things\n\* in tea: bob, ann\n$/m,
  );
  assertEquals(code, 0);
});

Deno.test("chat client shows nothing that would steer the terminal", {
  timeout,
}, async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  await using client = await Example.start(
    "chat/client",
    "--connect",
    `127.0.0.1:${listener.addr.port}`,
  );
  const conn = await listener.accept();
  await conn.write(new TextEncoder().encode("a\x1b[31mb\x9b2Jc\r\x07d\n"));
  await client.printed(/^a\[31mb/);
  conn.close();
  listener.close();
  const { output } = await client.ended();
  assertEquals(output, "a[31mb2Jcd\n");
});

Deno.test("chat client keeps what is half typed below what arrives", {
  timeout,
  ignore: windows || lacksPrograms("python3"),
}, async () => {
  const { server, address, port } = await startServer("chat/server");
  await using _ = server;
  await using bob = await Visitor.enter(port, "bob");
  const client = [
    Deno.execPath(),
    ...withImportMap(
      await exampleArguments("chat/client"),
      await findStdSource(),
    ),
    ...["--connect", address, "--name", "ann"],
  ];
  const child = new Deno.Command(program("python3"), {
    args: [
      "-c",
      "import pty, sys; sys.exit(pty.spawn(sys.argv[1:]) >> 8)",
      ...["sh", "-c", 'stty cols 40 rows 10; exec "$@"', "sh", ...client],
    ],
    cwd: ROOT,
    env: { NO_COLOR: "1", TERM: "xterm" },
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const keys = child.stdin.getWriter();
  const press = (text: string) => keys.write(new TextEncoder().encode(text));
  const screen = new Screen(child.stdout);

  await bob.hears(/ann came/);
  // Longer than the terminal is wide.
  const text = "half of a line that has to be wrapped, and more";
  await press(text);
  await screen.shows("more");
  await bob.say("meanwhile");
  await screen.shows("bob: meanwhile\r\n");
  // The prompt is drawn again behind it, with all that was typed.
  await screen.shows(`> ${text}`);
  await press(" the rest\r");
  assertEquals(await bob.hears(/^ann: /), `ann: ${text} the rest`);
  await press("\x03");
  await bob.hears(/ann left/);
  assertEquals((await child.status).code, 0);
  await keys.close().catch(() => {});
  await screen.end();
});

/** What a terminal is told to show; each search goes on behind the last match. */
class Screen {
  readonly #output: ReadableStreamDefaultReader<string>;
  #text = "";

  constructor(output: ReadableStream<Uint8Array>) {
    this.#output = output.pipeThrough(new TextDecoderStream()).getReader();
  }

  async shows(text: string): Promise<void> {
    let at = -1;
    while ((at = this.#text.indexOf(text)) < 0) {
      const { done, value } = await this.#output.read();
      if (done) throw new Error(`It never showed ${text}, but ${this.#text}`);
      this.#text += value;
    }
    this.#text = this.#text.slice(at + text.length);
  }

  async end(): Promise<void> {
    while (!(await this.#output.read()).done);
  }
}

Deno.test("chat goes on after garbage, oversize lines and resets", {
  timeout,
}, async () => {
  const { server, port } = await startServer("chat/server", "--rate", "1000");
  await using _ = server;
  await using ann = await Visitor.enter(port, "ann");
  await using rude = await connect({ port });
  const garbage = Uint8Array.from(
    { length: 20_000 },
    (_, i) => (i * 2_654_435_761 >>> 13) & 0xff,
  );
  await rude.write(garbage);
  await rude.write("x".repeat(100_000));
  await rude.write(`\n/quit\n`);
  const answers = await new Response(rude.readable).text();
  assertMatch(answers, /^\* not sent: a line has at most 1000 bytes$/m);
  assertMatch(answers, /^\* a name must be .*; what is your name\?$/m);
  for (let i = 0; i < 20; i++) await (await connectRudely(port)).reset();
  await using bob = await Visitor.enter(port, "bob");
  await bob.say("still\x1b[2J there?");
  await ann.hears(/^bob: still\[2J there\?$/);
});

Deno.test("chat disconnects who floods, and the others hear little of it", {
  timeout,
}, async () => {
  const { server, port } = await startServer("chat/server", "--rate", "3");
  await using _ = server;
  await using ann = await Visitor.enter(port, "ann");
  await using flooder = await Visitor.enter(port, "flooder");
  await flooder.say(...Array.from({ length: 150 }, (_, i) => `spam ${i}`));
  const heard = await flooder.rest();
  assertEquals(heard.filter((line) => line.startsWith("* not sent")), [
    "* not sent: at most 3 lines a second",
  ]);
  assertEquals(
    heard.at(-1),
    "* you are disconnected: you do not stop flooding",
  );
  await ann.say("quiet again");
  let spam = 0;
  while (!/^\* flooder left/.test(await ann.hears(/spam|flooder left/))) spam++;
  // Five tokens were left after the name; more come while it floods.
  assert(spam >= 5 && spam <= 20, `heard ${spam} lines of spam`);
});

/** What a page in a browser on this machine can make it send. */
const REQUESTS: Readonly<Record<string, string>> = {
  "a POST": "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nmallory\nhello all\n",
  "a POST to a long path": `POST /${
    "x".repeat(2_000)
  } HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\nmallory\nhello all\n`,
  "a method of its own":
    "mallory / HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\nmallory\nhello all\n",
  "a WebSocket":
    "GET /chat HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n\r\nmallory\nhello all\n",
  "TLS with a ticket of the page's own server":
    "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\nmallory\nhello all\n",
  "half of a request": "Host: 127.0.0.1\r\n\r\nmallory\nhello all\n",
};

Deno.test("chat hangs up on web pages", { timeout }, async (test) => {
  const { server, port } = await startServer("chat/server");
  await using _ = server;
  await using ann = await Visitor.enter(port, "ann");
  for (const [name, request] of Object.entries(REQUESTS)) {
    await test.step(name, async () => {
      await using page = await connect({ port });
      await page.write(request);
      const answer = await new Response(page.readable).text();
      assert(!answer.includes("mallory"), answer);
      await ann.say("/who");
      assertEquals(await ann.hears(/./), "* in lobby: ann");
    });
  }
  await test.step("fetch", async () => {
    const body = "mallory\nhello all\n";
    const asked = fetch(`http://127.0.0.1:${port}/`, { method: "POST", body });
    await asked.then((response) => response.body?.cancel()).catch(() => {});
    await ann.say("/who");
    assertEquals(await ann.hears(/./), "* in lobby: ann");
  });
});

Deno.test(
  "chat lets no member in who cannot be told from another one, or be seen",
  {
    timeout,
  },
  async () => {
    const { server, port } = await startServer("chat/server", "--rate", "1000");
    await using _ = server;
    await using ann = await Visitor.enter(port, "ann");
    await using _bill = await Visitor.enter(port, "bi\u0307ll");
    await ann.hears(/came$/);
    const unseen = [..."\ufe0f\u034f\u3164\u115f\uffa0\u180b\u200b\u{e0061}"];
    const names = [
      ...unseen.flatMap((each) => [each, `ann${each}`, `a${each}nn`]),
      ...["аnn", "Аnn", "ａｎｎ", "Ann"],
      ...["bill", "bi\u0307ll", "bı\u0307ll", "bıll"],
    ];
    for (const name of names) {
      await using eve = framed(await connect({ port }), lines());
      await eve.sendAll([name, "/quit"]);
      const heard = await Array.fromAsync(eve);
      assertMatch(heard[1], /what is your name\?$/, JSON.stringify(name));
    }
    await ann.say("/who");
    assertEquals(await ann.hears(/./), "* in lobby: ann, bi\u0307ll");
  },
);

Deno.test("chat tells the room nothing of what was meant for one person", {
  timeout,
}, async () => {
  const { server, port } = await startServer("chat/server", "--rate", "1000");
  await using _ = server;
  await using ann = await Visitor.enter(port, "ann");
  await using bob = await Visitor.enter(port, "bob");
  await using eve = await Visitor.enter(port, "eve");
  await ann.say(
    ...[" /msg bob one", "\u3000/msg bob two", "／msg bob three"],
    ...["\u200b /msg bob four", "⁄msg bob five", "/msg bоb six"],
    // Left of a mistyped line, of a quote, and of an arrow key in nc.
    ...["\\msg bob x", "> /msg bob x", "`/msg bob x", "\x1b[D/msg bob x"],
    ...["\u0301/msg bob x", "!MSG bob x"],
    "/msg bob seven",
    "done",
  );
  assertEquals(await bob.hears(/->|done/), "ann -> bob: seven");
  assertEquals(await eve.hears(/./), "ann: done");
  await bob.say("/quit");
  await ann.hears(/bob left/);
  await ann.say("/msg bob eight", "done");
  assertEquals(await ann.hears(/bob/), "* there is no bob here");
  await eve.hears(/bob left/);
  assertEquals(await eve.hears(/./), "ann: done");
});

Deno.test(
  "chat has a place for a client that speaks, however many are silent",
  {
    timeout,
  },
  async () => {
    const { server, port } = await startServer("chat/server");
    await using _ = server;
    using _crowd = await Crowd.gather(port, 1_050);
    await using ann = await Visitor.enter(port, "ann");
    await ann.say("/who");
    assertEquals(await ann.hears(/./), "* in lobby: ann");
  },
);

Deno.test("chat gives one address only some of its places", {
  timeout,
  ignore: Deno.build.os !== "linux", // Others have one loopback address.
}, async () => {
  const { server, port } = await startServer(
    "chat/server",
    ...["--per-address", "20"],
  );
  await using _ = server;
  await using ann = await Visitor.enter(port, "ann");
  using _crowd = await Crowd.gather(port, 60, (index) => `crowd${index}\n`);
  for (let i = 0; i < 19; i++) await ann.hears(/crowd\d+ came/);
  await ann.say("/who");
  const [, ...others] = (await ann.hears(/./)).split(", ");
  assertEquals(others.length, 19);
  const local = createConnection({ port, localAddress: "127.0.0.2" });
  local.write("bob\n");
  await ann.hears(/^\* bob came$/);
  local.destroy();
  await once(local, "close");
});

Deno.test(
  "chat lets no member wait for a slow reader",
  { timeout },
  async (test) => {
    for (const slow of ["drop", "disconnect"]) {
      await test.step(`--slow ${slow}`, async () => {
        const { server, port } = await startServer(
          "chat/server",
          ...["--rate", "100000", "--queue", "100", "--slow", slow],
        );
        await using _ = server;
        await using sleeper = await Visitor.enter(port, "sleeper");
        await using ann = await Visitor.enter(port, "ann");
        await using bob = await Visitor.enter(port, "bob");
        // Bob keeps up; in the end this is more than the kernel buffers for a sleeper.
        for (let i = 1; i <= 240; i++) {
          await ann.say(...Array(50).fill("x".repeat(990)), `${i}`);
          await bob.hears(new RegExp(`^ann: ${i}$`));
        }
        if (slow === "drop") {
          const missing = await sleeper.hears(/^\*.*missing/);
          assertMatch(
            missing,
            /^\* \d+ lines are missing here: you read too slowly$/,
          );
          await sleeper.hears(/^ann: 240$/);
        } else {
          await bob.say("/who");
          assertEquals(await bob.hears(/^\* in/), "* in lobby: ann, bob");
        }
      });
    }
  },
);

Deno.test("chat lets no member wait for many that have stalled", {
  timeout,
}, async () => {
  const { server, port } = await startServer(
    "chat/server",
    ...["--rate", "100000"],
  );
  await using _ = server;
  // They never read what they are told.
  using _crowd = await Crowd.gather(port, 60, (index) => `crowd${index}\n`);
  await using ann = await Visitor.enter(port, "ann");
  await using bob = await Visitor.enter(port, "bob");
  for (let i = 1; i <= 40; i++) {
    await ann.say(...Array(50).fill("x".repeat(990)), `${i}`);
    await bob.hears(new RegExp(`^ann: ${i}$`));
  }
});

Deno.test("chat server says good-bye to all at Ctrl-C", {
  timeout,
  ignore: windows,
}, async () => {
  const { server, address, port } = await startServer("chat/server");
  await using _ = server;
  await using client = await Example.start(
    "chat/client",
    ...["--connect", address, "--name", "ann"],
  );
  await client.printed(/in lobby/);
  await using bob = await Visitor.enter(port, "bob");
  server.interrupt();
  assertEquals((await bob.rest()).at(-1), "* the server closes; good-bye");
  await bob[Symbol.asyncDispose]();
  const { code, output, errors } = await server.ended();
  assertMatch(output, /drained: 2 finished, 0 cut off\n$/);
  assertEquals([code, errors], [0, ""]);
  const ending = await client.ended();
  assertMatch(ending.output, /good-bye\n$/);
  assertEquals(ending.errors, "the server ended the connection\n");
  assertEquals(ending.code, 1);
});

Deno.test("chat refuses wrong flags in one line, with exit code 2", {
  timeout,
}, async (test) => {
  const cases: [name: string, args: string[], line: string][] = [
    [
      "chat/server",
      ["--slow", "wait"],
      "Cannot run: --slow must be drop or disconnect, got wait",
    ],
    [
      "chat/server",
      ["--queue", "1"],
      "Cannot run: --queue must be a whole number from 100 to 100000, got 1",
    ],
    [
      "chat/client",
      ["--name", "a b"],
      "Cannot run: --name must be 1 to 20 letters, digits, _ and -, got a b",
    ],
    [
      "chat/client",
      ["--room", "tea"],
      "Cannot run: --room must come with --name",
    ],
  ];
  for (const [name, args, line] of cases) {
    await test.step(args.join(" "), async () => {
      const { code, output, errors } = await runExample(name, ...args);
      assertEquals([code, output, errors], [2, "", `${line}\n`]);
    });
  }
});

Deno.test("chat says in one line that a file is no certificate, or damaged", {
  timeout,
}, async () => {
  const damaged = await Deno.makeTempFile();
  await using stack = new AsyncDisposableStack();
  stack.defer(() => Deno.remove(damaged));
  const begin = "-----BEGIN CERTIFICATE-----\nAAAA\n";
  await Deno.writeTextFile(
    damaged,
    ["CERTIFICATE", "PRIVATE KEY"].map((kind) =>
      `${begin}-----END CERTIFICATE-----\n`.replaceAll("CERTIFICATE", kind)
    ).join(""),
  );
  const none = "it must have a CERTIFICATE in PEM form";
  const must = "must be a CERTIFICATE in PEM form, got one that is damaged";
  const cases = [
    [
      `Cannot use --cert README.md: ${none}`,
      ...["chat/server", "--cert", "README.md", "--key", "README.md"],
    ],
    [
      `Cannot use --ca README.md: ${none}`,
      ...["chat/client", "--ca", "README.md"],
    ],
    [
      `Cannot listen: cert ${must}`,
      ...["chat/server", "--cert", damaged, "--key", damaged],
    ],
    [`Cannot connect: caCerts ${must}`, "chat/client", "--ca", damaged],
  ];
  for (const [line, name, ...args] of cases) {
    const command = await exampleArguments(name, [
      `--allow-read=README.md,${damaged}`,
    ]);
    const { code, stderr } = await new Deno.Command(Deno.execPath(), {
      args: [...withImportMap(command, await findStdSource()), ...args],
      cwd: ROOT,
      env: { NO_COLOR: "1" },
      stdin: "null",
    }).output();
    assertEquals(new TextDecoder().decode(stderr), `${line}\n`);
    assertEquals(code, 2);
  }
});

Deno.test(
  "chat says which permission is missing",
  { timeout },
  async (test) => {
    const cases = [
      ["chat/server", "listen on"],
      ["chat/client", "connect to"],
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
          `Cannot ${action} 127.0.0.1:7000: run again with --allow-net=127.0.0.1:7000\n`,
        );
        assertEquals(code, 1);
      });
    }
  },
);
