import {
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { Duplex, duplexPair as nodeDuplexPair, PassThrough } from "node:stream";
import { once } from "node:events";
import { BrokenError, Socket } from "@sluice/net";
import { fromDuplex, type FromDuplexOptions } from "@sluice/net/adapters";
import { fakeClock } from "@sluice/net/testing";
import { bytes, outcome, textOf, TIMEOUT } from "../_support/sockets.ts";
import {
  duplexes,
  duplexPair,
  exchangeFrames,
  nodeSockets,
} from "./_support.ts";

const text = new TextDecoder();

Deno.test("frames pass both ways over streams of Node", () =>
  exchangeFrames(duplexPair()));

Deno.test("fromDuplex() ends with a typed error where chunks are no bytes", async () => {
  for (
    const duplex of [
      new PassThrough({ objectMode: true }),
      new PassThrough({ encoding: "utf8" }),
    ]
  ) {
    const socket = new Socket(fromDuplex(duplex));
    duplex.write("text");
    const error = await assertRejects(() => socket.read(), BrokenError);
    assertEquals(error.reason, "other");
    assertEquals(
      error.message,
      'Cannot read from stream:duplex: each chunk must be a Uint8Array, got "text"',
    );
    assertEquals(duplex.destroyed, true);
  }
});

Deno.test("fromDuplex() tells why a stream failed", async () => {
  const reset = Object.assign(new Error("read ECONNRESET"), {
    code: "ECONNRESET",
  });
  const cases: [Error | undefined, string][] = [
    [undefined, "reset"],
    [reset, "reset"],
    [new Error("not today"), "other"],
  ];
  for (const [thrown, reason] of cases) {
    for (const when of ["before", "while"]) {
      const duplex = new PassThrough();
      if (when === "before") {
        duplex.on("error", () => {});
        duplex.destroy(thrown);
      }
      const socket = new Socket(fromDuplex(duplex));
      const read = outcome(socket.read());
      if (when === "while") duplex.destroy(thrown);
      const error = await read;
      assertInstanceOf(error, BrokenError);
      assertEquals(error.reason, reason);
      if (thrown !== undefined) assertStrictEquals(error.cause, thrown);
      assertInstanceOf(await outcome(socket.write("x")), BrokenError);
    }
  }
});

Deno.test("fromDuplex() of a stream that has ended reads the end", async () => {
  const [left, right] = duplexes();
  right.end();
  left.allowHalfOpen = true;
  left.resume();
  await once(left, "end");
  const socket = new Socket(fromDuplex(left));
  assertEquals(await socket.read(), null);
  const reading = once(right, "data");
  await socket.write("answer");
  assertEquals(textOf((await reading)[0]), "answer");
  await socket.close();
  right.destroy();
});

Deno.test(
  "fromDuplex() of a net.Socket knows its addresses and keeps half-close",
  TIMEOUT,
  async () => {
    const [client, accepted] = await nodeSockets();
    const port = client.remotePort!;
    const left = new Socket(fromDuplex(client));
    assertEquals(left.remoteAddr, {
      transport: "tcp",
      hostname: "127.0.0.1",
      port,
    });
    const right = new Socket(fromDuplex(accepted));
    assertEquals(right.remoteAddr, left.localAddr);
    await left.closeWrite();
    assertEquals(await right.read(), null);
    await right.write("still here\n");
    assertEquals(await left.readLine(), "still here");
    left.unref();
    left.ref();
    await Promise.all([left.close(), right.close()]);
    assertEquals([client.destroyed, accepted.destroyed], [true, true]);
  },
);

Deno.test(
  "fromDuplex() sees a reset of a net.Socket",
  TIMEOUT,
  async () => {
    const [client, accepted] = await nodeSockets();
    const socket = new Socket(fromDuplex(accepted));
    const read = outcome(socket.read());
    client.resetAndDestroy();
    const error = await read;
    assertInstanceOf(error, BrokenError);
    assertEquals(error.reason, "reset");
  },
);

Deno.test("fromDuplex() notices the end of a stream that it does not read", async () => {
  using clock = fakeClock();
  // Each end finishes when the other one has seen that.
  const [left, right] = nodeDuplexPair();
  const [ending, other] = [fromDuplex(left), fromDuplex(right)];
  await ending.closeWrite();
  assertEquals(await other.read(bytes(1)), null);
  ending.close();
  other.close();
  assertEquals([left.destroyed, right.destroyed], [true, false]);
  await clock.advance(1_000);
  assertEquals(right.destroyed, true);
});

Deno.test("fromDuplex() ends its side before it lets go, where the peer has ended", async () => {
  const events: string[] = [];
  const duplex = new Duplex({
    read() {
      this.push(null);
    },
    write(chunk, _encoding, done) {
      events.push(text.decode(chunk));
      done();
    },
    final(done) {
      events.push("end");
      done();
    },
    destroy(error, done) {
      events.push("destroy");
      done(error);
    },
  });
  const transport = fromDuplex(duplex);
  assertEquals(await transport.read(bytes(1)), null);
  await transport.write(new TextEncoder().encode("bye"));
  transport.close();
  await once(duplex, "close");
  assertEquals(events, ["bye", "end", "destroy"]);
});

Deno.test("fromDuplex() destroys a stream that does not end, a second after the peer has", async () => {
  using clock = fakeClock();
  for (const end of ["close", "abort"] as const) {
    const duplex = new Duplex({
      read() {},
      write: (_chunk, _encoding, done) => done(),
      final() {},
    });
    duplex.push(null);
    const socket = new Socket(fromDuplex(duplex));
    const reading = socket.read();
    await clock.advance(0);
    assertEquals(await reading, null);
    const ending = end === "close"
      ? socket.close({ timeoutMs: 10 })
      : socket.abort();
    await clock.advance(900);
    await ending;
    assertEquals([end, duplex.destroyed], [end, false]);
    await clock.advance(200);
    assertEquals([end, duplex.destroyed], [end, true]);
  }
  assertEquals(clock.pending, 0);
});

Deno.test("fromDuplex() refuses what is no Duplex, or an option that it does not know", () => {
  const wrong: [unknown, unknown, string][] = [
    [undefined, {}, "duplex must be an object with read()"],
    [new TransformStream(), {}, "duplex must be an object with read()"],
    [new Duplex(), { localAddress: "x" }, 'unknown option "localAddress"'],
    [new Duplex(), { localAddr: 7 }, "localAddr must be an object, got 7"],
  ];
  for (const [duplex, options, message] of wrong) {
    assertThrows(
      () => fromDuplex(duplex as Duplex, options as FromDuplexOptions),
      TypeError,
      message,
    );
  }
});
