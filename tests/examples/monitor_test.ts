import { assert, assertEquals, assertMatch } from "@std/assert";
import { connect, framed, lines, serve } from "@sluice/net";
import { withImportMap } from "../../tools/_command.ts";
import { findStdSource } from "../../tools/_std.ts";
import { Crowd } from "./_silent_crowd.ts";
import { Example, runExample } from "./_example.ts";
import { runWithoutPermissions } from "./_without_permissions.ts";
import { freePort } from "../_support/free_port.ts";

const windows = Deno.build.os === "windows";
const timeout = 60_000;
const NOWHERE = ["--web", "off", "--probe", "off"];

/** Runs the monitor with a configuration as its input. */
async function check(targets: unknown[], ...args: string[]) {
  await using monitor = await Example.start(
    "monitor/watch",
    "--once",
    "--config",
    "stdin",
    ...args,
  );
  await monitor.type(JSON.stringify({ targets }));
  return await monitor.ended();
}

/** Starts the monitor; its input ends, so that it has its configuration. */
async function watch(targets: unknown[], ...args: string[]) {
  const monitor = await Example.start(
    "monitor/watch",
    "--config",
    "stdin",
    ...args,
  );
  await monitor.type(JSON.stringify({ targets }));
  const ended = monitor.ended();
  return {
    monitor,
    async stop() {
      monitor.interrupt();
      return await ended;
    },
    [Symbol.asyncDispose]: () => monitor[Symbol.asyncDispose](),
  };
}

/** A server that answers PING with PONG, where it is told to. */
function serveAnswers(port = 0) {
  const server = serve({ port, shutdownTimeoutMs: 0 }, async (socket) => {
    const connection = framed(socket, lines());
    for await (const line of connection) {
      await connection.send(line === "PING" ? "PONG" : "?");
    }
  });
  const address = `127.0.0.1:${server.addr.port}`;
  const target = {
    name: "answers",
    address,
    check: "expect",
    send: "PING\n",
    expect: "PONG\n",
    intervalMs: 100,
    failuresToDown: 2,
    successesToUp: 2,
  };
  return { server, address, target };
}

Deno.test("watch --once prints a table, and ends with 0 if all is well", {
  timeout,
}, async () => {
  const { server, target } = serveAnswers();
  await using _ = server;
  const { code, output, errors } = await check([
    target,
    { name: "port", address: target.address },
  ]);
  assertEquals([code, errors], [0, ""]);
  const [head, answers, port] = output.split("\n");
  assertMatch(head, /^STATE +NAME +ADDRESS +CHECK +LAST/);
  assertMatch(answers, /^● up +answers +127\S+ +expect +\d\S* ms/);
  assertMatch(port, /^● up +port +127\S+ +connect +\d\S* ms .* 100 %$/);
});

Deno.test(
  "watch --once ends with 1 if anything is not well",
  { timeout },
  async () => {
    const { server, target } = serveAnswers();
    await using _ = server;
    const nobody = { name: "nobody", address: `127.0.0.1:${freePort()}` };
    const { code, output, errors } = await check([
      target,
      { ...nobody, failuresToDown: 1 },
    ]);
    assertEquals(code, 1);
    assertMatch(output, /\n● up +answers .*\n✖ down +nobody .* refused/);
    assertMatch(errors, /^\S+ \S+Z DOWN nobody \(127.*\): refused[^\n]*\n$/);
  },
);

Deno.test("watch tells when a target goes down, and when it comes back", {
  timeout,
  ignore: windows,
}, async () => {
  const { server, target } = serveAnswers();
  const { port } = server.addr;
  await using watching = await watch([target], ...NOWHERE);
  const { monitor } = watching;
  await monitor.printed(/watching 1 targets/);
  await server.shutdown({ timeoutMs: 0 });
  await monitor.printed(/DOWN answers \(127\S+\): /);
  await using _ = serveAnswers(port).server;
  await monitor.printed(/UP answers \(127\S+\) after \d/);
  const { code, output, errors } = await watching.stop();
  assertEquals([code, errors], [0, ""]);
  assertEquals(output.match(/ (UP|DOWN) /g), [" DOWN ", " UP "]);
  assertMatch(output, /● up +answers[^\n]*\n$/);
});

Deno.test(
  "watch keeps an eye on silent, rude and missing targets side by side",
  {
    timeout,
    ignore: windows,
  },
  async () => {
    const { server, target } = serveAnswers();
    await using _ = server;
    await using silent = serve(
      { port: 0, shutdownTimeoutMs: 0 },
      (socket) => socket.closed,
    );
    const { port } = silent.addr;
    const silentTarget = {
      ...target,
      name: "silent",
      address: `127.0.0.1:${port}`,
      timeoutMs: 200,
    };
    await using watching = await watch([
      silentTarget,
      { ...target, name: "missing", address: `127.0.0.1:${freePort()}` },
      {
        ...silentTarget,
        name: "no probe",
        check: "throughput",
        send: undefined,
        expect: undefined,
      },
      target,
    ], ...NOWHERE);
    const { monitor } = watching;
    await monitor.printed(/DOWN silent \S+ not within 200 ms/);
    await monitor.printed(/DOWN missing \S+ refused: nothing listens there/);
    await monitor.printed(/DOWN no probe \S+ not within 200 ms/);
    const { code, output } = await watching.stop();
    assertEquals(code, 0);
    assertMatch(output, /● up +answers .* 100 %\n$/);
  },
);

Deno.test("two monitors measure the throughput between them", {
  timeout,
  ignore: windows,
}, async () => {
  const { server, target } = serveAnswers();
  await using _ = server;
  await using other = await watch(
    [target],
    "--web",
    "off",
    "--probe",
    "127.0.0.1:0",
  );
  const [, address] = await other.monitor.printed(/probes on (\S+)/);
  const { code, output } = await check([
    { name: "link", address, check: "throughput", minBytesPerSecond: 1_000 },
  ]);
  assertMatch(output, /● up +link +127\S+ +throughput +\d\S* MB\/s/);
  assertEquals(code, 0);
  assertEquals((await other.stop()).code, 0);
});

/** Starts the monitor with a page, and says on which port that is. */
async function watchWithPage(targets: unknown[]) {
  const watching = await watch(
    targets,
    ...["--web", "127.0.0.1:0", "--probe", "off"],
  );
  const [, port] = await watching.monitor.printed(/the page is at \S+:(\d+)\//);
  return { ...watching, port: Number(port) };
}

/** Sends a request as it is, and gives the status of the answer. */
async function statusOf(port: number, request: string): Promise<string> {
  using conn = await Deno.connect({ hostname: "127.0.0.1", port });
  await conn.write(new TextEncoder().encode(request));
  const bytes = new Uint8Array(12);
  const count = await conn.read(bytes);
  return new TextDecoder().decode(bytes.subarray(9, count ?? 0));
}

Deno.test(
  "the monitor's page says 400 to a malformed host, and the table stays as it is",
  {
    timeout,
    ignore: windows,
  },
  async () => {
    const { server, target } = serveAnswers();
    await using _ = server;
    await using watching = await watchWithPage([target]);
    for (
      const host of ["[bad", "a b", "::1", "", "x:y:z", "%", "127.0.0.1:x"]
    ) {
      const request =
        `GET / HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      assertEquals(await statusOf(watching.port, request), "400", host);
    }
    const { output, errors } = await watching.stop();
    assertEquals(errors, "");
    assertMatch(
      output,
      /^the page is at [^\n]+\nwatching 1 targets[^\n]+\nSTATE/,
    );
  },
);

Deno.test("other sites' pages take no place at the monitor's page", {
  timeout,
}, async () => {
  const { server, target } = serveAnswers();
  await using _ = server;
  await using watching = await watchWithPage([target]);
  const { port } = watching;
  const head = `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`;
  using _crowd = await Crowd.gather(
    port,
    40,
    () => `${head}Sec-Fetch-Site: cross-site\r\n\r\n`,
  );
  const own = `${head}Sec-Fetch-Site: same-origin\r\n\r\n`;
  assertEquals(await statusOf(port, own), "200");
});

Deno.test(
  "the monitor's page and probe have a place for a client that asks, however many are silent",
  {
    timeout,
  },
  async () => {
    const { server, target } = serveAnswers();
    await using _ = server;
    await using watching = await watch(
      [target],
      ...["--web", "127.0.0.1:0", "--probe", "127.0.0.1:0"],
    );
    const { monitor } = watching;
    const page = Number((await monitor.printed(/page is at \S+:(\d+)\//))[1]);
    const probe = Number((await monitor.printed(/probes on \S+:(\d+)/))[1]);
    const starts = ["", "G", "GET / HTTP/1.1\r\nHost: 127."];
    using _slow = await Crowd.gather(page, 300, (i) => starts[i % 3]);
    using _silent = await Crowd.gather(probe, 40, (i) => ["", "PROBE"][i % 2]);
    const own = "GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n";
    assertEquals(await statusOf(page, own), "200");
    await using client = await connect({ port: probe });
    await client.write("PROBE 5\n");
    assertEquals(await client.readLine({ timeoutMs: 2_000 }), "OK 5");
  },
);

Deno.test("a page that takes no events is let go, and the others get theirs", {
  timeout,
}, async () => {
  const { server, target } = serveAnswers();
  await using _ = server;
  const names = Array.from({ length: 20 }, (_, i) => `${i} ${"x".repeat(30)}`);
  await using watching = await watchWithPage(
    names.map((name) => ({ ...target, name })),
  );
  const { port } = watching;
  const request = `GET /events HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n\r\n`;
  using _crowd = await Crowd.gather(port, 15, () => request);
  await using reader = await connect({ port });
  await reader.write(request);
  let samples = 0;
  while (samples < 400) {
    const line = await reader.readLine({ maxBytes: 1e7, timeoutMs: 10_000 });
    if (line === "event: sample") samples++;
  }
});

Deno.test("watch --once finds itself well", { timeout }, async () => {
  const { code, output, errors } = await runExample("monitor/watch", "--once");
  assertEquals([code, errors], [0, ""]);
  assertEquals(output.match(/^● up /gm)?.length, 3);
});

Deno.test("watch --history counts failures over runs, and reports them once", {
  timeout,
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    // A file, whatever SQLite makes of its name.
    const path = Deno.build.os === "windows" ? "history.db" : ":memory:";
    const config = `${folder}/config.json`;
    const target = {
      name: "nobody",
      address: `127.0.0.1:${freePort()}`,
      failuresToDown: 2,
    };
    await Deno.writeTextFile(config, JSON.stringify({ targets: [target] }));
    const run = async () => {
      const { code, stderr } = await new Deno.Command(Deno.execPath(), {
        args: withImportMap([
          "run",
          `--allow-net=${target.address}`,
          `--allow-read=${path},${config}`,
          `--allow-write=${path}`,
          new URL("../../examples/monitor/watch.ts", import.meta.url).href,
          ...["--once", "--config", config, "--history", path],
        ], await findStdSource()),
        cwd: folder,
        env: { NO_COLOR: "1" },
      }).output();
      return [code, new TextDecoder().decode(stderr).replace(/^.*Z /, "")];
    };
    const why = "refused: nothing listens there";
    assertEquals(await run(), [1, ""]);
    assertEquals(await run(), [1, `DOWN nobody (${target.address}): ${why}\n`]);
    assertEquals(await run(), [1, ""]);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test(
  "watch says in one line what is wrong with its flags and its configuration",
  {
    timeout,
  },
  async (test) => {
    const cases: [args: string[], code: number, line: string][] = [
      [
        ["--web", "unix:x.sock"],
        2,
        "Cannot listen: --web must be HOST:PORT, got unix:x.sock",
      ],
      [
        ["--webhook", "ftp://127.0.0.1/"],
        2,
        "Cannot run: --webhook must be a URL with http:// or https://",
      ],
      [
        ["--webhook", "https://hooks.test/secret"],
        1,
        "Cannot send alerts to hooks.test:443: run again with --allow-net=hooks.test:443",
      ],
      [
        ["--onec"],
        2,
        "Cannot run: each flag must be one of --config, --history, --webhook, --web, --probe, --once, --help, got --onec (--help explains them)",
      ],
      [
        ["--config", "stdin"], // Nothing is typed, so it is empty.
        2,
        "stdin: Cannot read the configuration: it must be JSON: Unexpected end of JSON input",
      ],
      [
        ["--config", "other.json"],
        1,
        "Cannot read other.json: run again with --allow-read=other.json",
      ],
      [
        ["--config", "sample.json"], // A file of the user.
        1,
        "Cannot read sample.json: run again with --allow-read=sample.json",
      ],
      [
        ["--history", "other.db", "--once"],
        1,
        "Cannot keep the history in other.db: run again with --allow-read=other.db --allow-write=other.db",
      ],
      [
        ["--web", "0.0.0.0:8080"],
        1,
        "Cannot listen on 0.0.0.0:8080: run again with --allow-net=0.0.0.0:8080",
      ],
    ];
    for (const [args, code, line] of cases) {
      await test.step(args.join(" "), async () => {
        assertEquals(await runExample("monitor/watch", ...args), {
          code,
          output: "",
          errors: `${line}\n`,
        });
      });
    }
  },
);

Deno.test("watch says that its port is taken", { timeout }, async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const taken = `127.0.0.1:${listener.addr.port}`;
  const args = [["--web", taken, "--probe", "off"], [
    "--probe",
    taken,
    "--web",
    "off",
  ]];
  for (const each of args) {
    const { code, errors } = await runExample("monitor/watch", ...each);
    assertEquals(code, 1);
    assertMatch(
      errors,
      new RegExp(`^Cannot listen on ${taken}\\b.*\n$`),
    );
  }
});

Deno.test(
  "watch names every permission that its targets take",
  { timeout },
  async () => {
    const { code, output, errors } = await runWithoutPermissions(
      "monitor/watch",
    );
    assertEquals([code, output], [1, ""]);
    assert(
      errors.endsWith(
        "run again with --allow-net=127.0.0.1:8080,127.0.0.1:7070\n",
      ),
      errors,
    );
    const abroad = await check([
      { name: "site", address: "tls://example.com:443", check: "certificate" },
      { name: "app", address: "unix:/run/app.sock" },
    ]);
    assertEquals(abroad.code, 1);
    assertMatch(
      abroad.errors,
      /^Cannot connect to .*: run again with --allow-net=example.com:443,unix:\/run\/app.sock --allow-read=\/run\/app.sock --allow-write=\/run\/app.sock\n$/,
    );
  },
);

Deno.test("watch --help explains every flag", { timeout }, async () => {
  const { code, output } = await runExample("monitor/watch", "--help");
  assertEquals(code, 0);
  for (const flag of ["config", "once", "history", "web", "probe", "help"]) {
    assertMatch(output, new RegExp(`^  --${flag} `, "m"));
  }
});
