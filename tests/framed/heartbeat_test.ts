import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import {
  BusyError,
  framed,
  type HeartbeatOptions,
  lines,
  TimeoutError,
} from "@sluice/net";
import { heartbeat } from "@sluice/net/client";
import { fakeClock, memoryPair } from "@sluice/net/testing";
import { FailedHooks } from "../_support/failed_hooks.ts";
import { outcome } from "../_support/sockets.ts";

const BEAT: HeartbeatOptions<string, string> = {
  ping: () => "PING",
  isPong: (line) => line === "PONG",
  intervalMs: 1_000,
  timeoutMs: 300,
  maxMissed: 2,
};

/** A connection with a heartbeat, and the lines that its peer gets. */
function connectionWith(options: Partial<typeof BEAT> = {}) {
  const [left, right] = memoryPair();
  const connection = framed(left, lines(), {
    heartbeat: { ...BEAT, ...options },
  });
  const got: string[] = [];
  const peer = framed(right, lines());
  const reading = (async () => {
    for await (const line of peer) got.push(line);
  })().catch(() => {});
  return {
    left,
    right,
    connection,
    peer,
    got,
    async end() {
      left.abort();
      right.abort();
      await reading;
    },
  };
}

Deno.test("heartbeat of framed pings a silent peer, and ends the socket after maxMissed pings", async () => {
  using clock = fakeClock();
  const { left, connection, got, end } = connectionWith();
  const received = outcome(connection.receive());
  await clock.advance(990);
  assertEquals(got, []);
  await clock.advance(100);
  assertEquals(got, ["PING"]);
  await clock.advance(330);
  assertEquals(got, ["PING", "PING"]);
  assertEquals(left.signal.aborted, false);
  await clock.advance(330);
  const error = await received;
  if (!(error instanceof TimeoutError)) throw error;
  assertEquals([error.operation, error.timeoutMs], ["heartbeat", 300]);
  assertEquals(error.remoteAddr, left.remoteAddr);
  // It is the end of the socket, for every call.
  assertEquals(await outcome(connection.receive()), error);
  assertEquals(await outcome(left.write("x")), error);
  assertEquals(left.signal.reason, error);
  await end();
});

Deno.test("heartbeat of framed sends no ping while anything comes, and takes pongs out", async () => {
  using clock = fakeClock();
  const { connection, peer, got, end } = connectionWith();
  for (let i = 0; i < 5; i++) {
    const received = connection.receive();
    await clock.advance(900);
    await peer.send(`line ${i}`);
    assertEquals(await received, `line ${i}`);
  }
  assertEquals(got, []);
  const received = connection.receive();
  for (let i = 0; i < 5; i++) {
    await clock.advance(1_100);
    assertEquals(got.length, i + 1);
    await peer.send("PONG");
  }
  await peer.send("after");
  assertEquals(await received, "after");
  await end();
});

Deno.test("heartbeat of framed pings always, whatever comes, where the peer counts on it", async () => {
  using clock = fakeClock();
  const { left, connection, peer, got, end } = connectionWith({ always: true });
  for (let i = 0; i < 13; i++) {
    const received = connection.receive();
    await clock.advance(300);
    await peer.send(`line ${i}`);
    assertEquals(await received, `line ${i}`);
  }
  assertEquals(got.length, 3);
  // Also while nothing is received, and then nothing is missed.
  await clock.advance(10_000);
  assertEquals(left.signal.aborted, false);
  const pings = got.length;
  assertEquals(pings >= 12, true);
  const received = outcome(connection.receive());
  await clock.advance(1_100);
  await clock.advance(700);
  const error = await received;
  if (!(error instanceof TimeoutError)) throw error;
  assertEquals(error.operation, "heartbeat");
  await end();
});

Deno.test("heartbeat of framed takes a frame that drips for life", async () => {
  using clock = fakeClock();
  const { left, right, connection, got, end } = connectionWith();
  const received = connection.receive();
  for (const byte of "slow\n") {
    await clock.advance(900);
    await right.write(byte);
  }
  assertEquals(await received, "slow");
  assertEquals([got, left.signal.aborted], [[], false]);
  await end();
});

Deno.test("heartbeat of framed takes pongs out of loops, batches and tryReceive", async () => {
  using clock = fakeClock();
  const { connection, right, end } = connectionWith();
  const write = "a\nPONG\nb\nPONG\n";
  await right.write(write);
  assertEquals(
    [await connection.receive(), await connection.receive()],
    ["a", "b"],
  );
  assertEquals(connection.tryReceive(), undefined);
  await right.write(`PONG\n${write}`);
  for await (const batch of connection.batches()) {
    assertEquals(batch, ["a", "b"]);
    break;
  }
  await right.write(`${write}last\n`);
  const got = [];
  for await (const line of connection) {
    got.push(line);
    if (line === "last") break;
  }
  assertEquals(got, ["a", "b", "last"]);
  await clock.advance(1);
  await end();
});

Deno.test("heartbeat of framed cuts no peer while nothing is received", async () => {
  using clock = fakeClock();
  const { left, connection, peer, got, end } = connectionWith();
  await clock.advance(60_000);
  assertEquals([got, left.signal.aborted], [[], false]);
  // Neither where a call was cut off, and what the peer says is not looked at.
  const cut = outcome(connection.receive({ timeoutMs: 10 }));
  await clock.advance(20);
  assertEquals((await cut as Error).name, "TimeoutError");
  await peer.send("hello");
  await clock.advance(60_000);
  assertEquals(await connection.receive(), "hello");
  assertEquals(left.signal.aborted, false);
  await end();
});

Deno.test("heartbeat of framed rests when this side has ended its stream", async () => {
  using clock = fakeClock();
  using failed = new FailedHooks();
  const { left, connection, peer, end } = connectionWith();
  const received = connection.receive();
  await left.closeWrite();
  await clock.advance(60_000);
  await peer.send("still there");
  assertEquals(await received, "still there");
  assertEquals(failed.errors, []);
  await end();
});

Deno.test("heartbeat of framed prints what a ping throws, and the connection goes on", async () => {
  using clock = fakeClock();
  using failed = new FailedHooks();
  const reason = new Error("no ping");
  const { connection, peer, end } = connectionWith({
    ping() {
      throw reason;
    },
  });
  const received = connection.receive();
  await clock.advance(5_000);
  assertEquals(failed.errors.length > 0, true);
  assertEquals(failed.errors[0], reason);
  await peer.send("hello");
  assertEquals(await received, "hello");
  await end();
});

Deno.test("heartbeat() pings until it is disposed of, one at a time", async () => {
  using clock = fakeClock();
  const [left, right] = memoryPair();
  const connection = framed(left, lines());
  const received = connection.receive();
  {
    using _beat = heartbeat(connection, BEAT);
    assertThrows(() => heartbeat(connection, BEAT), BusyError);
    await clock.advance(1_100);
    assertEquals(await right.readLine(), "PING");
  }
  await clock.advance(60_000);
  assertEquals(left.signal.aborted, false);
  await right.write("PONG\n");
  assertEquals(await received, "PONG");
  using _again = heartbeat(connection, BEAT);
  left.abort();
  right.abort();
});

Deno.test("heartbeat refuses what is no option, and what is out of range", () => {
  const [left, right] = memoryPair();
  const make = (heartbeat: unknown) => () =>
    framed(left, lines(), { heartbeat: heartbeat as typeof BEAT });
  const ping = () => "PING";
  assertThrows(make({}), TypeError, "heartbeat.ping must be a function");
  assertThrows(make({ ping, interval: 1 }), TypeError, "intervalMs");
  assertThrows(make({ ping, isPong: 1 }), TypeError, "heartbeat.isPong");
  assertThrows(make({ ping, intervalMs: 0 }), RangeError, "intervalMs");
  assertThrows(make({ ping, timeoutMs: 0 }), RangeError, "timeoutMs");
  assertThrows(make({ ping, maxMissed: 0 }), RangeError, "maxMissed");
  assertThrows(
    () => heartbeat({} as never, { ping: ping as never }),
    TypeError,
    "framed must be a Framed",
  );
  left.abort();
  right.abort();
});

Deno.test("heartbeat leaves an error of isPong to the call that receives", async () => {
  const { connection, peer, end } = connectionWith({
    isPong() {
      throw new Error("no pong");
    },
  });
  await peer.send("hello");
  await assertRejects(() => connection.receive(), Error, "no pong");
  await end();
});

Deno.test("heartbeat loses no frame of a batch in which isPong throws", async () => {
  const { connection, peer, end } = connectionWith({
    isPong(line) {
      if (line === "bad") throw new Error("no pong");
      return line === "PONG";
    },
  });
  const bad = peer.sendAll(["one", "two", "bad", "PONG", "three"]);
  await bad;
  const batches = connection.batches()[Symbol.asyncIterator]();
  const { value } = await batches.next();
  assertEquals(value, ["one", "two", "three"]);
  await assertRejects(() => batches.next(), Error, "no pong");
  await peer.send("four");
  assertEquals((await batches.next()).value, ["four"]);
  await end();
});

Deno.test("heartbeat ends when the framing is detached", async () => {
  using clock = fakeClock();
  using failed = new FailedHooks();
  const { left, connection, got, end } = connectionWith({ maxMissed: 1 });
  const receiving = new AbortController();
  const received = outcome(connection.receive({ signal: receiving.signal }));
  await clock.advance(1_100);
  assertEquals(got, ["PING"]);
  receiving.abort();
  await received;
  const { socket } = connection.detach();
  const reading = outcome(socket.read());
  await clock.advance(5_000);
  assertEquals(got, ["PING"]);
  assertEquals(left.signal.aborted, false);
  assertEquals(failed.errors, []);
  await end();
  await reading;
});
