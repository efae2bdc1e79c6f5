import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertLess,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  AbortError,
  BrokenError,
  BusyError,
  ClosedError,
  connect,
  Deadline,
  framed,
  FrameTooLargeError,
  json,
  lengthPrefixed,
  LimitError,
  lines,
  MalformedFrameError,
  serve,
  Socket,
  type SocketError,
  TimeoutError,
} from "@sluice/net";
import { Pool, Requests } from "@sluice/net/client";
import { fakeClock, memoryPair } from "@sluice/net/testing";
import { memoryTransportPair } from "../../lib/transport/memory.ts";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { DenoProgram } from "../_support/deno_program.ts";
import {
  isSettled,
  outcome,
  spiedPair,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";
import { idOf, IDS, requestsPair } from "./_requests.ts";

// ---- matching ---------------------------------------------------------------

Deno.test("Requests gives answers in the order of the requests, which leave together", async () => {
  using pair = spiedPair();
  const requests = new Requests(framed(pair.left, lines()), { match: "order" });
  const server = framed(pair.right, lines());
  const answers = ["a", "b", "c"].map((line) => requests.request(line));
  for (const line of ["a", "b", "c"]) {
    assertEquals(await server.receive(), line);
  }
  assertEquals(pair.spy.writes, [6]);
  assertEquals(requests.stats.inFlight, 3);
  await server.sendAll(["A", "B", "C"]);
  assertEquals(await Promise.all(answers), ["A", "B", "C"]);
  assertEquals(requests.stats.inFlight, 0);
});

Deno.test("Requests gives answers by their ids, in whatever order they come", async () => {
  using pair = requestsPair(IDS);
  const { requests, server } = pair;
  const answers = ["1 a", "2 b", "3 c"].map((line) => requests.request(line));
  assertEquals((await pair.received()).length, 3);
  await server.sendAll(["3 C", "1 A"]);
  assertEquals(await answers[2], "3 C");
  assertEquals(await answers[0], "1 A");
  assertEquals(await isSettled(answers[1]), false);
  await server.send("2 B");
  assertEquals(await answers[1], "2 B");
});

Deno.test("Requests refuses an id in use, and frees it with its answer", async () => {
  using pair = requestsPair(IDS);
  const { requests, server } = pair;
  const first = requests.request("1 a");
  const error = await assertRejects(() => requests.request("1 b"), BusyError);
  assertEquals(error.sent, false);
  await server.send("1 A");
  assertEquals(await first, "1 A");
  const second = requests.request("1 c");
  await server.send("1 C");
  assertEquals(await second, "1 C");
  assertEquals(await pair.received(), ["1 a", "1 c"]);
});

Deno.test("Requests refuses a frame without an id, which send() takes", async () => {
  using pair = requestsPair(IDS);
  const { requests } = pair;
  await assertRejects(() => requests.request("no id"), TypeError, "send()");
  await requests.send("no id");
  assertEquals(await pair.received(), ["no id"]);
  assertEquals(requests.stats.inFlight, 0);
});

Deno.test("Requests passes on what a matching function throws", async () => {
  const request = () => {
    throw new Error("no request");
  };
  using pair = requestsPair({ match: { request, response: idOf } });
  await assertRejects(() => pair.requests.request("1"), Error, "no request");
  const response = () => {
    throw new Error("no response");
  };
  using other = requestsPair({ match: { request: idOf, response } });
  const answer = outcome(other.requests.request("1"));
  await other.server.send("1");
  const error = await answer as BrokenError;
  assertInstanceOf(error, BrokenError);
  assertEquals((error.cause as Error).message, "no response");
  const nothing = () => {
    // deno-lint-ignore no-throw-literal -- users do
    throw undefined;
  };
  using third = requestsPair({ match: { request: idOf, response: nothing } });
  const last = outcome(third.requests.request("1"));
  await third.server.send("1");
  assertInstanceOf(await last, BrokenError);
  assertInstanceOf(await outcome(third.requests.request("2")), BrokenError);
});

// ---- what is not asked for ----------------------------------------------------

Deno.test("Requests ends with a MalformedFrameError when a frame answers no request", async () => {
  for (const options of [{}, IDS]) {
    using pair = requestsPair(options);
    const { requests, server } = pair;
    const answer = requests.request("1 a");
    await server.send("1 A");
    assertEquals(await answer, "1 A");
    // The same answer twice.
    await server.send("1 A");
    await requests.closed;
    const error = await assertRejects(
      () => requests.request("2 b"),
      BrokenError,
    );
    assertEquals(error.sent, false);
    assertInstanceOf(error.cause, MalformedFrameError);
    assertEquals(error.cause.frame, "1 A");
  }
});

Deno.test("Requests gives frames that answer nothing to onUnsolicited, and goes on where that throws", async () => {
  using failed = new FailedHooks();
  const pushed: string[] = [];
  const onUnsolicited = (line: string) => {
    pushed.push(line);
    throw new Error("hook");
  };
  using pair = requestsPair({ ...IDS, onUnsolicited });
  await pair.server.sendAll(["push", "9 late"]);
  const answer = pair.requests.request("1 a");
  await pair.server.sendAll(["more", "1 A"]);
  assertEquals(await answer, "1 A");
  assertEquals(pushed, ["push", "9 late", "more"]);
  assertEquals(failed.errors.length, 3);
});

Deno.test("Requests tells pushed frames from answers with isUnsolicited", async () => {
  const pushed: string[] = [];
  using pair = requestsPair({
    isUnsolicited: (line) => line.startsWith(">"),
    onUnsolicited: (line) => pushed.push(line),
  });
  const answers = ["a", "b"].map((line) => pair.requests.request(line));
  await pair.server.sendAll([">1", "A", ">2", "B"]);
  assertEquals(await Promise.all(answers), ["A", "B"]);
  assertEquals(pushed, [">1", ">2"]);
});

// ---- limits -------------------------------------------------------------------

Deno.test("Requests drops the answer to a request that was given up, and gives no other one's", async () => {
  using clock = fakeClock();
  for (const options of [{}, IDS]) {
    using pair = requestsPair(options);
    const { requests, server } = pair;
    const first = outcome(requests.request("1 a", { timeoutMs: 50 }));
    const controller = new AbortController();
    const { signal } = controller;
    const second = outcome(requests.request("2 b", { signal }));
    const third = requests.request("3 c");
    await clock.advance(60);
    controller.abort("enough");
    const timeout = await first as TimeoutError;
    assertInstanceOf(timeout, TimeoutError);
    assertEquals(
      [timeout.operation, timeout.timeoutMs, timeout.sent, timeout.cause],
      ["request", 50, true, undefined],
    );
    const abort = await second as AbortError;
    assertInstanceOf(abort, AbortError);
    assertEquals(
      [abort.name, abort.code, abort.cause, abort.sent],
      ["AbortError", "aborted", "enough", true],
    );
    assertEquals(requests.stats.givenUp, 2);
    await server.sendAll(["1 A", "2 B", "3 C"]);
    assertEquals(await third, "3 C");
    assertEquals(requests.stats.givenUp, 0);
    assertEquals(requests.stats.inFlight, 0);
  }
});

Deno.test("Requests never sends a request that was given up before its turn", async () => {
  using clock = fakeClock();
  using pair = requestsPair({ maxInFlight: 1 });
  const { requests, server } = pair;
  const first = requests.request("a");
  const deadline = Deadline.after(50);
  const second = outcome(requests.request("b", { deadline }));
  const third = requests.request("c");
  assertEquals(requests.stats.waiting, 2);
  await clock.advance(60);
  const error = await second as TimeoutError;
  assertInstanceOf(error, TimeoutError);
  assertEquals(error.sent, false);
  assertEquals(requests.stats.waiting, 1);
  await server.send("A");
  assertEquals(await first, "A");
  await server.send("C");
  assertEquals(await third, "C");
  assertEquals(await pair.received(), ["a", "c"]);
  // One that has no time at all is not even begun.
  const late = await outcome(requests.request("d", { deadline }));
  assertInstanceOf(late, TimeoutError);
  assertEquals(late.sent, false);
  const signal = AbortSignal.abort("no");
  const never = await outcome(requests.request("e", { signal }));
  assertInstanceOf(never, AbortError);
  assertEquals([never.sent, never.cause], [false, "no"]);
  assertEquals(await pair.received(), []);
});

Deno.test("Requests sends what waits in its order, as places get free", async () => {
  for (const options of [{}, IDS]) {
    using pair = requestsPair({ ...options, maxInFlight: 2, maxWaiting: 3 });
    const { requests, server } = pair;
    const answers = [1, 2, 3, 4, 5].map((id) => requests.request(`${id}`));
    const error = await assertRejects(() => requests.request("6"), LimitError);
    assertEquals(
      [error.option, error.limit, error.sent],
      ["maxWaiting", 3, false],
    );
    assertEquals([requests.stats.inFlight, requests.stats.waiting], [2, 3]);
    assertEquals(await pair.received(), ["1", "2"]);
    await server.send("1");
    assertEquals(await answers[0], "1");
    assertEquals(await pair.received(), ["3"]);
    await server.sendAll(["2", "3"]);
    assertEquals(await pair.received(), ["4", "5"]);
    await server.sendAll(["4", "5"]);
    assertEquals(await Promise.all(answers), ["1", "2", "3", "4", "5"]);
  }
});

Deno.test("Requests lets no request of a hook overtake those that wait", async () => {
  using pair = requestsPair({
    maxInFlight: 1,
    isUnsolicited: (line) => line === ">",
    onUnsolicited: () => void pair.requests.request("c").catch(() => {}),
  });
  const answers = ["a", "b"].map((line) => pair.requests.request(line));
  // The place of the first is free, and the second was not sent yet.
  await pair.socket.write("A\n>\n");
  assertEquals(await pair.received(), ["a", "b"]);
  await pair.server.send("B");
  assertEquals(await Promise.all(answers), ["A", "B"]);
  assertEquals(await pair.received(), ["c"]);
});

Deno.test("Requests waits with more requests while the peer takes nothing", async () => {
  using pair = spiedPair({ left: { highWaterMarkBytes: 1_000 } });
  const requests = new Requests(framed(pair.left, lines()), { match: "order" });
  pair.spy.hold();
  const answers = Array.from(
    { length: 100 },
    (_, i) => requests.request(`${i} ${"x".repeat(100)}`),
  );
  await turn();
  assert(requests.stats.inFlight < 30, `${requests.stats.inFlight} in flight`);
  assertEquals(requests.stats.inFlight + requests.stats.waiting, 100);
  pair.spy.release();
  const server = framed(pair.right, lines());
  for (let i = 0; i < 100; i++) {
    const line = await server.receive();
    assertEquals(line!.split(" ")[0], `${i}`);
    await server.send(`${i}`);
  }
  assertEquals(await Promise.all(answers), answers.map((_, i) => `${i}`));
});

Deno.test("Requests by ids remembers those that were given up, and no more than maxGivenUp", async () => {
  using pair = requestsPair({ ...IDS, maxGivenUp: 2 });
  const { requests, server } = pair;
  const controller = new AbortController();
  const { signal } = controller;
  const given = [1, 2, 3].map((id) =>
    outcome(requests.request(`${id}`, { signal }))
  );
  controller.abort();
  await Promise.all(given);
  assertEquals([requests.stats.inFlight, requests.stats.givenUp], [0, 2]);
  // The ids of the others are not free: an answer that comes late would be taken for theirs.
  await assertRejects(() => requests.request("3"), BusyError, "given up");
  const again = requests.request("1");
  await server.sendAll(["2", "1", "3"]);
  assertEquals(await again, "1");
  await turn();
  assertEquals(requests.stats.givenUp, 0);
  // It is forgotten with its answer.
  await server.send("2");
  await requests.closed;
});

Deno.test("Requests by ids forgets millions that were given up", async () => {
  using pair = requestsPair({ ...IDS, onUnsolicited: () => {} });
  const { requests, server } = pair;
  const reading = (async () => {
    for await (const _ of server);
  })();
  for (let round = 0; round < 100; round++) {
    const controller = new AbortController();
    const { signal } = controller;
    const given = Array.from(
      { length: 1_000 },
      (_, i) => outcome(requests.request(`${round * 1_000 + i}`, { signal })),
    );
    await turn();
    controller.abort();
    await Promise.all(given);
  }
  assertEquals(requests.stats.givenUp, 65_536);
  assertEquals(requests.stats.inFlight, 0);
  pair.client.abort();
  await reading.catch(() => {});
});

Deno.test("Requests by ids gives the place of one that was given up to the next", async () => {
  using pair = requestsPair({ ...IDS, maxInFlight: 1 });
  const controller = new AbortController();
  const { signal } = controller;
  const first = outcome(pair.requests.request("1", { signal }));
  const second = pair.requests.request("2");
  assertEquals(await pair.received(), ["1"]);
  controller.abort();
  await first;
  assertEquals(await pair.received(), ["2"]);
  await pair.server.sendAll(["2", "1"]);
  assertEquals(await second, "2");
});

Deno.test("Requests in order ends when no answer comes for stallMs, and not while some do", async () => {
  using clock = fakeClock();
  using pair = requestsPair({ stallMs: 1_000, onUnsolicited: () => {} });
  const { requests, server } = pair;
  // Nothing is due.
  await clock.advance(5_000);
  const answers = [1, 2, 3].map((id) => requests.request(`${id}`));
  for (let i = 0; i < 3; i++) {
    await clock.advance(900);
    await server.send(`${i}`);
    assertEquals(await answers[i], `${i}`);
  }
  await clock.advance(5_000);
  const last = [outcome(requests.request("4")), outcome(requests.request("5"))];
  await clock.advance(1_100);
  const errors = await Promise.all(last) as BrokenError[];
  for (const error of errors) assertInstanceOf(error, BrokenError);
  const [cause] = new Set(errors.map((error) => error.cause));
  assertInstanceOf(cause, TimeoutError);
  assertEquals(
    [cause.operation, cause.timeoutMs],
    ["receive an answer", 1_000],
  );
  assertEquals(errors.map(({ sent }) => sent), [true, true]);
  await requests.closed;
});

Deno.test("Requests in order ends for the answer to a request that was given up, too", async () => {
  using clock = fakeClock();
  using pair = requestsPair({ stallMs: 1_000 });
  const given = outcome(pair.requests.request("1", { timeoutMs: 100 }));
  await clock.advance(150);
  assertInstanceOf(await given, TimeoutError);
  const next = outcome(pair.requests.request("2"));
  await clock.advance(1_100);
  assertInstanceOf((await next as BrokenError).cause, TimeoutError);
});

Deno.test("Requests by ids has no stall", async () => {
  using clock = fakeClock();
  using pair = requestsPair({ ...IDS, stallMs: 1_000 });
  const answer = pair.requests.request("1");
  await clock.advance(100_000);
  await pair.server.send("1");
  assertEquals(await answer, "1");
});

Deno.test("Requests takes readMs of its socket for a limit of answers that are due", async () => {
  using clock = fakeClock();
  using pair = requestsPair(IDS, { socket: { readMs: 1_000 } });
  const { requests, server } = pair;
  // None is due, and some come.
  await clock.advance(10_000);
  for (let id = 0; id < 10; id++) {
    const answer = requests.request(`${id}`);
    await clock.advance(400);
    await server.send(`${id}`);
    assertEquals(await answer, `${id}`);
  }
  const none = outcome(requests.request("10"));
  await clock.advance(2_200);
  const error = await none as BrokenError;
  assertInstanceOf(error, BrokenError);
  assertInstanceOf(error.cause, TimeoutError);
  assertEquals(error.cause.timeoutMs, 1_000);
});

Deno.test("Requests ends where an answer drips for longer than frameTimeoutMs", async () => {
  using clock = fakeClock();
  const [client, server] = memoryPair();
  const connection = framed(client, lines(), { frameTimeoutMs: 1_000 });
  const requests = new Requests(connection, { match: "order" });
  const answer = outcome(requests.request("a"));
  for (const byte of "an answer") {
    await clock.advance(200);
    await server.write(byte).catch(() => {});
  }
  const error = await answer as BrokenError;
  assertInstanceOf(error, BrokenError);
  assertInstanceOf(error.cause, TimeoutError);
  assertEquals(error.cause.operation, "receive a whole frame");
  server.abort();
});

// ---- the end ------------------------------------------------------------------

Deno.test("Requests gives each request an error of its own when the connection breaks", async () => {
  using pair = spiedPair();
  const requests = new Requests(framed(pair.left, lines()), {
    match: "order",
    maxInFlight: 2,
  });
  const sent = [requests.request("a"), requests.request("b")].map(outcome);
  const waiting = outcome(requests.request("c"));
  await turn();
  pair.far.reset();
  const errors = await Promise.all([...sent, waiting]) as BrokenError[];
  for (const error of errors) {
    assertInstanceOf(error, BrokenError);
    assertEquals(error.operation, "request");
    assertEquals(error.remoteAddr, pair.left.remoteAddr);
  }
  assertEquals(new Set(errors).size, 3);
  assertEquals(errors.map((error) => error.sent), [true, true, false]);
  const causes = new Set(errors.map((error) => error.cause));
  assertEquals(causes.size, 1);
  const [cause] = causes;
  assertInstanceOf(cause, BrokenError);
  assertEquals([cause.reason, errors[0].reason], ["reset", "reset"]);
  const later = await outcome(requests.request("d")) as BrokenError;
  assertStrictEquals(later.cause, cause);
  assertEquals(later.sent, false);
  assertEquals([requests.stats.inFlight, requests.stats.waiting], [0, 0]);
});

Deno.test(
  "Requests ends a hundred thousand requests in time that is linear",
  TIMEOUT,
  async () => {
    using pair = requestsPair();
    const requests = Array.from(
      { length: 100_000 },
      () => outcome(pair.requests.request("a")),
    );
    const begun = performance.now();
    pair.requests.abort();
    const errors = await Promise.all(requests);
    assertEquals(new Set(errors).size, 100_000);
    // It was half a minute, where the runtime kept a list of rejections.
    assertLess(performance.now() - begun, 12_000);
  },
);

Deno.test("Requests says of a request that was appended and not given to the transport that it was not sent", async () => {
  using pair = spiedPair();
  const requests = new Requests(framed(pair.left, lines()), { match: "order" });
  pair.spy.hold();
  const first = outcome(requests.request("a"));
  await turn();
  const second = outcome(requests.request("b"));
  await turn();
  pair.left.abort();
  const errors = await Promise.all([first, second]) as SocketError[];
  for (const error of errors) assertInstanceOf(error, ClosedError);
  assertEquals(errors.map(({ sent }) => sent), [true, false]);
});

Deno.test("Requests rejects what is due when the peer ends its stream, between answers or inside one", async () => {
  for (const half of ["", "\0\0"]) {
    const [client, server] = memoryPair();
    const codec = lengthPrefixed();
    const requests = new Requests(framed(client, codec), { match: "order" });
    const answers = [1, 2].map((byte) =>
      requests.request(new Uint8Array([byte]))
    );
    const second = outcome(answers[1]);
    await server.readExactly(10);
    await server.write(`\0\0\0\x01!${half}`);
    await server.closeWrite();
    assertEquals(await answers[0], new Uint8Array([33]));
    const error = await second as BrokenError;
    assertInstanceOf(error, BrokenError);
    assertEquals([error.reason, error.sent], ["ended", true]);
    const cause = error.cause as BrokenError;
    assertInstanceOf(cause, BrokenError);
    assertEquals(
      (cause.cause as Error | undefined)?.name,
      half === "" ? undefined : "UnexpectedEofError",
    );
    await requests.closed;
    server.abort();
  }
});

Deno.test("Requests takes half a line for no answer, unless it is told to", async () => {
  using pair = requestsPair();
  const half = outcome(pair.requests.request("a"));
  await pair.socket.write("half an ans");
  await pair.socket.closeWrite();
  const error = await half as BrokenError;
  assertInstanceOf(error, BrokenError);
  assertEquals([error.reason, error.sent], ["ended", true]);

  using other = requestsPair({ atEof: "emit" });
  const whole = other.requests.request("a");
  const none = outcome(other.requests.request("b"));
  await other.socket.write("an answer");
  await other.socket.closeWrite();
  assertEquals(await whole, "an answer");
  assertInstanceOf(await none, BrokenError);
});

Deno.test("Requests notices the end of the peer's stream while nothing is asked", async () => {
  using pair = requestsPair();
  await pair.server.send("no answer").catch(() => {});
  using other = requestsPair();
  await other.socket.closeWrite();
  await other.requests.closed;
  const error = await outcome(other.requests.request("a")) as BrokenError;
  assertEquals([error.reason, error.sent], ["ended", false]);
});

Deno.test("Requests ends at once where a write fails that no read will notice", async () => {
  using clock = fakeClock();
  using pair = spiedPair({ left: { writeMs: 1_000 } });
  const requests = new Requests(framed(pair.left, lines()), IDS);
  pair.spy.hold();
  const answer = outcome(requests.request("1"));
  await clock.advance(1_100);
  const error = await answer as BrokenError;
  assertInstanceOf(error.cause, TimeoutError);
  assertEquals([error.cause.operation, error.sent], ["write", true]);
});

Deno.test("Requests rejects a request whose write throws at once", async () => {
  const [inner] = memoryTransportPair();
  const reason = new Error("no write");
  const transport = {
    localAddr: inner.localAddr,
    remoteAddr: inner.remoteAddr,
    read: (p: Uint8Array) => inner.read(p),
    write: (): Promise<number> => {
      throw reason;
    },
    closeWrite: () => inner.closeWrite(),
    close: () => inner.close(),
  };
  const socket = new Socket(transport);
  const requests = new Requests(framed(socket, lines()), { match: "order" });
  // So large that it is not kept for more to come.
  const error = await outcome(requests.request("x".repeat(20_000)));
  assertInstanceOf(error, BrokenError);
  assertEquals(error.sent, true);
  await requests.closed;
});

Deno.test("Requests waits a second for the last answers of a peer that reads no more", async () => {
  using clock = fakeClock();
  for (const answers of [true, false]) {
    using pair = spiedPair();
    const requests = new Requests(framed(pair.left, lines()), IDS);
    const first = outcome(requests.request("1"));
    await turn();
    pair.spy.writeError = new Deno.errors.BrokenPipe();
    const second = outcome(requests.request("2"));
    await turn();
    const refused = await outcome(requests.request("3")) as BrokenError;
    assertEquals([refused.reason, refused.sent], ["broken-pipe", false]);
    if (answers) {
      await pair.right.write("1\n");
      assertEquals(await first, "1");
    }
    await clock.advance(1_200);
    for (const each of answers ? [second] : [first, second]) {
      assertEquals((await each as BrokenError).reason, "broken-pipe");
    }
    await requests.closed;
  }
});

Deno.test("Requests ends with the last answer that was due where the peer reads no more", async () => {
  using pair = spiedPair();
  const requests = new Requests(framed(pair.left, lines()), IDS);
  const answer = requests.request("1");
  await turn();
  pair.spy.writeError = new Deno.errors.BrokenPipe();
  await requests.send("no answer");
  await turn();
  await pair.right.write("1\n");
  assertEquals(await answer, "1");
  await requests.closed;
});

Deno.test("Requests gives a bad answer to the request that it was for, where the codec moves past it", async () => {
  const [client, server] = memoryPair();
  const codec = json<number>(lines());
  const requests = new Requests(framed(client, codec), { match: "order" });
  const answers = [1, 2, 3].map((id) => outcome(requests.request(id)));
  await server.write("1\noops\n3\n");
  assertEquals(await answers[0], 1);
  assertInstanceOf(await answers[1], MalformedFrameError);
  assertEquals(await answers[2], 3);
  client.abort();
  server.abort();
});

Deno.test("Requests ends where it cannot know for whom a bad answer was", async () => {
  const codec = json<number>(lines());
  const by = { request: (id: number) => id, response: (id: number) => id };
  for (
    const options of [
      { match: by },
      { match: "order", isUnsolicited: () => false },
    ] as const
  ) {
    const [client, server] = memoryPair();
    const requests = new Requests(framed(client, codec), options);
    const answers = [1, 2].map((id) => outcome(requests.request(id)));
    await server.write("oops\n1\n");
    for (const answer of answers) {
      const error = await answer as BrokenError;
      assertInstanceOf(error, BrokenError);
      assertInstanceOf(error.cause, MalformedFrameError);
    }
    server.abort();
  }
});

Deno.test("Requests rejects a request that cannot be encoded, and goes on", async () => {
  const [client, server] = memoryPair();
  const requests = new Requests(
    framed(client, lines({ maxLineBytes: 10 })),
    { match: "order", maxInFlight: 1 },
  );
  const first = requests.request("a");
  const waiting = outcome(requests.request("x".repeat(20)));
  const last = requests.request("b");
  await server.write("A\n");
  assertEquals(await first, "A");
  assertInstanceOf(await waiting, FrameTooLargeError);
  await server.write("B\n");
  assertEquals(await last, "B");
  client.abort();
  server.abort();
});

// ---- close --------------------------------------------------------------------

Deno.test("Requests.close lets what it took finish, and takes no more", async () => {
  using _clock = fakeClock();
  using pair = requestsPair({ maxInFlight: 1 });
  const { requests, server } = pair;
  const answers = [requests.request("a"), requests.request("b")];
  const closing = requests.close();
  const refused = await outcome(requests.request("c")) as ClosedError;
  assertInstanceOf(refused, ClosedError);
  assertEquals(refused.sent, false);
  assertEquals(await isSettled(closing), false);
  await server.sendAll(["A"]);
  assertEquals(await answers[0], "A");
  await server.send("B");
  assertEquals(await answers[1], "B");
  assertEquals(await pair.received(), ["a", "b"]);
  await pair.ended();
  await pair.socket.close();
  await closing;
  await requests.closed;
});

Deno.test("Requests.close does not wait for a request that could not be encoded", async () => {
  using _clock = fakeClock();
  using pair = requestsPair({ maxInFlight: 1 });
  const first = pair.requests.request("a");
  const bad = outcome(pair.requests.request("two\nlines"));
  const closing = pair.requests.close();
  await pair.server.send("A");
  assertEquals(await first, "A");
  assertInstanceOf(await bad, Error);
  await pair.ended();
  await pair.socket.close();
  await closing;
});

Deno.test("Requests.close cuts what is left when its time is over", async () => {
  using clock = fakeClock();
  using pair = requestsPair({ maxInFlight: 1 });
  const answers = ["a", "b"].map((line) =>
    outcome(pair.requests.request(line))
  );
  const closing = pair.requests.close({ timeoutMs: 100 });
  await clock.advance(110);
  await closing;
  const errors = await Promise.all(answers) as ClosedError[];
  for (const error of errors) assertInstanceOf(error, ClosedError);
  assertEquals(errors.map(({ sent }) => sent), [true, false]);
  assertStrictEquals(errors[0].cause, errors[1].cause);
});

Deno.test("Requests.close rejects with the reason of its signal, and cuts; a later limit counts, too", async () => {
  using pair = requestsPair();
  const answer = outcome(pair.requests.request("a"));
  const first = pair.requests.close();
  const reason = new Error("now");
  assertStrictEquals(
    await outcome(pair.requests.close({ signal: AbortSignal.abort(reason) })),
    reason,
  );
  assertInstanceOf(await answer, ClosedError);
  await first;
  await pair.requests.close();
});

Deno.test("Requests.close does not wait for the answers to requests that were given up", async () => {
  using _clock = fakeClock();
  using pair = requestsPair();
  const controller = new AbortController();
  const { signal } = controller;
  const given = outcome(pair.requests.request("a", { signal }));
  await turn();
  const closing = pair.requests.close();
  controller.abort();
  await given;
  await pair.ended();
  await pair.socket.close();
  await closing;
});

Deno.test("Requests ends every request by abort and by using", async () => {
  using pair = requestsPair();
  const reason = new Error("enough");
  const answer = outcome(pair.requests.request("a"));
  pair.requests.abort(reason);
  const error = await answer as ClosedError;
  assertInstanceOf(error, ClosedError);
  assertStrictEquals((error.cause as Error).cause, reason);
  assertStrictEquals(pair.client.signal.reason, reason);
  await pair.requests.close();
  let disposed: Promise<unknown>;
  using other = requestsPair();
  {
    using requests = other.requests;
    disposed = outcome(requests.request("a"));
  }
  assertInstanceOf(await disposed, ClosedError);
});

Deno.test(
  "Requests of a server that drains end when no answer is due",
  TIMEOUT,
  async () => {
    const asked = Promise.withResolvers<void>();
    const server = serve({ port: 0 }, async (socket) => {
      const requests = new Requests(framed(socket, lines()), {
        match: "order",
      });
      const answer = requests.request("who are you?");
      asked.resolve();
      assertEquals(await answer, "a client");
      await requests.closed;
    });
    await using client = await connect({ port: server.addr.port });
    await asked.promise;
    const shutdown = server.shutdown();
    assertEquals(await client.readLine(), "who are you?");
    await client.write("a client\n");
    assertEquals(await client.readLine(), null);
    await client.close();
    assertEquals((await shutdown).completed, 1);
  },
);

/** A program that uses `requests` over TCP to a server that answers with "pong". */
function programWith(options: string, body: string): Promise<DenoProgram> {
  return DenoProgram.start(`
    import { connect, framed, lines } from "@sluice/net";
    import { Requests } from "@sluice/net/client";
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const accepted = listener.accept();
    const socket = await connect({ port: listener.addr.port });
    const conn = await accepted;
    listener.close();
    const pong = () => conn.write(new TextEncoder().encode("pong\\n"));
    const requests = new Requests(framed(socket, lines()), {
      match: "order",
      ${options}
    });
    ${body}
    console.log("done");
  `);
}

Deno.test(
  "Requests without a caller lets the process end, and with one holds it",
  TIMEOUT,
  async () => {
    await using program = await programWith(
      "",
      `
    const first = requests.request("ping");
    setTimeout(pong, 1_000);
    console.log(await first);
    await new Promise((resolve) => setTimeout(resolve, 600));
    // It has let go of the process meanwhile.
    requests.request("ping").then(console.log);
    Deno.unrefTimer(setTimeout(pong, 600));
    `,
    );
    assertEquals(await program.nextLine(), "pong");
    assertEquals(await program.nextLine(), "done");
    assertEquals(await program.nextLine(), "pong");
    assertEquals((await program.ended()).code, 0);
  },
);

Deno.test(
  "Requests with onUnsolicited holds the process",
  TIMEOUT,
  async () => {
    await using program = await programWith(
      "onUnsolicited: (line) => { console.log(line); Deno.exit(7); },",
      "Deno.unrefTimer(setTimeout(pong, 800));",
    );
    assertEquals(await program.nextLine(), "done");
    assertEquals(await program.nextLine(), "pong");
    assertEquals((await program.ended()).code, 7);
  },
);

Deno.test("Requests in a Pool leaves it when its connection ends", async () => {
  const servers: { abort(): void }[] = [];
  await using pool = new Pool({
    open() {
      const [client, server] = memoryPair();
      servers.push(server);
      return new Requests(framed(client, lines()), { match: "order" });
    },
  });
  (await pool.acquire()).release();
  assertEquals(pool.stats.idle, 1);
  servers[0].abort();
  await turn();
  assertEquals([pool.stats.idle, pool.stats.total], [0, 0]);
});

// ---- heartbeat ----------------------------------------------------------------

Deno.test("Requests sends a ping as a request, whose answer is dropped, and ends a silent connection", async () => {
  using clock = fakeClock();
  using pair = requestsPair({
    heartbeat: { ping: () => "PING", intervalMs: 1_000, timeoutMs: 100 },
  });
  const { requests, server } = pair;
  await clock.advance(1_100);
  assertEquals(await pair.received(), ["PING"]);
  const answer = requests.request("a");
  await server.sendAll(["PONG", "A"]);
  assertEquals(await answer, "A");
  assertEquals(requests.stats.inFlight, 0);
  const last = outcome(requests.request("b"));
  await clock.advance(1_500);
  const error = await last as BrokenError;
  assertInstanceOf(error, BrokenError);
  assertInstanceOf(error.cause, TimeoutError);
  assertEquals(error.cause.operation, "heartbeat");
  assertEquals(await pair.received(), ["a", "b", "PING", "PING"]);
});

Deno.test("Requests by ids ends a silent connection though all pings have the same id", async () => {
  using hooks = new FailedHooks();
  using clock = fakeClock();
  using pair = requestsPair({
    ...IDS,
    heartbeat: { ping: () => "0 PING", intervalMs: 1_000, timeoutMs: 100 },
  });
  const { requests, server } = pair;
  for (let i = 0; i < 3; i++) {
    await clock.advance(1_050);
    assertEquals(await pair.received(), ["0 PING"]);
    await server.send("0 PONG");
    await turn();
    assertEquals(requests.stats.givenUp, 0);
  }
  const last = outcome(requests.request("1 a"));
  await clock.advance(1_500);
  const error = await last as BrokenError;
  assertInstanceOf(error.cause, TimeoutError);
  assertEquals(error.cause.operation, "heartbeat");
  assertEquals(await pair.received(), ["1 a", "0 PING"]);
  assertEquals(hooks.errors, []);
});

Deno.test("Requests takes pongs that isPong knows for no answers", async () => {
  using clock = fakeClock();
  using pair = requestsPair({
    ...IDS,
    heartbeat: {
      ping: () => "PING",
      isPong: (line) => line === "PONG",
      intervalMs: 1_000,
      timeoutMs: 100,
    },
  });
  const answer = pair.requests.request("1");
  for (let i = 0; i < 3; i++) {
    await clock.advance(1_100);
    await pair.server.send("PONG");
  }
  await pair.server.send("1");
  assertEquals(await answer, "1");
  assertEquals(pair.requests.stats.givenUp, 0);
});

// ---- bad arguments ------------------------------------------------------------

Deno.test("Requests refuses what is no connection and what is no option", async () => {
  const [client, server] = memoryPair();
  const connection = framed(client, lines());
  const make = (options: unknown, from: unknown = connection) => () =>
    new Requests(from as typeof connection, options as typeof IDS);
  const match = "order";
  assertThrows(make({ match }, client), TypeError, "framed must be a Framed");
  assertThrows(make({}), TypeError, `match must be "order" or an object`);
  assertThrows(make({ match: "odrer" }), RangeError, `got "odrer"`);
  assertThrows(make({ match: { request: idOf } }), TypeError, "response()");
  assertThrows(make({ match, max: 1 }), TypeError, 'unknown option "max"');
  assertThrows(make({ match, maxInFlight: 0 }), RangeError, "maxInFlight");
  assertThrows(make({ match, maxWaiting: -1 }), RangeError, "maxWaiting");
  assertThrows(make({ match, stallMs: 0 }), RangeError, "stallMs");
  assertThrows(make({ match, maxGivenUp: 0.5 }), RangeError, "maxGivenUp");
  assertThrows(make({ match, atEof: "drop" }), RangeError, "atEof");
  assertThrows(make({ match, onUnsolicited: 1 }), TypeError, "onUnsolicited");
  assertThrows(make({ match, isUnsolicited: 1 }), TypeError, "isUnsolicited");
  assertThrows(make({ match, heartbeat: {} }), TypeError, "heartbeat.ping");
  const lending = framed(server, lengthPrefixed(), { lendFrames: true });
  assertThrows(
    () => new Requests(lending, { match }),
    TypeError,
    "must not lend its frames",
  );
  const receiving = outcome(connection.receive());
  assertThrows(make({ match }), BusyError);
  client.abort();
  await receiving;
  assertThrows(make({ match }), ClosedError);
  server.abort();
});

Deno.test("Requests refuses limits that are none", async () => {
  using pair = requestsPair();
  const { requests } = pair;
  await assertRejects(
    () => requests.request("a", { timeoutMs: 0 }),
    RangeError,
  );
  await assertRejects(
    () => requests.request("a", { signal: {} as AbortSignal }),
    TypeError,
  );
  await assertRejects(() => requests.request("a", 5 as never), TypeError);
  await assertRejects(() => requests.close({ timeoutMs: -1 }), RangeError);
  assertEquals(await isSettled(requests.closed), false);
  assertEquals(await pair.received(), []);
});

Deno.test("Requests says of every error of a codec whether the request was sent", async () => {
  const [client, server] = memoryPair();
  const codec = json<string>(lines({ maxLineBytes: 10 }));
  using requests = new Requests(framed(client, codec), { match: "order" });
  const large = await outcome(requests.request("a line that is too long"));
  assertInstanceOf(large, FrameTooLargeError);
  assertEquals(large.sent, false);
  const answered = outcome(requests.request("sent"));
  await server.write("no JSON\n");
  const answer = await answered;
  assertInstanceOf(answer, MalformedFrameError);
  assertEquals(answer.sent, true);
  server.abort();
});

Deno.test("Requests names an id in use, whatever it is", async () => {
  for (const id of [Object.create(null), null, "x", 1n, Symbol("id")]) {
    const [client, server] = memoryPair();
    using requests = new Requests(framed(client, lines()), {
      match: { request: () => id, response: () => id },
    });
    const first = requests.request("first");
    const error = await outcome(requests.request("second"));
    assertInstanceOf(error, BusyError);
    assertEquals(error.sent, false);
    await server.write("answer\n");
    assertEquals(await first, "answer");
    server.abort();
  }
});

Deno.test("Requests keeps the place of a request that its own frame gives up while it is encoded", async () => {
  const id = ({ id }: { id: number }) => id;
  for (const match of ["order", { request: id, response: id }] as const) {
    for (const maxInFlight of [1, 10]) {
      const [client, server] = memoryPair();
      type Message = { id: number; toJSON?: () => unknown };
      const connection = framed(client, json<Message>(lines()));
      const requests = new Requests(connection, { match, maxInFlight });
      const controller = new AbortController();
      const first = requests.request({ id: 1 });
      const given = outcome(requests.request({
        id: 2,
        toJSON: () => {
          controller.abort();
          return { id: 2 };
        },
      }, { signal: controller.signal }));
      const last = requests.request({ id: 3 });
      for (const id of [1, 2, 3]) {
        await server.readLine();
        await server.write(`{"id":${id}}\n`);
        await turn();
      }
      assertEquals([(await first).id, (await last).id], [1, 3]);
      const error = await given;
      assertInstanceOf(error, AbortError);
      assertEquals(error.sent, true);
      const { inFlight, waiting, givenUp } = requests.stats;
      assertEquals([inFlight, waiting, givenUp], [0, 0, 0]);
      const closing = requests.close({ timeoutMs: 5_000 });
      server.abort();
      await closing;
    }
  }
});

Deno.test("Requests ends each request once where a frame aborts the connection while it is encoded", async () => {
  const [client, server] = memoryPair();
  const requests: Requests<unknown> = new Requests(
    framed(client, json<unknown>(lines())),
    { match: "order" },
  );
  const toJSON = () => requests.abort();
  const frames = ["before", { toJSON }, "behind"];
  const asked = frames.map((frame) => outcome(requests.request(frame)));
  for (const error of await Promise.all(asked)) {
    assertInstanceOf(error, ClosedError);
    assertEquals(error.sent, false);
  }
  assertEquals([requests.stats.inFlight, requests.stats.waiting], [0, 0]);
  await requests.close({ timeoutMs: 1_000 });
  server.abort();
});

Deno.test("Requests sends what is asked for while another frame is encoded behind that frame", async () => {
  for (const fails of [false, true]) {
    const [client, server] = memoryPair();
    using requests: Requests<unknown> = new Requests(
      framed(client, json<unknown>(lines())),
      { match: "order" },
    );
    let inner: Promise<unknown> | undefined;
    const toJSON = () => {
      inner = requests.request("inner");
      if (fails) throw new Error("no frame");
      return "outer";
    };
    const outer = outcome(requests.request({ toJSON }));
    const sent = fails ? ["inner"] : ["outer", "inner"];
    for (const text of sent) {
      assertEquals(await server.readLine(), JSON.stringify(text));
    }
    for (const text of sent) await server.write(`${JSON.stringify(text)}\n`);
    assertEquals(await inner, "inner");
    if (!fails) assertEquals(await outer, "outer");
    assertEquals(requests.stats.inFlight, 0);
    server.abort();
  }
});
