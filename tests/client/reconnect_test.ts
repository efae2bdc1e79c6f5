import {
  assert,
  assertEquals,
  assertIsError,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { seededRandom } from "../../lib/_random.ts";
import { reconnect } from "../../lib/client/reconnect.ts";
import type {
  ReconnectEvent,
  SessionContext,
} from "../../lib/client/reconnect_options.ts";
import { lines } from "../../lib/codec/lines.ts";
import {
  AbortError,
  BrokenError,
  ClosedError,
  CodecError,
  MalformedFrameError,
  PermissionError,
  SocketError,
  TimeoutError,
  TlsError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { serve } from "../../lib/server/serve.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { fakeClock } from "../../lib/testing/fake_clock.ts";
import { memoryNetwork } from "../../lib/testing/memory_network.ts";
import { Deadline } from "../../lib/time/deadline.ts";
import { retryBudget } from "../../lib/time/retry_budget.ts";
import { sleep } from "../../lib/time/sleep.ts";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { isSettled, outcome, TIMEOUT, turn } from "../_support/sockets.ts";

/** Something to be connected to. */
class Connection implements Disposable, AsyncDisposable {
  ending: "closed" | "cut" | undefined;

  [Symbol.dispose](): void {
    this.ending ??= "cut";
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.ending ??= "closed";
    return Promise.resolve();
  }
}

/** Waits until the session shall end. */
function untilAborted(_connection: unknown, { signal }: SessionContext) {
  return new Promise<never>((_, reject) => {
    const onAbort = () => reject(signal.reason);
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  });
}

const LOST = () => new BrokenError("reset", "Cannot read: connection reset");
const open = () => new Connection();

Deno.test(
  "reconnect() connects, runs the session and ends with what it returns",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.write(`hello ${await socket.readLine()}\n`);
      await socket.readLine();
    });
    const { port } = server.addr;
    await using link = reconnect({ port }, async (socket: Socket, context) => {
      assertEquals([context.attempt, context.session], [1, 1]);
      await socket.write("world\n");
      return await socket.readLine();
    });
    assertEquals(link.state, "connecting");
    assertEquals(await link.ended, { endedBy: "return", value: "hello world" });
    assertEquals(link.state, "ended");
  },
);

Deno.test(
  "reconnect() runs the session again after each loss",
  TIMEOUT,
  async () => {
    using clock = fakeClock();
    using network = memoryNetwork();
    let clients = 0;
    const server = network.serve({ name: "db" }, async (socket) => {
      const id = ++clients;
      await socket.write(`${id}\n`);
      // Ended in good order, then broken, then it stays.
      if (id === 2) {
        await sleep(10);
        socket.abort();
      }
      if (id === 3) await socket.readLine();
    });
    const seen: (string | null)[] = [];
    const events: ReconnectEvent[] = [];
    const link = reconnect({
      open: (options) => network.connect({ name: "db", ...options }),
      onEvent: (event) => events.push(event),
      retry: { minDelayMs: 100, jitter: 0 },
    }, async (socket) => {
      for await (const line of framed(socket, lines())) seen.push(line);
    });
    await clock.advance(1_000);
    assertEquals(seen, ["1", "2", "3"]);
    assertEquals(link.state, "connected");
    const closing = link.close();
    await clock.advance(10);
    await closing;
    assertEquals(await link.ended, { endedBy: "close" });
    assertEquals(events.map(({ type }) => type), [
      ...["connecting", "connected", "lost", "waiting"],
      ...["connecting", "connected", "lost", "waiting"],
      ...["connecting", "connected", "ended"],
    ]);
    const [, , lost, waiting] = events;
    assert(lost.type === "lost" && lost.error instanceof BrokenError);
    assertEquals(lost.error.reason, "ended");
    assert(waiting.type === "waiting");
    assertEquals([waiting.attempt, waiting.delayMs], [2, 100]);
    await server.shutdown({ timeoutMs: 10 });
    assertEquals(network.connections, 0);
  },
);

Deno.test("reconnect() goes on without end where nothing listens, with growing pauses", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const at: number[] = [];
  const start = performance.now();
  const link = reconnect({
    open: (options) => network.connect({ name: "db", ...options }),
    retry: { minDelayMs: 100, maxDelayMs: 1_000, jitter: 0 },
  }, untilAborted);
  link.onEvent = ({ type }) => {
    if (type === "connecting") at.push(performance.now() - start);
  };
  await clock.advance(5_000);
  assertEquals(at, [0, 100, 300, 700, 1_500, 2_500, 3_500, 4_500]);
  assertEquals(link.state, "waiting");
  network.listen({ name: "db" });
  await clock.advance(1_000);
  assertEquals(link.state, "connected");
  link[Symbol.dispose]();
  assertEquals(link.state, "ended");
  await turn();
  assertEquals(clock.pending, 0);
});

Deno.test("reconnect() begins with short pauses again after a session that was stable", async () => {
  using clock = fakeClock();
  const lives = [0, 0, 999, 1_000, 0];
  const delays: number[] = [];
  const attempts: number[] = [];
  const link = reconnect({
    open,
    stableMs: 1_000,
    retry: { minDelayMs: 10, jitter: 0 },
    onEvent: (event) => {
      if (event.type === "waiting") delays.push(event.delayMs);
    },
  }, async (_connection, { attempt }) => {
    attempts.push(attempt);
    const lifeMs = lives.shift();
    if (lifeMs === undefined) return;
    await sleep(lifeMs);
    throw LOST();
  });
  await clock.advance(5_000);
  assertEquals(attempts, [1, 2, 3, 4, 1, 2]);
  assertEquals(delays, [10, 20, 40, 10, 10]);
  assertEquals(await link.ended, { endedBy: "return", value: undefined });
});

Deno.test("reconnect() jitters its pauses", async () => {
  using clock = fakeClock();
  const delays = new Set<number>();
  const link = reconnect({
    open: () => Promise.reject(LOST()),
    retry: { minDelayMs: 100, maxDelayMs: 100 },
    onEvent: (event) => {
      if (event.type !== "waiting") return;
      delays.add(event.delayMs);
      assert(event.delayMs >= 50 && event.delayMs <= 100);
    },
  }, untilAborted);
  await clock.advance(1_000);
  assert(delays.size >= 8, `${delays.size} different pauses`);
  await link.close();
});

Deno.test("reconnect() ends with an ordinary error of the session, and cuts its connection", async () => {
  const error = new Error("wrong password");
  const connection = new Connection();
  const link = reconnect({ open: () => connection }, () => {
    throw error;
  });
  const ended = await link.ended;
  assertEquals(ended.endedBy, "error");
  assertStrictEquals("error" in ended ? ended.error : undefined, error);
  assertEquals(connection.ending, "cut");
  assertStrictEquals(await outcome(link.connected()), error);
});

/** An error as Node and its drivers make them. */
function withCode(code: string): Error {
  return Object.assign(new Error(`connect ${code}`), { code });
}

/** What a session throws, and whether it runs again. */
const ERRORS: [string, Error, boolean][] = [
  ["BrokenError", LOST(), true],
  ["TimeoutError", new TimeoutError("read", 5), true],
  ["UnexpectedEofError", new UnexpectedEofError(1, 2, "half"), true],
  ["MalformedFrameError", new MalformedFrameError("garbage"), true],
  ["AbortSignal.timeout()", new DOMException("slow", "TimeoutError"), true],
  ["an aborted request", new AbortError("gave up", { cause: LOST() }), true],
  ["Deno's reset", new Deno.errors.ConnectionReset("reset"), true],
  ["Deno's refusal", new Deno.errors.ConnectionRefused("refused"), true],
  ["Node's refusal", withCode("ECONNREFUSED"), true],
  ["Node's lost name", withCode("ENOTFOUND"), true],
  ["a missing file", new Deno.errors.NotFound("no such file"), false],
  ["an address in use", withCode("EADDRINUSE"), false],
  ["a driver's own code", withCode("28P01"), false],
  ["a wrapped loss", new Error("no login", { cause: LOST() }), true],
  ["TLS cut off", new TlsError("truncated", "cut"), true],
  ["TLS ended in it", new TlsError("closed-in-handshake", "cut"), true],
  ["an untrusted certificate", new TlsError("unknown-issuer", "no"), false],
  ["an expired certificate", new TlsError("expired", "no"), false],
  ["PermissionError", new PermissionError(["--allow-net"], "no"), false],
  ["TypeError", new TypeError("no"), false],
  ["RangeError", new RangeError("no"), false],
  ["CodecError", new CodecError("no"), false],
  ["a request that was called off", new AbortError("x", { cause: 5 }), false],
  ["another's ClosedError", new ClosedError("the pool was closed"), false],
  ["a wrapped TypeError", new Error("x", { cause: new TypeError() }), false],
  ["Error", new Error("no"), false],
  ["AbortError", new DOMException("no", "AbortError"), false],
];

for (const [name, error, isLoss] of ERRORS) {
  Deno.test(`reconnect() ${isLoss ? "goes on after" : "ends with"} ${name}, of open and of the session`, async () => {
    for (const where of ["open", "session"]) {
      using clock = fakeClock();
      let runs = 0;
      const fail = () => {
        runs++;
        if (runs === 1) throw error;
      };
      const link = reconnect({
        open: () => {
          if (where === "open") fail();
          return new Connection();
        },
      }, () => {
        if (where === "session") fail();
      });
      await clock.advance(1_000);
      const ended = await link.ended;
      assertEquals(ended.endedBy, isLoss ? "return" : "error");
      assertEquals(runs, isLoss ? 2 : 1);
      if (!isLoss) assertStrictEquals("error" in ended && ended.error, error);
    }
  });
}

Deno.test(
  "reconnect() takes a ClosedError of its own connection for a loss",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.readLine();
    });
    let runs = 0;
    await using link = reconnect({
      port: server.addr.port,
      retry: { minDelayMs: 1 },
    }, async (socket) => {
      if (++runs === 2) return runs;
      setTimeout(() => socket.abort(), 1);
      return await socket.readLine();
    });
    assertEquals(await link.ended, { endedBy: "return", value: 2 });
  },
);

Deno.test(
  "reconnect() lets a session that closes its socket itself end it",
  TIMEOUT,
  async () => {
    // It says goodbye, and ends its side as soon as the client has.
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.write("goodbye\n");
      await socket.readLine();
    });
    const { port } = server.addr;
    await using link = reconnect({ port }, async (socket) => {
      const line = await socket.readLine();
      await socket.close();
      return line;
    });
    assertEquals(await link.ended, { endedBy: "return", value: "goodbye" });
  },
);

Deno.test(
  "reconnect() tells a session that closed after the peer's end from one that lived",
  TIMEOUT,
  async () => {
    let clients = 0;
    await using server = serve({ port: 0 }, (socket) => {
      clients++;
      return socket.write("hello\n");
    });
    const { port } = server.addr;
    // As users write it: the framing closes the socket when its block is left.
    const session = async (socket: Socket) => {
      await using connection = framed(socket, lines());
      for await (const line of connection) assertEquals(line, "hello");
      return clients;
    };
    await using again = reconnect({
      port,
      retry: { minDelayMs: 1, attempts: 3 },
    }, session);
    const ended = await again.ended;
    assertEquals([ended.endedBy, clients], ["error", 3]);
    assertIsError(
      "error" in ended && ended.error,
      BrokenError,
      "the peer ended the stream",
    );

    await using once = reconnect({ port, endOnReturn: "always" }, session);
    assertEquals(await once.ended, { endedBy: "return", value: 4 });
  },
);

Deno.test("reconnect() asks retryIf about every error, where it is given", async () => {
  using clock = fakeClock();
  const asked: [unknown, number][] = [];
  const stop = new Error("stop");
  const errors = [new Error("one"), new TypeError("two"), stop];
  const link = reconnect({
    open,
    retry: {
      retryIf: (error, attempt) => {
        asked.push([error, attempt]);
        return Promise.resolve(error !== stop);
      },
    },
  }, () => Promise.reject(errors.shift()));
  await clock.advance(1_000);
  const ended = await link.ended;
  assertStrictEquals("error" in ended && ended.error, stop);
  assertEquals(asked.map(([, attempt]) => attempt), [1, 2, 3]);
});

Deno.test("reconnect() ends with what retryIf throws", async () => {
  const error = new Error("no idea");
  const link = reconnect({
    open: () => Promise.reject(LOST()),
    retry: {
      retryIf: () => {
        throw error;
      },
    },
  }, () => {});
  const ended = await link.ended;
  assertStrictEquals("error" in ended && ended.error, error);
});

Deno.test("reconnect() ends with the last error after its attempts", async () => {
  using clock = fakeClock();
  let opened = 0;
  const link = reconnect({
    open: () => {
      opened++;
      return Promise.reject(LOST());
    },
    retry: { attempts: 3 },
  }, untilAborted);
  const waiting = outcome(link.connected());
  await clock.advance(1_000);
  const ended = await link.ended;
  assertEquals([ended.endedBy, opened], ["error", 3]);
  assertIsError("error" in ended && ended.error, BrokenError);
  assertStrictEquals(await waiting, "error" in ended && ended.error);
  assertEquals(clock.pending, 0);
});

Deno.test("reconnect() limits each attempt, and ends what comes later", async () => {
  using clock = fakeClock();
  const late = new Connection();
  const opening = Promise.withResolvers<Connection>();
  const signals: AbortSignal[] = [];
  const events: ReconnectEvent[] = [];
  const link = reconnect({
    open: ({ signal }) => {
      signals.push(signal);
      return signals.length === 1 ? opening.promise : new Connection();
    },
    retry: { attemptTimeoutMs: 500, minDelayMs: 1 },
    onEvent: (event) => events.push(event),
  }, untilAborted);
  await clock.advance(499);
  assertEquals(signals.map(({ aborted }) => aborted), [false]);
  await clock.advance(10);
  assertEquals(signals.map(({ aborted }) => aborted), [true, false]);
  assertEquals(link.state, "connected");
  const [, failed] = events;
  assert(failed.type === "connect-failed");
  assertIsError(
    failed.error,
    TimeoutError,
    "Cannot connect within 500 ms: open did not end",
  );
  opening.resolve(late);
  await turn();
  assertEquals(late.ending, "cut");
  await link.close();
});

Deno.test("reconnect() takes retries from its budget, and waits where it has none", async () => {
  using clock = fakeClock();
  const budget = retryBudget({ ratio: 0, minPerSecond: 0.2 });
  let opened = 0;
  const reasons: string[] = [];
  const link = reconnect({
    open: () => {
      opened++;
      return Promise.reject(LOST());
    },
    retry: { budget, minDelayMs: 10, maxDelayMs: 10 },
    onEvent: (event) => {
      if (event.type === "waiting") reasons.push(event.reason);
    },
  }, untilAborted);
  await clock.advance(5_000);
  // Two retries in ten seconds: without a budget there would be some 600 attempts.
  assertEquals(opened, 3);
  await clock.advance(60_000);
  assert(opened >= 12 && opened <= 16, `${opened} attempts`);
  assert(reasons.includes("backoff") && reasons.includes("budget"));
  await link.close();
});

Deno.test("connected() waits for the session, and says what failed where it is not in time", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const link = reconnect({
    open: (options) => network.connect({ name: "db", ...options }),
    retry: { minDelayMs: 100, jitter: 0 },
  }, untilAborted);
  const short = outcome(link.connected({ timeoutMs: 50 }));
  const whole = outcome(link.connected({ deadline: Deadline.after(60) }));
  const controller = new AbortController();
  const cut = outcome(link.connected({ signal: controller.signal }));
  const patient = link.connected();
  await clock.advance(70);
  const error = await short;
  assertIsError(
    error,
    TimeoutError,
    "Cannot connect within 50 ms: the last attempt failed (Cannot connect to memory:db: connection refused",
  );
  assertIsError(error.cause, BrokenError, "refused");
  assertIsError(await whole, TimeoutError);
  const reason = new Error("not needed");
  controller.abort(reason);
  assertStrictEquals(await cut, reason);
  network.listen({ name: "db" });
  await clock.advance(1_000);
  const socket = await patient;
  assertStrictEquals(await link.connected(), socket);
  link[Symbol.dispose]();
  await assertRejects(() => link.connected(), ClosedError, "it was closed");
  assertEquals(clock.pending, 0);
});

Deno.test("connected() does not give a connection whose session is over", async () => {
  using clock = fakeClock();
  const opened: Connection[] = [];
  const ends: PromiseWithResolvers<void>[] = [];
  const judging = Promise.withResolvers<boolean>();
  const link = reconnect({
    open: () => {
      const connection = new Connection();
      opened.push(connection);
      return connection;
    },
    retry: { retryIf: () => judging.promise },
  }, () => {
    const end = Promise.withResolvers<void>();
    ends.push(end);
    return end.promise;
  });
  assertStrictEquals(await link.connected(), opened[0]);
  ends[0].reject(LOST());
  await turn();
  const next = link.connected();
  assertEquals(await isSettled(next), false);
  assertEquals(link.state, "waiting");
  judging.resolve(true);
  await clock.advance(200);
  assertStrictEquals(await next, opened[1]);
  link[Symbol.dispose]();
});

Deno.test("close() asks the session to end, and waits until it has", async () => {
  using clock = fakeClock();
  const connection = new Connection();
  const said: string[] = [];
  const link = reconnect({ open: () => connection }, async (_, { signal }) => {
    await untilAborted(_, { signal } as SessionContext).catch(() => {});
    await sleep(3_000);
    said.push("goodbye");
  });
  await link.connected();
  const closing = link.close();
  await clock.advance(2_999);
  assertEquals([said, link.state], [[], "closing"]);
  await clock.advance(1);
  await closing;
  assertEquals([said, connection.ending], [["goodbye"], "closed"]);
  assertEquals(await link.ended, { endedBy: "close" });
  await link.close();
});

Deno.test("close() cuts the connection at its limit, and the shortest counts", async () => {
  using clock = fakeClock();
  const connection = new Connection();
  const link = reconnect({ open: () => connection }, (_, { signal }) => {
    assertEquals(signal.aborted, false);
    return new Promise(() => {});
  });
  await link.connected();
  const first = link.close();
  const second = link.close({ timeoutMs: 100 });
  await clock.advance(99);
  assertEquals([connection.ending, link.state], [undefined, "closing"]);
  await clock.advance(1);
  await Promise.all([first, second]);
  assertEquals([connection.ending, link.state], ["cut", "ended"]);
  assertEquals(clock.pending, 0);
});

Deno.test("a session that ends after it was cut changes nothing any more", async () => {
  for (const how of ["resolve", "reject"] as const) {
    let ends = 0;
    const connection = {
      [Symbol.dispose]: () => void ends++,
      [Symbol.asyncDispose]: () => Promise.resolve(void ends++),
    };
    const events: string[] = [];
    const session = Promise.withResolvers<void>();
    const link = reconnect({
      open: () => connection,
      onEvent: ({ type }) => events.push(type),
    }, () => session.promise);
    await link.connected();
    link[Symbol.dispose]();
    await link.ended;
    if (how === "resolve") session.resolve();
    else session.reject(LOST());
    await turn();
    assertEquals([link.state, ends], ["ended", 1]);
    assertEquals(events, ["connecting", "connected", "ended"]);
  }
});

Deno.test("close() waits a second for a session that has not looked at its signal", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  network.serve({ name: "db" }, async (socket) => {
    await socket.readLine();
  });
  const link = reconnect({
    open: (options) => network.connect({ name: "db", ...options }),
  }, async (socket) => {
    for await (const chunk of socket) assert(chunk.length > 0);
  });
  await clock.advance(10);
  await link.connected();
  const closing = link.close();
  await clock.advance(999);
  assertEquals(link.state, "closing");
  await clock.advance(1);
  await closing;
  assertEquals(await link.ended, { endedBy: "close" });
});

Deno.test("close() ends at once what waits, connects, or reads frames", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const waiting = reconnect({
    open: (options) => network.connect({ name: "none", ...options }),
  }, () => {});
  const connecting = reconnect(
    { open: () => new Promise<never>(() => {}) },
    () => {},
  );
  network.serve({ name: "db" }, async (socket) => {
    await socket.readLine();
  });
  const reading = reconnect({
    open: (options) => network.connect({ name: "db", ...options }),
  }, async (socket) => {
    assertEquals(await framed(socket, lines()).receive(), null);
  });
  await clock.advance(10);
  assertEquals([waiting.state, connecting.state, reading.state], [
    "waiting",
    "connecting",
    "connected",
  ]);
  for (const link of [waiting, connecting, reading]) {
    const closing = link.close();
    await clock.advance(5);
    await closing;
    assertEquals(await link.ended, { endedBy: "close" });
  }
});

Deno.test("close() rejects with the reason of its signal, and cuts", async () => {
  const connection = new Connection();
  const link = reconnect(
    { open: () => connection },
    () => new Promise(() => {}),
  );
  await link.connected();
  const controller = new AbortController();
  const closing = outcome(link.close({ signal: controller.signal }));
  const reason = new Error("now");
  controller.abort(reason);
  assertStrictEquals(await closing, reason);
  assertEquals([connection.ending, link.state], ["cut", "ended"]);
});

Deno.test("a connection that arrives while it is closed is ended", async () => {
  const opening = Promise.withResolvers<Connection>();
  const link = reconnect({ open: () => opening.promise }, () => {});
  await turn();
  const closing = link.close();
  const late = new Connection();
  opening.resolve(late);
  await closing;
  await turn();
  assertEquals(late.ending, "cut");
});

Deno.test("a connection is ended in whichever turn it arrives beside the end of all", async () => {
  for (let turns = 0; turns < 12; turns++) {
    const opening = Promise.withResolvers<Connection>();
    const link = reconnect({ open: () => opening.promise }, untilAborted);
    await turn();
    const connection = new Connection();
    opening.resolve(connection);
    for (let i = 0; i < turns; i++) await undefined;
    link[Symbol.dispose]();
    await turn();
    assert(connection.ending !== undefined, `after ${turns} turns`);
  }
});

Deno.test("signal and deadline end all of it", async () => {
  using clock = fakeClock();
  const controller = new AbortController();
  const link = reconnect({ open, signal: controller.signal }, untilAborted);
  await link.connected();
  const reason = new Error("enough");
  controller.abort(reason);
  assertEquals(await link.ended, { endedBy: "signal", error: reason });
  const error = await assertRejects(() => link.connected(), ClosedError);
  assertStrictEquals(error.cause, reason);

  const whole = reconnect(
    { open, deadline: Deadline.after(1_000) },
    untilAborted,
  );
  await clock.advance(1_000);
  const ended = await whole.ended;
  assert(ended.endedBy === "signal");
  assertIsError(ended.error, TimeoutError);

  const never = reconnect({
    open: () => assert(false, "it was aborted before"),
    signal: AbortSignal.abort(reason),
  }, () => {});
  assertEquals(await never.ended, { endedBy: "signal", error: reason });
  assertEquals(clock.pending, 0);
});

Deno.test(
  "the session's signal aborts with why its connection was lost, and when it is over",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.readLine();
    });
    const signals: AbortSignal[] = [];
    await using link = reconnect({
      port: server.addr.port,
      idleMs: 20,
      retry: { minDelayMs: 1 },
    }, async (_socket, { signal }) => {
      signals.push(signal);
      // It waits for something else than the socket.
      if (signals.length === 1) await sleep(60_000, { signal });
    });
    assertEquals((await link.ended).endedBy, "return");
    assertIsError(signals[0].reason, TimeoutError);
    assertIsError(signals[1].reason, ClosedError, "the session is over");
  },
);

Deno.test("reconnect() notices that a connection of its own kind has ended", async () => {
  using clock = fakeClock();
  const ends: PromiseWithResolvers<void>[] = [];
  const link = reconnect({
    open: () => {
      const end = Promise.withResolvers<void>();
      ends.push(end);
      return { closed: end.promise, id: ends.length };
    },
  }, untilAborted);
  assertEquals((await link.connected()).id, 1);
  ends[0].resolve();
  await undefined;
  // It is not handed out any more, though its session has yet to end.
  const next = link.connected();
  await clock.advance(200);
  assertEquals((await next).id, 2);
  // An error of `closed` is no reason to end the process.
  ends[1].reject(new Error("it broke"));
  await clock.advance(500);
  assertEquals((await link.connected()).id, 3);
  await link.close();
});

Deno.test("reconnect() without a session lasts until what open() made has ended", async () => {
  using clock = fakeClock();
  const ends: PromiseWithResolvers<void>[] = [];
  const link = reconnect({
    open: () => {
      const end = Promise.withResolvers<void>();
      ends.push(end);
      return { closed: end.promise, id: ends.length };
    },
  });
  assertEquals((await link.connected()).id, 1);
  ends[0].resolve();
  await clock.advance(200);
  assertEquals((await link.connected()).id, 2);
  await link.close();
  assertEquals(await link.ended, { endedBy: "close" });

  // @ts-expect-error: it would never be noticed
  const wrong = reconnect({ open: () => ({}) });
  const ended = await wrong.ended;
  assertIsError("error" in ended && ended.error, TypeError, "session must be");
});

Deno.test(
  "connected() does not give a socket that has ended",
  TIMEOUT,
  async () => {
    await using server = serve({ port: 0 }, async (socket) => {
      await socket.readLine();
    });
    await using link = reconnect({
      port: server.addr.port,
      retry: { minDelayMs: 1 },
    }, async (socket) => {
      await socket.closed;
      throw LOST();
    });
    const first = await link.connected();
    first.abort();
    assert(await link.connected() !== first);
  },
);

Deno.test("a session goes on after a peer that is silent, by the heartbeat of its frames", async () => {
  using clock = fakeClock();
  using network = memoryNetwork();
  const start = () =>
    network.serve({ name: "db", shutdownTimeoutMs: 0 }, async (socket) => {
      for await (const line of framed(socket, lines())) {
        await socket.write(line === "ping" ? "pong\n" : `${line}\n`);
      }
    });
  start();
  const losses: unknown[] = [];
  const link = reconnect({
    open: (options) => network.connect({ name: "db", ...options }),
    retry: { attemptTimeoutMs: 1_000 },
    onEvent: (event) => {
      if (event.type === "lost") losses.push(event.error);
    },
  }, async (socket) => {
    const connection = framed(socket, lines(), {
      heartbeat: {
        ping: () => "ping",
        isPong: (line) => line === "pong",
        intervalMs: 1_000,
        timeoutMs: 500,
        maxMissed: 2,
      },
    });
    for await (const line of connection) assertEquals(line, "none");
  });
  await clock.advance(10_000);
  assertEquals([link.state, losses.length], ["connected", 0]);
  // The cable is pulled: no end, no reset.
  network.partition("db");
  await clock.advance(2_200);
  assertEquals(losses.length, 1);
  assertIsError(losses[0], TimeoutError, "heartbeat");
  network.heal("db");
  await clock.advance(5_000);
  assertEquals([link.state, losses.length], ["connected", 1]);
  link[Symbol.dispose]();
  await clock.advance(0);
});

Deno.test("reconnect() survives hooks that throw, and tells nothing after the end", async () => {
  using failed = new FailedHooks();
  using clock = fakeClock();
  let events = 0;
  const link = reconnect({
    open: () => Promise.reject(LOST()),
    retry: {
      attempts: 2,
      onRetry: () => {
        throw new Error("onRetry");
      },
    },
    onEvent: () => {
      events++;
      throw new Error("onEvent");
    },
  }, () => {});
  await clock.advance(1_000);
  assertEquals((await link.ended).endedBy, "error");
  assertEquals(events, 6);
  await link.close();
  assertEquals([events, failed.errors.length], [6, 7]);
});

Deno.test("reconnect() refuses bad options at once", () => {
  const session = () => {};
  const wrong: [object, typeof TypeError | typeof RangeError, string][] = [
    [{}, TypeError, "port must be a number"],
    [{ port: 0 }, RangeError, "port must be an integer from 1"],
    [{ port: 1, timeoutMs: 5 }, TypeError, "retry.attemptTimeoutMs limits"],
    [{ port: 1, hostnam: "x" }, TypeError, "did you mean hostname?"],
    [{ open, port: 1 }, TypeError, 'unknown option "port"'],
    [{ open: 5 }, TypeError, "open must be a function"],
    [{ open, stableMs: -1 }, RangeError, "stableMs must be at least 0"],
    [{ open, onEvent: 5 }, TypeError, "onEvent must be a function"],
    [{ open, signal: 5 }, TypeError, "signal must be an AbortSignal"],
    [{ open, endOnReturn: "no" }, RangeError, "endOnReturn must be"],
    [{ open, retry: { attempt: 5 } }, TypeError, "did you mean attempts?"],
    [{ open, retry: { timeoutMs: 5 } }, TypeError, "unknown option"],
    [{ open, retry: { factor: 0 } }, RangeError, "factor must be"],
    [{ open, retry: { budget: {} } }, TypeError, "a RetryBudget"],
  ];
  for (const [options, kind, text] of wrong) {
    assertThrows(
      () => reconnect(options as { port: number }, session),
      kind,
      text,
    );
  }
  assertThrows(
    () => reconnect({ open }, 5 as unknown as () => void),
    TypeError,
    "session must be a function",
  );
});

Deno.test("close() and connected() refuse bad limits, and end nothing then", async () => {
  const link = reconnect({ open }, untilAborted);
  await link.connected();
  for (
    const [options, text] of [
      [{ signal: 5 }, "signal must be an AbortSignal"],
      [{ deadline: 5 }, "deadline must be a Deadline"],
      [{ timeoutMs: "5" }, "timeoutMs must be a number"],
    ] as const
  ) {
    const wrong = options as object;
    await assertRejects(() => link.close(wrong), TypeError, text);
    await assertRejects(() => link.connected(wrong), TypeError, text);
  }
  assertEquals(link.state, "connected");
  await link.close();
});

Deno.test("the types of reconnect() follow its options", async () => {
  using clock = fakeClock();
  const link = reconnect({ open }, (connection) => {
    connection.ending satisfies "closed" | "cut" | undefined;
    return 5;
  });
  const ended = await link.ended;
  if (ended.endedBy === "return") ended.value satisfies number;
  const never = () => {
    reconnect({ port: 1 }, (socket) => socket.readLine());
    // @ts-expect-error a path has no port
    reconnect({ path: "/x", port: 1 }, () => {});
    // @ts-expect-error a limit of what?
    reconnect({ port: 1, timeoutMs: 5 }, () => {});
    // @ts-expect-error one or the other
    reconnect({ port: 1, open }, () => {});
  };
  assertEquals(typeof never, "function");
  await clock.advance(0);
});

Deno.test("reconnect() runs one session at a time and leaks nothing, whatever fails", async () => {
  for (let seed = 1; seed <= 40; seed++) {
    using clock = fakeClock();
    const random = seededRandom(seed);
    const opened = new Set<Connection>();
    let running = 0;
    let sessions = 0;
    const link = reconnect({
      async open({ signal }) {
        await sleep(random() < 0.1 ? 20_000 : random() * 50, {
          signal: random() < 0.5 ? signal : undefined,
        });
        if (random() < 0.4) throw LOST();
        const connection = new Connection();
        opened.add(connection);
        return connection;
      },
      stableMs: 100,
      retry: { minDelayMs: 1, maxDelayMs: 100, attemptTimeoutMs: 200 },
    }, async (connection, { signal }) => {
      running++;
      sessions++;
      try {
        assertEquals([running, connection.ending], [1, undefined]);
        await sleep(random() * 300, {
          signal: random() < 0.8 ? signal : undefined,
        });
        throw LOST();
      } finally {
        running--;
      }
    });
    const calls = Array.from({ length: 20 }, async () => {
      await sleep(random() * 5_000);
      const timeoutMs = 1 + random() * 1_000;
      const result = await outcome(link.connected({ timeoutMs }));
      if (result instanceof SocketError) assertIsError(result, TimeoutError);
      else assert(opened.has(result as Connection));
    });
    await clock.advance(6_500);
    await Promise.all(calls);
    assert(sessions > 5, `seed ${seed}: ${sessions} sessions`);
    const closing = link.close();
    await clock.advance(60_000);
    await closing;
    assertEquals([running, link.state], [0, "ended"], `seed ${seed}`);
    for (const { ending } of opened) {
      assert(ending !== undefined, `seed ${seed}`);
    }
    assertEquals(clock.pending, 0, `seed ${seed}`);
  }
});

Deno.test("reconnect() goes no further where a hook ends it, and tells its end once", async () => {
  const hooks = [
    "connecting",
    "connect-failed",
    "connected",
    "lost",
    "waiting",
  ];
  const kinds = [...hooks, "onRetry"];
  for (const kind of kinds) {
    for (const how of ["dispose", "close"]) {
      const events: string[] = [];
      const opened: Connection[] = [];
      let sessions = 0;
      const end = () => {
        if (how === "dispose") link[Symbol.dispose]();
        else link.close();
      };
      const link = reconnect({
        open: () => {
          if (kind === "connect-failed") throw LOST();
          opened.push(new Connection());
          return opened.at(-1)!;
        },
        retry: {
          minDelayMs: 1,
          onRetry: () => {
            events.push("onRetry");
            if (kind === "onRetry") end();
          },
        },
        onEvent: ({ type }) => {
          events.push(type);
          if (type === kind) end();
        },
      }, () => {
        sessions++;
        throw LOST();
      });
      assertEquals(await link.ended, { endedBy: "close" });
      await turn();
      const after = events.slice(events.indexOf(kind) + 1);
      assertEquals(after, ["ended"], `${how} in ${kind}: ${events}`);
      assertEquals(link.state, "ended");
      const isBefore = kind === "connecting" || kind === "connect-failed";
      assertEquals(opened.length, isBefore ? 0 : 1, kind);
      assertEquals(sessions, isBefore || kind === "connected" ? 0 : 1, kind);
      for (const { ending } of opened) assert(ending !== undefined, kind);
    }
  }
});

Deno.test("reconnect() refuses limits of close that are none, with a text of its own", async () => {
  await using link = reconnect({ open }, untilAborted);
  for (const bad of [null, 1, []] as never[]) {
    await assertRejects(
      () => link.close(bad),
      TypeError,
      "Cannot close: options must be an object, got",
    );
  }
});

Deno.test(
  "a signal ends reconnecting though a hook of it never settles",
  TIMEOUT,
  async () => {
    using clock = fakeClock();
    const controller = new AbortController();
    const asked = Promise.withResolvers<void>();
    const link = reconnect({
      open: () => Promise.reject(new Error("it is down")),
      retry: {
        retryIf: () => {
          asked.resolve();
          return new Promise<boolean>(() => {});
        },
      },
      signal: controller.signal,
    }, untilAborted);
    await asked.promise;
    controller.abort(new Error("enough"));
    await clock.advance(5_000);
    const ended = await link.ended;
    assertEquals(ended.endedBy, "signal");
  },
);
