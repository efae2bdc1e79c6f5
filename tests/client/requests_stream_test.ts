import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  AbortError,
  BrokenError,
  BusyError,
  ClosedError,
  framed,
  json,
  lines,
  MalformedFrameError,
  TimeoutError,
} from "@sluice/net";
import { Requests } from "@sluice/net/client";
import { fakeClock, memoryPair } from "@sluice/net/testing";
import { isSettled, outcome, spiedPair, turn } from "../_support/sockets.ts";
import { IDS, requestsPair } from "./_requests.ts";

const isLast = (line: string) => line.endsWith(".");
const OVER: IteratorResult<string> = { done: true, value: undefined };
const part = (value: string): IteratorResult<string> => ({
  done: false,
  value,
});

Deno.test("stream gives every answer up to the last, in turn with other requests", async () => {
  using pair = requestsPair();
  const { requests, server } = pair;
  const before = requests.request("a");
  const parts = Array.fromAsync(requests.stream("list", { isLast }));
  const after = requests.request("b");
  await server.sendAll(["A", "1", "2", "3.", "B"]);
  assertEquals(await before, "A");
  assertEquals(await parts, ["1", "2", "3."]);
  assertEquals(await after, "B");
  assertEquals(await pair.received(), ["a", "list", "b"]);
});

Deno.test("stream by ids is woven with other streams and requests", async () => {
  using pair = requestsPair(IDS);
  const { requests, server } = pair;
  const one = Array.fromAsync(requests.stream("1", { isLast }));
  const two = Array.fromAsync(requests.stream("2", { isLast }));
  const three = requests.request("3");
  await server.sendAll(["2 a", "1 a", "3", "1 b", "2 b.", "1 c."]);
  assertEquals(await one, ["1 a", "1 b", "1 c."]);
  assertEquals(await two, ["2 a", "2 b."]);
  assertEquals(await three, "3");
  assertEquals(requests.stats.inFlight, 0);
});

Deno.test("stream sends nothing before its first answer is asked for", async () => {
  using pair = requestsPair();
  const stream = pair.requests.stream("list", { isLast });
  assertEquals(await pair.received(), []);
  assertEquals(await stream.return!(), OVER);
  assertEquals(await stream.next(), OVER);
  assertEquals(await pair.received(), []);
});

for (const [name, options] of [["order", {}], ["ids", IDS]] as const) {
  Deno.test(`break in a stream drops the rest, and the connection goes on (${name})`, async () => {
    using pair = requestsPair(options);
    const { requests, server } = pair;
    await server.sendAll([]);
    const loop = (async () => {
      for await (const line of requests.stream("1", { isLast })) {
        if (line === "1 b") break;
      }
    })();
    await turn();
    await server.sendAll(["1 a", "1 b"]);
    await loop;
    const next = requests.request("2");
    assertEquals(requests.stats.givenUp, 1);
    await server.sendAll(["1 c", "1 d", "1 e.", "2"]);
    assertEquals(await next, "2");
    assertEquals([requests.stats.inFlight, requests.stats.givenUp], [0, 0]);
  });

  Deno.test(`stream reads no more than maxUnread answers ahead of its reader (${name})`, async () => {
    using pair = spiedPair();
    const requests = new Requests(framed(pair.left, lines()), {
      match: "order",
      ...options,
    });
    const server = framed(pair.right, lines());
    const stream = requests.stream("1", { isLast, maxUnread: 10 });
    const first = stream.next();
    await turn();
    const text = Array.from({ length: 20_000 }, (_, i) => `1 ${i}`);
    const sending = server.sendAll([...text, "1 ."]);
    assertEquals(await first, part("1 0"));
    // It stands still: what is not read fills the buffers of both sides, and no more.
    assertEquals(await isSettled(sending), false);
    const { bytesRead } = pair.left.stats;
    const other = requests.request("2");
    assertEquals(await isSettled(other), false);
    assertEquals(pair.left.stats.bytesRead, bytesRead);
    const got = [];
    for await (const line of stream) got.push(line);
    assertEquals(got, [...text.slice(1), "1 ."]);
    await sending;
    await server.send("2");
    assertEquals(await other, "2");
  });

  Deno.test(`break in a stream whose reader was slow lets the connection go on (${name})`, async () => {
    using pair = requestsPair(options);
    const { requests, server } = pair;
    const stream = requests.stream("1", { isLast, maxUnread: 2 });
    const first = stream.next();
    await server.sendAll(["1 a", "1 b", "1 c", "1 d", "1 e", "1 f."]);
    assertEquals(await first, part("1 a"));
    const next = requests.request("2");
    await server.send("2");
    assertEquals(await isSettled(next), false);
    assertEquals(await stream.return!(), OVER);
    assertEquals(await next, "2");
    assertEquals(await stream.next(), OVER);
  });
}

Deno.test("stream is not taken for a stall while its reader is slow, and is while its peer is", async () => {
  using clock = fakeClock();
  using pair = requestsPair({ stallMs: 1_000 });
  const { requests, server } = pair;
  const stream = requests.stream("1", { isLast, maxUnread: 2 });
  const first = stream.next();
  await server.sendAll(["a", "b", "c", "d"]);
  assertEquals(await first, part("a"));
  await clock.advance(100_000);
  assertEquals(await stream.next(), part("b"));
  assertEquals(await stream.next(), part("c"));
  assertEquals(await stream.next(), part("d"));
  const last = outcome(stream.next());
  await clock.advance(900);
  await server.send("e");
  assertEquals(await last, part("e"));
  const none = outcome(stream.next());
  await clock.advance(1_100);
  const error = await none as BrokenError;
  assertInstanceOf(error, BrokenError);
  assertInstanceOf(error.cause, TimeoutError);
  assertEquals(await stream.next(), OVER);
});

Deno.test("stream hands out what came before the connection ended, then throws", async () => {
  using pair = requestsPair();
  const stream = pair.requests.stream("1", { isLast });
  const first = stream.next();
  await pair.server.sendAll(["a", "b", "c"]);
  await pair.socket.closeWrite();
  assertEquals(await first, part("a"));
  await pair.requests.closed;
  assertEquals(await stream.next(), part("b"));
  assertEquals(await stream.next(), part("c"));
  const error = await assertRejects(() => stream.next(), BrokenError);
  assertEquals([error.reason, error.sent], ["ended", true]);
  assertEquals(await stream.next(), OVER);
});

Deno.test("stream ends at once by its limits, and what comes later is dropped", async () => {
  using clock = fakeClock();
  using pair = requestsPair();
  const { requests, server } = pair;
  const controller = new AbortController();
  const { signal } = controller;
  const one = requests.stream("1", { isLast, signal });
  const two = requests.stream("2", { isLast, timeoutMs: 100 });
  const first = one.next();
  const second = outcome(two.next());
  await server.sendAll(["a", "b", "c"]);
  assertEquals(await first, part("a"));
  controller.abort("enough");
  const abort = await assertRejects(() => one.next(), AbortError);
  assertEquals([abort.cause, abort.sent], ["enough", true]);
  assertEquals(await one.next(), OVER);
  await clock.advance(110);
  const timeout = await second as TimeoutError;
  assertInstanceOf(timeout, TimeoutError);
  assertEquals([timeout.timeoutMs, timeout.sent], [100, true]);
  const last = requests.request("3");
  await server.sendAll(["d.", "e", "f.", "3"]);
  assertEquals(await last, "3");
});

Deno.test("stream that waits for its place is never sent where it is given up", async () => {
  using pair = requestsPair({ maxInFlight: 1 });
  const { requests, server } = pair;
  const first = requests.request("a");
  const stream = requests.stream("list", { isLast });
  const waiting = stream.next();
  await stream.return!();
  assertEquals(await waiting, OVER);
  await server.send("A");
  assertEquals(await first, "A");
  assertEquals(await pair.received(), ["a"]);
});

Deno.test("stream has one caller at a time", async () => {
  using pair = requestsPair();
  const stream = pair.requests.stream("list", { isLast });
  const first = stream.next();
  await assertRejects(() => stream.next(), BusyError);
  await pair.server.send("a.");
  assertEquals(await first, part("a."));
});

Deno.test("stream ends the connection where isLast throws, and at a bad answer", async () => {
  using pair = requestsPair();
  const reason = new Error("no last");
  const stream = pair.requests.stream("list", {
    isLast() {
      throw reason;
    },
  });
  const first = outcome(stream.next());
  await pair.server.send("a");
  assertStrictEquals((await first as BrokenError).cause, reason);

  // Whether a bad answer was the last one cannot be known, though the codec goes on.
  using other = spiedPair();
  const codec = json<number>(lines());
  const requests = new Requests(framed(other.left, codec), { match: "order" });
  const parts = requests.stream(1, { isLast: (part) => part === 9 });
  const answer = outcome(parts.next());
  await other.right.write("oops\n9\n");
  assertInstanceOf((await answer as BrokenError).cause, MalformedFrameError);
});

Deno.test("stream waits in its turn, and holds its place until its last answer", async () => {
  using pair = requestsPair({ maxInFlight: 1 });
  const { requests, server } = pair;
  const parts = Array.fromAsync(requests.stream("list", { isLast }));
  const next = requests.request("a");
  await server.sendAll(["1", "2"]);
  assertEquals(await pair.received(), ["list"]);
  await server.send("3.");
  assertEquals(await pair.received(), ["a"]);
  await server.send("A");
  assertEquals([await parts, await next], [["1", "2", "3."], "A"]);
});

Deno.test("stream holds close() until its last answer", async () => {
  using pair = requestsPair();
  const { requests, server } = pair;
  const parts = Array.fromAsync(requests.stream("list", { isLast }));
  await turn();
  const closing = requests.close();
  await server.send("1");
  assertEquals(await isSettled(closing), false);
  await server.send("2.");
  assertEquals(await parts, ["1", "2."]);
  await pair.socket.close();
  await closing;
});

Deno.test("stream refuses what is no option", () => {
  using pair = requestsPair();
  const { requests } = pair;
  const stream = (options: unknown) => () =>
    requests.stream("a", options as { isLast: typeof isLast });
  assertThrows(stream(undefined), TypeError, "options must be an object");
  assertThrows(stream({}), TypeError, "isLast must be a function");
  assertThrows(stream({ isLast, maxUnread: 0 }), RangeError, "maxUnread");
});

Deno.test("Requests.stream() may be given up inside of isLast, at a part or at the last answer", async () => {
  for (const at of ["part", "."]) {
    for (const how of ["signal", "return", "abort"]) {
      const [client, server] = memoryPair();
      const requests = new Requests(framed(client, lines()), {
        match: "order",
      });
      const controller = new AbortController();
      const stream = requests.stream("LIST", {
        signal: controller.signal,
        isLast: (line) => {
          if (line === at) {
            if (how === "signal") controller.abort(new Error("enough"));
            else if (how === "return") stream.return!();
            else requests.abort();
          }
          return line === ".";
        },
      });
      const reading = outcome(Array.fromAsync(stream));
      const next = outcome(requests.request("NEXT"));
      await server.write("one\npart\n.\nnext\n").catch(() => {});
      const error = await reading;
      if (how === "return") assertEquals(error, ["one"]);
      else assertInstanceOf(error, how === "abort" ? ClosedError : AbortError);
      if (how === "abort") assertInstanceOf(await next, ClosedError);
      else assertEquals(await next, "next", `${how} at ${at}`);
      assertEquals(requests.stats.inFlight, 0);
      const closing = requests.close({ timeoutMs: 5_000 });
      server.abort();
      await closing;
    }
  }
});
