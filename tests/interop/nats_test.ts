import {
  assert,
  assertEquals,
  assertGreater,
  assertLess,
  assertRejects,
} from "@std/assert";
import {
  connect,
  type ConnectionOptions,
} from "npm:@nats-io/transport-node@3.4.0";
import { lines } from "@sluice/net";
import { BrokenError, Hub, LimitError, natsEngine } from "@sluice/net/hub";
import { checkEngine } from "@sluice/net/testing";
import { DenoProgram } from "../_support/deno_program.ts";
import { NatsServer } from "../_support/nats_server.ts";
import { lacksPrograms } from "../_support/programs.ts";
import { reader } from "../hub/_support.ts";

const NATS = { ignore: lacksPrograms("nats-server"), timeout: 120_000 };

/** A connection that comes back at once, whenever the server does. */
async function open(
  { port }: NatsServer,
  options: ConnectionOptions = {},
) {
  const connection = await connect({
    servers: `127.0.0.1:${port}`,
    maxReconnectAttempts: -1,
    reconnectTimeWait: 20,
    reconnectJitter: 0,
    ...options,
  });
  return {
    connection,
    [Symbol.asyncDispose]: () => connection.close(),
  };
}

/**
 * The memory that this test file holds. Not that of the process, as other files of tests run
 * in it at the same time.
 */
function heldBytes(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

type Opened = Awaited<ReturnType<typeof open>>;

/** Settles when the server has answered. */
async function untilBack({ connection }: Opened): Promise<void> {
  for (;;) {
    try {
      await connection.flush();
      // The engine has been told, too.
      return await new Promise((resolve) => setTimeout(resolve, 10));
    } catch {
      // It connects again.
    }
  }
}

Deno.test(
  "natsEngine() passes checkEngine, with the server killed and started again",
  NATS,
  async () => {
    await using server = await NatsServer.start();
    const participants = new Set<Opened>();
    await checkEngine(async () => {
      const opened = await open(server);
      participants.add(opened);
      return {
        engine: natsEngine(opened.connection),
        async close() {
          participants.delete(opened);
          await opened.connection.close();
        },
      };
    }, {
      interrupt: async () => {
        await server.kill();
        await server.start();
        await Promise.all([...participants].map(untilBack));
      },
      timeoutMs: 60_000,
    });
  },
);

Deno.test(
  "natsEngine() refuses to publish while the connection is down, and holds nothing",
  NATS,
  async () => {
    await using server = await NatsServer.start();
    await using opened = await open(server);
    const engine = natsEngine(opened.connection);
    const data = new Uint8Array(100_000);
    await engine.publish("room", data);
    await server.kill();
    let refused: unknown;
    while (refused === undefined) {
      await engine.publish("room", data).catch((error) => refused = error);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    const before = heldBytes();
    const error = await assertRejects(
      () => engine.publish("room", data),
      BrokenError,
      "Cannot publish a frame: the connection to NATS is down",
    );
    assertEquals(error.reason, "other");
    for (let i = 0; i < 5_000; i++) {
      engine.publish("room", data).catch(() => {});
    }
    assertLess(heldBytes() - before, 100 * 1024 * 1024);
    await server.start();
    await untilBack(opened);
    await engine.publish("room", data);
    await opened.connection.close();
    await assertRejects(
      () => engine.publish("room", data),
      BrokenError,
      "is closed",
    );
  },
);

Deno.test(
  "natsEngine() bounds what the server has not confirmed",
  NATS,
  async () => {
    await using server = await NatsServer.start();
    await using opened = await open(server);
    const engine = natsEngine(opened.connection, {
      maxPendingBytes: 1_000_000,
    });
    const data = new Uint8Array(100_000);
    const results = await Promise.allSettled(
      Array.from({ length: 100 }, () => engine.publish("room", data)),
    );
    const refused = results.filter(({ status }) => status === "rejected");
    assertEquals(refused.length, 90);
    assert(refused[0].status === "rejected");
    assert(refused[0].reason instanceof LimitError);
    assertEquals(refused[0].reason.option, "maxPendingBytes");
    for (let i = 0; i < 100; i++) await engine.publish("room", data);
  },
);

Deno.test(
  "a subscription that NATS refuses is a gap, and the topic's members stay",
  NATS,
  async () => {
    await using server = await NatsServer.start(
      `authorization: { users: [{ user: a, password: a,
      permissions: { publish: ">", subscribe: { deny: "sluice.secret" } } }] }`,
    );
    await using opened = await open(server, { user: "a", pass: "a" });
    const gap = Promise.withResolvers<{ topic: string; reason: string }>();
    const hub = new Hub(lines(), {
      engine: natsEngine(opened.connection),
      onGap: gap.resolve,
    });
    using ann = reader();
    hub.join("secret", ann.connection);
    const { topic, reason } = await gap.promise;
    assertEquals([topic, reason], ["secret", "ended"]);
    await hub.publish("secret", "among us");
    assertEquals(await ann.read(1), ["among us"]);
  },
);

/**
 * Another process: a hub with one member, which reads all and adds up what it gets. A line
 * "report" makes it print what it has seen so far.
 */
function otherProcess(port: number): string {
  return `
    import { connect } from "npm:@nats-io/transport-node@3.4.0";
    import { framed, lines } from "@sluice/net";
    import { Hub, natsEngine } from "@sluice/net/hub";
    import { memoryPair } from "@sluice/net/testing";

    const connection = await connect({
      servers: "127.0.0.1:${port}",
      maxReconnectAttempts: -1,
      reconnectTimeWait: 20,
      reconnectJitter: 0,
    });
    const gaps = {};
    const hub = new Hub(lines(), {
      engine: natsEngine(connection),
      onGap: ({ reason }) => gaps[reason] = (gaps[reason] ?? 0) + 1,
    });
    const [client, server] = memoryPair();
    await hub.join("numbers", framed(server, lines())).ready();
    console.log("ready");
    const base = Deno.memoryUsage().rss;
    let most = 0;
    let count = 0;
    let last = -1;
    let disorder = 0;
    for await (const line of framed(client, lines())) {
      const [number, question] = line.split(" ");
      most = Math.max(most, Deno.memoryUsage().rss - base);
      if (number === "report") {
        const { lost, received, dropped } = hub.stats;
        const growth = most / 2 ** 20;
        console.log(JSON.stringify(
          { question, count, last, disorder, lost, received, dropped, gaps, growth },
        ));
        continue;
      }
      if (!(Number(number) > last)) disorder++;
      last = Number(number);
      count++;
    }
  `;
}

interface Report {
  readonly question: string;
  readonly count: number;
  readonly last: number;
  readonly disorder: number;
  readonly lost: number;
  readonly received: number;
  readonly dropped: number;
  readonly gaps: Record<string, number>;
  readonly growth: number;
}

let questions = 0;

/** Asks for a report until the other process gets the question. */
async function report(
  hub: Hub<string>,
  other: DenoProgram,
): Promise<Report & { readonly asked: number }> {
  let asked = 0;
  const question = `${++questions}`;
  const printed = nextReport(other, question);
  let done = false;
  printed.finally(() => done = true);
  while (!done) {
    asked += await hub.publish("numbers", `report ${question}`)
      .then(() => 1, () => 1);
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  return { ...await printed, asked };
}

/** The answer to a question: answers to the one before may still come. */
async function nextReport(
  other: DenoProgram,
  question: string,
): Promise<Report> {
  while (true) {
    const report: Report = JSON.parse(await other.nextLine());
    if (report.question === question) return report;
  }
}

Deno.test(
  "two processes over NATS: in order, and every loss is known when the server is killed",
  NATS,
  async () => {
    await using server = await NatsServer.start();
    await using opened = await open(server);
    const hub = new Hub(lines(), { engine: natsEngine(opened.connection) });
    await using other = await DenoProgram.start(otherProcess(server.port));
    assertEquals(await other.nextLine(), "ready");
    let number = 0;
    let refused = 0;
    const publish = async (count: number) => {
      for (let i = 0; i < count; i++) {
        await hub.publish("numbers", `${number++}`).catch(() => refused++);
      }
    };
    await publish(5_000);
    const first = await report(hub, other);
    const { count, last, disorder, lost, gaps } = first;
    assertEquals(
      { count, last, disorder, lost, gaps },
      { count: 5_000, last: 4_999, disorder: 0, lost: 0, gaps: {} },
    );
    const killing = server.kill();
    while (refused === 0) {
      await publish(1);
      await new Promise((resolve) => setTimeout(resolve, 1));
    }
    await killing;
    await publish(100);
    await server.start();
    await untilBack(opened);
    // The other process may need a moment more: a report that arrives says that it is back.
    await report(hub, other);
    await publish(5_000);
    const second = await report(hub, other);
    assertEquals(second.disorder, 0);
    assertEquals(second.last, number - 1);
    assertEquals(second.gaps.reconnected, 1);
    assertGreater(second.lost, 100);
    // Nothing is lost without being counted; reports are frames as well.
    const { published } = hub.stats;
    assertEquals(second.received + second.lost >= number, true);
    assertEquals(second.received + second.lost <= published, true);
    assertEquals(second.dropped, 0);
  },
);

Deno.test(
  "a process too slow for NATS is cut: the gap is reported, and memory stays flat",
  NATS,
  async () => {
    await using server = await NatsServer.start(
      'max_pending: 1MB\nwrite_deadline: "1s"',
    );
    await using opened = await open(server);
    const hub = new Hub(lines(), { engine: natsEngine(opened.connection) });
    await using other = await DenoProgram.start(otherProcess(server.port));
    assertEquals(await other.nextLine(), "ready");
    const before = heldBytes();
    other.signal("SIGSTOP");
    const filler = "x".repeat(50_000);
    for (let i = 0; i < 2_000; i++) {
      await hub.publish(
        "numbers",
        `${i} ${filler}`,
      );
    }
    other.signal("SIGCONT");
    const { lost, received, disorder, gaps, growth, asked } = await report(
      hub,
      other,
    );
    assertEquals(disorder, 0);
    assertGreater(lost, 0);
    assertGreater((gaps.reconnected ?? 0) + (gaps.slow ?? 0), 0);
    // All 100 MB of them, but for the reports that came before it was back.
    assertGreater(received + lost, 2_000);
    assert(received + lost <= 2_000 + asked);
    assertLess(growth, 60);
    assertLess((heldBytes() - before) / 2 ** 20, 100);
  },
);
