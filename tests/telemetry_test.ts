import { connect, framed, lines, serve, type ServerEvent } from "@sluice/net";
import { Pool } from "@sluice/net/client";
import { supervise } from "@sluice/net/workers";
import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { observe } from "../lib/telemetry.ts";
import { DenoProgram } from "./_support/deno_program.ts";
import { FailedHooks } from "./_support/failed_hooks.ts";
import { brokenTelemetry, FakeTelemetry } from "./_support/fake_telemetry.ts";

const TIMEOUT_MS = 30_000;

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, timeout: TIMEOUT_MS, fn });
}

const echo = async (socket: Parameters<Parameters<typeof serve>[1]>[0]) => {
  const connection = framed(socket, lines());
  for await (const line of connection) await connection.send(line);
};

test("telemetry of serve counts connections, bytes and rejections", async () => {
  using telemetry = new FakeTelemetry();
  const ended = Promise.withResolvers<void>();
  const server = serve(
    {
      port: 0,
      telemetry: true,
      maxConnections: 1,
      onLimit: "reject",
      onEvent: (event) => {
        if (event.type === "closed") ended.resolve();
      },
    },
    echo,
  );
  const client = await connect(server.addr);
  await client.write("hello\n");
  assertEquals(await client.readLine(), "hello");
  const second = await connect(server.addr);
  await second.read().catch(() => {});
  second.abort();

  const distinct = ["network.io.direction", "reason"];
  const open = telemetry.collect(...distinct);
  assertEquals(open["sluice.server.active_connections"], 1);
  assertEquals(open["sluice.server.accepted"], 1);
  assertEquals(open["sluice.server.rejected max-connections"], 1);
  assertEquals(open["sluice.server.io receive"], 6);
  assertEquals(open["sluice.server.io transmit"], 6);

  await client.close();
  await ended.promise;
  await server.shutdown();
  const after = telemetry.collect(...distinct);
  assertEquals(after["sluice.server.active_connections"], 0);
  assertEquals(after["sluice.server.accepted"], 1);
  assertEquals(after["sluice.server.io receive"], 6);

  const [{ name, value, attributes }] = telemetry.records;
  assertEquals(name, "sluice.server.connection.duration");
  assert(value >= 0 && value < TIMEOUT_MS / 1000);
  assertEquals(attributes, {
    "network.transport": "tcp",
    "server.address": "127.0.0.1",
    "server.port": server.addr.port,
  });
});

test("telemetry of serve adds up servers that ended and the next ones", async () => {
  using telemetry = new FakeTelemetry();
  for (let i = 0; i < 3; i++) {
    await using server = serve({ port: 0, telemetry: true }, echo);
    await using client = await connect(server.addr);
    await client.write("x\n");
    assertEquals(await client.readLine(), "x");
  }
  const values = telemetry.collect();
  assertEquals(values["sluice.server.accepted"], 3);
  assertEquals(values["sluice.server.active_connections"], 0);
});

test("telemetry of serve makes one span a connection, and runs its handler within", async () => {
  using telemetry = new FakeTelemetry();
  const within: unknown[] = [];
  const ended = Promise.withResolvers<void>();
  let closed = 0;
  const onEvent = (event: ServerEvent) => {
    if (event.type === "closed" && ++closed === 2) ended.resolve();
  };
  await using server = serve(
    { port: 0, telemetry: true, onEvent, onError: () => {} },
    async (socket, { id }) => {
      within.push(telemetry.current);
      const line = await socket.readLine();
      if (line === "fail") throw new RangeError("out of range");
      await socket.write(`${id}\n`);
    },
  );
  await using good = await connect(server.addr);
  await good.write("hello\n");
  assertEquals(await good.readLine(), "1");
  await using bad = await connect(server.addr);
  await bad.write("fail\n");
  await bad.read().catch(() => {});
  bad.abort();
  await good.close();
  await ended.promise;

  const [first, second] = telemetry.spans;
  assertEquals(telemetry.spans.length, 2);
  assertEquals(within.map((span) => (span as { span: unknown }).span), [
    first,
    second,
  ]);
  assertEquals(first.name, "sluice.server.connection");
  assertEquals(first.kind, 1);
  assertEquals(first.attributes["sluice.connection.bytes_read"], 6);
  assertEquals(first.attributes["sluice.connection.bytes_written"], 2);
  assertEquals([first.ended, first.failure], [true, undefined]);
  assertEquals([second.ended, second.failure], [true, "out of range"]);
  assertEquals(second.attributes["error.type"], "RangeError");
  const failed = telemetry.records.filter(({ attributes }) =>
    attributes["error.type"] === "RangeError"
  );
  assertEquals(failed.length, 1);
});

test("telemetry of connect follows a connection, and one that fails", async () => {
  using telemetry = new FakeTelemetry();
  const server = serve({ port: 0 }, echo);
  const client = await connect({ ...server.addr, telemetry: true });
  await client.write("hello\n");
  assertEquals(await client.readLine(), "hello");
  const open = telemetry.collect("network.io.direction");
  assertEquals(open["sluice.client.active_connections"], 1);
  assertEquals(open["sluice.client.io receive"], 6);
  await client.close();
  await server.shutdown();
  await assertRejects(() => connect({ ...server.addr, telemetry: true }));
  // What is told of the end comes right behind it.
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(
    telemetry.collect()["sluice.client.active_connections"],
    0,
  );
  const [good, bad] = telemetry.spans;
  assertEquals([good.kind, good.ended, good.failure], [2, true, undefined]);
  assertEquals([bad.ended, bad.attributes["error.type"]], [true, "broken"]);
  assertMatch(bad.failure!, /connection refused/);
  const names = telemetry.records.map(({ name, attributes }) =>
    `${name} ${attributes["error.type"] ?? ""}`
  );
  assertEquals(names.toSorted(), [
    "sluice.client.connect.duration ",
    "sluice.client.connect.duration broken",
    "sluice.client.connection.duration ",
  ]);
});

test("telemetry of Pool has OpenTelemetry's names for pools", async () => {
  using telemetry = new FakeTelemetry();
  {
    await using pool = new Pool({
      open: () => ({}),
      max: 2,
      telemetry: "numbers",
    });
    const lease = await pool.acquire();
    const other = await pool.acquire();
    const late = await pool.acquire({ timeoutMs: 1 }).catch(() => "too late");
    assertEquals(late, "too late");
    other.release();
    const states = telemetry.collect("db.client.connection.state");
    assertEquals(states["db.client.connection.count idle"], 1);
    assertEquals(states["db.client.connection.count used"], 1);
    assertEquals(states["db.client.connection.max"], 2);
    assertEquals(states["db.client.connection.pending_requests"], 0);
    assertEquals(states["db.client.connection.timeouts"], 1);
    lease.release();
  }
  const values = telemetry.collect();
  assertEquals(values["db.client.connection.count"], 0);
  assertEquals(values["db.client.connection.timeouts"], 1);
  const counts: Record<string, number> = {};
  for (const { name, attributes } of telemetry.records) {
    counts[name] = (counts[name] ?? 0) + 1;
    assertEquals(attributes["db.client.connection.pool.name"], "numbers");
  }
  assertEquals(counts, {
    "db.client.connection.create_time": 2,
    "db.client.connection.wait_time": 2,
    "db.client.connection.use_time": 2,
  });
});

test("telemetry of supervise counts workers and how they ended", async () => {
  using telemetry = new FakeTelemetry();
  const module = new URL("workers/fixtures/echo.ts", import.meta.url);
  {
    await using group = await supervise({
      module,
      workers: 1,
      port: 0,
      permissions: ["--allow-net=127.0.0.1"],
      telemetry: true,
    });
    assertEquals(group.workers.length, 1);
    assertEquals(
      telemetry.collect("state")["sluice.workers.count ready"],
      1,
    );
  }
  const values = telemetry.collect("state", "reason");
  assertEquals(values["sluice.workers.count ready"], 0);
  assertEquals(values["sluice.workers.ended drained"], 1);
  assertEquals(telemetry.records.map(({ name }) => name), [
    "sluice.workers.start.duration",
  ]);
});

test("telemetry that is broken, or not there, breaks nothing", async () => {
  const talk = async () => {
    await using server = serve({ port: 0, telemetry: true }, echo);
    await using client = await connect({ ...server.addr, telemetry: true });
    await using pool = new Pool({ open: () => ({}), telemetry: true });
    await pool.use(() => {});
    await client.write("x\n");
    assertEquals(await client.readLine(), "x");
  };
  await talk();
  using broken = brokenTelemetry();
  assert(broken);
  using hooks = new FailedHooks();
  await talk();
  const { errors } = hooks;
  assert(errors.length > 0);
  for (const error of errors) assertMatch(String(error), /the SDK is broken/);
});

test("an SDK that gives nothing, or runs nothing, breaks nothing", async () => {
  const key = Symbol.for("opentelemetry.js.api.1");
  const global = globalThis as { [key]?: unknown };
  const before = global[key];
  const nothing = () => null;
  const context = {
    active: () => ({ setValue: () => ({}) }),
    with: (_: unknown, task: () => unknown): unknown => task(),
  };
  const trace = {
    getTracer: () => ({
      startSpan: () => ({ setAttributes() {}, setStatus() {}, end() {} }),
    }),
  };
  const fail = () => {
    throw new Error("the SDK is broken");
  };
  const sdks: unknown[] = [
    { metrics: { getMeter: nothing }, trace: { getTracer: nothing } },
    { trace: { getTracer: () => ({ startSpan: nothing }) }, context },
    { metrics: null, trace: null, context: null },
    Object.defineProperties({}, {
      metrics: { get: fail },
      trace: { get: fail },
    }),
    { trace, context: { ...context, with: fail } },
    { trace, context: { ...context, with: nothing } },
    {
      trace,
      context: {
        ...context,
        with: (_: unknown, task: () => unknown) => {
          task();
          task();
          fail();
        },
      },
    },
  ];
  using _hooks = new FailedHooks();
  try {
    for (const sdk of sdks) {
      global[key] = sdk;
      let calls = 0;
      await using server = serve({ port: 0, telemetry: true }, (socket) => {
        calls++;
        return echo(socket);
      });
      await using client = await connect({ ...server.addr, telemetry: true });
      await client.write("x\n");
      assertEquals(await client.readLine(), "x");
      assertEquals(calls, 1);
    }
  } finally {
    global[key] = before;
  }
});

test("telemetry survives errors that throw when they are looked at", async () => {
  using telemetry = new FakeTelemetry();
  const ended = Promise.withResolvers<void>();
  await using server = serve({
    port: 0,
    telemetry: true,
    onError: () => ended.resolve(),
  }, () => {
    throw Object.create(null);
  });
  await using client = await connect(server.addr);
  await client.read().catch(() => null);
  await ended.promise;
  assertEquals(telemetry.spans[0].failure, "an object");
});

test("telemetry keeps a bounded number of series", () => {
  using telemetry = new FakeTelemetry();
  const table = {
    things: { kind: "counter", unit: "1", description: "" },
  } as const;
  for (let i = 0; i < 3_000; i++) {
    observe(table, { i }, (tell) => tell("things", 1))();
  }
  const series = telemetry.collect("i", "otel.metric.overflow");
  assertEquals(Object.keys(series).length, 1_001);
  assertEquals(series["things true"], 2_000);
  return Promise.resolve();
});

test("telemetry is a boolean, of a pool also a name", () => {
  const telemetry = "yes" as unknown as boolean;
  assertThrows(
    () => serve({ port: 0, telemetry }, echo),
    TypeError,
    'Cannot serve: telemetry must be a boolean, got "yes"',
  );
  assertThrows(
    () => new Pool({ open: () => ({}), telemetry: "" }),
    TypeError,
    "Cannot make a pool: telemetry must be a string that is not empty",
  );
  return assertRejects(
    () => connect({ port: 1, telemetry }),
    TypeError,
    "telemetry must be a boolean",
  ).then(() => {});
});

/** A server, a client and a pool, which say when they have ended. */
const PROGRAM = `
import { connect, framed, lines, serve } from "@sluice/net";
import { Pool } from "@sluice/net/client";

const { trace } = globalThis[Symbol.for("opentelemetry.js.api.1")];
const server = serve({ port: 0, telemetry: true }, async (socket) => {
  const connection = framed(socket, lines());
  for await (const line of connection) {
    trace.getTracer("program").startSpan("answer").end();
    await connection.send(line);
  }
});
const pool = new Pool({
  open: (options) => connect({ ...server.addr, ...options, telemetry: true }),
  telemetry: "echo",
});
await pool.use(async (socket) => {
  await socket.write("hello\\n");
  await socket.readLine();
});
const told = Promise.withResolvers();
Deno.addSignalListener("SIGTERM", told.resolve);
console.log("ready");
// Until what is open was exported.
await told.promise;
await pool.close();
await server.shutdown();
Deno.exit();
`;

interface Exported {
  metrics: Map<string, unknown[]>;
  spans: {
    name: string;
    traceId: string;
    parentSpanId: string;
    kind: number;
  }[];
}

test("Deno exports what telemetry tells", async () => {
  const exported: Exported = { metrics: new Map(), spans: [] };
  const seen = Promise.withResolvers<void>();
  await using collector = Deno.serve(
    { port: 0, hostname: "127.0.0.1", onListen: () => {} },
    async (request) => {
      take(exported, new URL(request.url).pathname, await request.json());
      const { metrics } = exported;
      if (
        metrics.has("sluice.server.active_connections") &&
        metrics.has("sluice.client.io") &&
        metrics.has("db.client.connection.count")
      ) seen.resolve();
      return new Response();
    },
  );
  await using program = await DenoProgram.start(PROGRAM, {
    env: {
      OTEL_DENO: "true",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${collector.addr.port}`,
      OTEL_METRIC_EXPORT_INTERVAL: "100",
    },
  });
  await program.nextLine();
  await seen.promise;
  program.signal("SIGTERM");
  assertEquals(await program.exitCode(), 0);

  const { metrics, spans } = exported;
  for (
    const name of [
      "sluice.server.accepted",
      "sluice.server.io",
      "sluice.server.connection.duration",
      "sluice.client.connect.duration",
      "db.client.connection.wait_time",
    ]
  ) assert(metrics.has(name), `${name} was not exported`);
  const find = (name: string) => spans.filter((span) => span.name === name);
  const [served] = find("sluice.server.connection");
  const [connected] = find("sluice.client.connection");
  const [answer] = find("answer");
  assertEquals([served.kind, connected.kind], [2, 3]);
  assertEquals(answer.traceId, served.traceId);
  assertEquals(spans.filter(({ name }) => name.startsWith("sluice")).length, 2);
});

/** Takes what Deno's exporter sends, as OTLP has it in JSON. */
// deno-lint-ignore no-explicit-any -- it is what it is, or the test fails
function take({ metrics, spans }: Exported, path: string, body: any): void {
  if (path === "/v1/traces") {
    for (const { scopeSpans } of body.resourceSpans) {
      // deno-lint-ignore no-explicit-any -- as above
      for (const each of scopeSpans as any[]) spans.push(...each.spans);
    }
  }
  if (path === "/v1/metrics") {
    for (const { scopeMetrics } of body.resourceMetrics) {
      for (const scope of scopeMetrics) {
        for (const metric of scope.metrics) {
          const { dataPoints } = metric.sum ?? metric.histogram ?? {};
          if (dataPoints?.length > 0) metrics.set(metric.name, dataPoints);
        }
      }
    }
  }
}

Deno.test("docs/telemetry.md names all instruments, and no others", async () => {
  const files = [
    "server/_server_telemetry.ts",
    "socket/_client_telemetry.ts",
    "client/_pool_telemetry.ts",
    "workers/_group_telemetry.ts",
  ];
  const named = /"((?:sluice|db)\.[a-z._]+)"(?=: \{|,)/g;
  const inCode = new Set<string>();
  for (const file of files) {
    const path = new URL(`../lib/${file}`, import.meta.url);
    const text = await Deno.readTextFile(path);
    for (const [, name] of text.matchAll(named)) inCode.add(name);
    for (const [, name] of text.matchAll(/waitHistogram\("(\w+)"/g)) {
      inCode.add(`db.client.connection.${name}`);
    }
  }
  // Spans stand in the text.
  for (const who of ["server", "client"]) {
    inCode.delete(`sluice.${who}.connection`);
  }
  const guide = new URL("../docs/telemetry.md", import.meta.url);
  const inDocs = (await Deno.readTextFile(guide)).matchAll(/^\| `([^`]+)`/gm);
  assertEquals(
    Array.from(inDocs, ([, name]) => name).toSorted(),
    [...inCode].toSorted(),
  );
});
