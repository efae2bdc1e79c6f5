import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  BrokenError,
  ClosedError,
  LimitError,
  MalformedFrameError,
  Socket,
} from "@sluice/net";
import { fromWebSocket, type FromWebSocketOptions } from "@sluice/net/adapters";
import {
  bytes,
  isSettled,
  outcome,
  TIMEOUT,
  turn,
} from "../_support/sockets.ts";
import { exchangeFrames, WebSocketServer } from "./_support.ts";

setFlagsFromString("--expose-gc");
const gc: () => void = runInNewContext("gc");

/** A WebSocket of which a test decides what happens. */
class FakeWebSocket extends EventTarget {
  readyState: number = WebSocket.OPEN;
  bufferedAmount = 0;
  binaryType = "blob";
  readonly sent: number[] = [];
  readonly closes: (number | undefined)[] = [];

  send(data: Uint8Array): void {
    this.sent.push(data.length);
    this.bufferedAmount += data.length;
  }

  close(code?: number): void {
    this.closes.push(code);
    this.readyState = WebSocket.CLOSING;
  }

  receive(data: unknown): void {
    this.dispatchEvent(new MessageEvent("message", { data }));
  }

  end(code: number, wasClean = true, reason = ""): void {
    this.readyState = WebSocket.CLOSED;
    this.dispatchEvent(new CloseEvent("close", { code, wasClean, reason }));
  }

  transport(options?: FromWebSocketOptions) {
    return fromWebSocket(this as unknown as WebSocket, options);
  }
}

/** Where messages of the peer are still on their way, Deno (2.9) cuts the connection. */
function assertCutOff({ code, wasClean }: CloseEvent): void {
  assert(code === 4000 || !wasClean, `ended with ${code}`);
}

Deno.test(
  "frames pass both ways over a WebSocket that is not open yet",
  TIMEOUT,
  async () => {
    await using server = new WebSocketServer();
    await exchangeFrames(await server.pair());
  },
);

Deno.test(
  "fromWebSocket() sends all that was written, then ends",
  TIMEOUT,
  async () => {
    await using server = new WebSocketServer();
    const [left, right] = (await server.pair()).map((each) => new Socket(each));
    const writing = left.write(bytes(3_000_000)).then(() => left.close());
    let count = 0;
    for await (const chunk of right) count += chunk.length;
    assertEquals(count, 3_000_000);
    await Promise.all([writing, right.close()]);
  },
);

Deno.test(
  "fromWebSocket() makes a write wait while bufferedAmount is high",
  TIMEOUT,
  async () => {
    for (
      const [options, most] of [
        [{ maxBufferedBytes: 1_000 }, 1_000],
        [{}, 1024 * 1024],
      ] as const
    ) {
      const webSocket = new FakeWebSocket();
      const transport = webSocket.transport(options);
      webSocket.bufferedAmount = most - 1;
      assertEquals(await transport.write(bytes(10)), 10);
      const waiting = transport.write(bytes(20));
      assertEquals(await isSettled(waiting), false);
      assertEquals(webSocket.sent, [10]);
      webSocket.bufferedAmount = 0;
      assertEquals(await waiting, 20);
      assertEquals(webSocket.sent, [10, 20]);
      // A large one goes in parts.
      assertEquals(await transport.write(bytes(100_000)), 65_536);
      webSocket.bufferedAmount = most;
      const stuck = outcome(transport.write(bytes(10)));
      assertEquals(await isSettled(stuck), false);
      transport.close();
      assertInstanceOf(await stuck, Deno.errors.Interrupted);
      assertEquals(webSocket.closes, [4000]);
    }
  },
);

Deno.test(
  "fromWebSocket() ends behind a write that waits",
  TIMEOUT,
  async () => {
    const webSocket = new FakeWebSocket();
    const transport = webSocket.transport({ maxBufferedBytes: 1_000 });
    webSocket.bufferedAmount = 1_000;
    const writing = transport.write(bytes(10));
    const ending = transport.closeWrite();
    assertEquals(await isSettled(ending), false);
    assertEquals(webSocket.closes, []);
    webSocket.bufferedAmount = 0;
    assertEquals(await writing, 10);
    await ending;
    assertEquals([webSocket.sent, webSocket.closes], [[10], [1000]]);
    transport.close();
  },
);

Deno.test(
  "fromWebSocket() waits for open, whatever is called first",
  TIMEOUT,
  async () => {
    const webSocket = new FakeWebSocket();
    webSocket.readyState = WebSocket.CONNECTING;
    const socket = new Socket(webSocket.transport());
    const writing = socket.write("hello").then(() => socket.closeWrite());
    const reading = socket.read();
    assertEquals(await isSettled(writing), false);
    assertEquals([webSocket.sent, webSocket.closes], [[], []]);
    webSocket.readyState = WebSocket.OPEN;
    webSocket.dispatchEvent(new Event("open"));
    await writing;
    assertEquals([webSocket.sent, webSocket.closes], [[5], [1000]]);
    webSocket.end(1005);
    assertEquals(await reading, null);
    await socket.close();
  },
);

Deno.test(
  "fromWebSocket() refuses text, and ends the connection",
  TIMEOUT,
  async () => {
    await using server = new WebSocketServer();
    const accepted = server.next();
    const peer = new WebSocket(server.url);
    const socket = new Socket(fromWebSocket(await accepted));
    const closed = new Promise<CloseEvent>((resolve) => peer.onclose = resolve);
    peer.onopen = () => {
      peer.send(bytes(3));
      peer.send("words");
      peer.send(bytes(3));
    };
    assertEquals((await socket.readExactly(3)).length, 3);
    const error = await assertRejects(() => socket.read(), MalformedFrameError);
    assertEquals(
      error.message,
      "Cannot read from stream:websocket: each message must be binary, got a text message",
    );
    assertStrictEquals(await outcome(socket.write("x")), error);
    assertCutOff(await closed);
  },
);

Deno.test("fromWebSocket() refuses what is no ArrayBuffer", async () => {
  const webSocket = new FakeWebSocket();
  const socket = new Socket(webSocket.transport());
  assertEquals(webSocket.binaryType, "arraybuffer");
  const read = outcome(socket.read());
  webSocket.receive(new Blob(["x"]));
  const error = await read;
  assertInstanceOf(error, MalformedFrameError);
  assert(error.message.endsWith("must be binary, got a Blob"), error.message);
});

Deno.test("fromWebSocket() skips messages without a byte", async () => {
  const webSocket = new FakeWebSocket();
  const socket = new Socket(webSocket.transport());
  const read = socket.readExactly(2);
  for (const size of [0, 1, 0, 0, 1]) webSocket.receive(new ArrayBuffer(size));
  assertEquals((await read).length, 2);
  socket.abort();
});

Deno.test(
  "fromWebSocket() cuts a peer off that sends more than it may, behind what it may",
  TIMEOUT,
  async () => {
    await using server = new WebSocketServer();
    const accepted = server.next();
    const peer = new WebSocket(server.url);
    const transport = fromWebSocket(await accepted, {
      maxBufferedBytes: 5_000,
    });
    const closed = new Promise<CloseEvent>((resolve) => peer.onclose = resolve);
    peer.onopen = () => {
      for (let i = 0; i < 10; i++) peer.send(bytes(2_000));
    };
    // Nothing is read before the peer was cut off.
    assertCutOff(await closed);
    const socket = new Socket(transport);
    assertEquals((await socket.readExactly(6_000)).length, 6_000);
    const error = await assertRejects(() => socket.read(), LimitError);
    assertEquals([error.option, error.limit], ["maxBufferedBytes", 5_000]);
  },
);

Deno.test("fromWebSocket() holds no more than the bytes of messages that nothing has read", () => {
  // A megabyte in single bytes: 16 bytes of memory for each would be seen.
  const webSocket = new FakeWebSocket();
  const transport = webSocket.transport({ maxBufferedBytes: 2_000_000 });
  const event = new MessageEvent("message", { data: new ArrayBuffer(1) });
  gc();
  const before = Deno.memoryUsage();
  for (let i = 0; i < 1_000_000; i++) webSocket.dispatchEvent(event);
  gc();
  const after = Deno.memoryUsage();
  const held = after.heapUsed + after.external - before.heapUsed -
    before.external;
  assert(held < 8_000_000, `${held} bytes`);
  transport.close();
});

Deno.test("fromWebSocket() tells an end from a reset by its code", async () => {
  const ends: [number, boolean, boolean][] = [
    [1000, true, true],
    [1001, true, true],
    [1005, true, true],
    [1006, false, false],
    [1000, false, false],
    [0, false, false],
    [1002, true, false],
    [1009, true, false],
    [1011, true, false],
    [4000, true, false],
  ];
  for (const [code, wasClean, isEnd] of ends) {
    const webSocket = new FakeWebSocket();
    const socket = new Socket(webSocket.transport());
    webSocket.receive(new ArrayBuffer(3));
    webSocket.end(code, wasClean, "too bad");
    // What came before is there in any case.
    assertEquals((await socket.read())?.length, 3);
    if (isEnd) {
      assertEquals(await socket.read(), null);
      await socket.close();
      continue;
    }
    const error = await assertRejects(() => socket.read(), BrokenError);
    assertEquals(error.reason, "reset");
    assert(
      (error.cause as Error).message.includes(`code ${code}, "too bad"`),
      String(error.cause),
    );
    await assertRejects(() => socket.write("x"), BrokenError);
  }
});

Deno.test("fromWebSocket() that its peer has ended has ended on this side, too", async () => {
  for (const when of ["before", "while"]) {
    const webSocket = new FakeWebSocket();
    const socket = new Socket(webSocket.transport());
    if (when === "while") webSocket.readyState = WebSocket.CONNECTING;
    const ending = when === "while" ? socket.closeWrite() : undefined;
    await turn();
    webSocket.end(1000);
    await ending;
    assertEquals(await socket.read(), null);
    await socket.closeWrite();
    await socket.close();
  }
});

Deno.test("fromWebSocket() writes nothing to a WebSocket that closes", async () => {
  const webSocket = new FakeWebSocket();
  const socket = new Socket(webSocket.transport());
  webSocket.readyState = WebSocket.CLOSING;
  await socket.write("lost");
  const error = await assertRejects(() => socket.flush(), BrokenError);
  assertEquals([error.reason, webSocket.sent], ["broken-pipe", []]);
  socket.abort();
});

Deno.test("fromWebSocket() of one that was closed is broken", async () => {
  const webSocket = new FakeWebSocket();
  webSocket.readyState = WebSocket.CLOSED;
  const socket = new Socket(webSocket.transport());
  await assertRejects(() => socket.read(), BrokenError);
  await assertRejects(() => socket.write("x"), BrokenError);
});

Deno.test(
  "fromWebSocket() says so where it cannot connect",
  TIMEOUT,
  async () => {
    const { port } = (() => {
      using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      return listener.addr;
    })();
    const webSocket = new WebSocket(`ws://127.0.0.1:${port}`);
    const socket = new Socket(fromWebSocket(webSocket));
    const writing = outcome(socket.write(bytes(100_000)));
    const error = await assertRejects(() => socket.read(), BrokenError);
    assert(
      (error.cause as Error).message.includes("failed to connect"),
      String(error.cause),
    );
    assertInstanceOf(await writing, BrokenError);

    // Also behind closeWrite: what was never open has not ended.
    const again = new WebSocket(`ws://127.0.0.1:${port}`);
    const ending = new Socket(fromWebSocket(again));
    const closing = outcome(ending.closeWrite());
    await assertRejects(() => ending.read(), BrokenError);
    assertInstanceOf(await closing, BrokenError);
  },
);

Deno.test(
  "fromWebSocket() sees that its peer is gone without a farewell",
  TIMEOUT,
  async () => {
    // A WebSocket server that knows no more than the handshake.
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const webSocket = new WebSocket(`ws://127.0.0.1:${listener.addr.port}`);
    const socket = new Socket(fromWebSocket(webSocket));
    const server = new Socket(await listener.accept());
    const request = new TextDecoder().decode(
      await server.readUntil("\r\n\r\n"),
    );
    const [, key] = /sec-websocket-key: (.*)\r\n/i.exec(request)!;
    const digest = await crypto.subtle.digest(
      "SHA-1",
      new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`),
    );
    await server.write(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" +
        "Connection: Upgrade\r\nSec-WebSocket-Accept: " +
        `${new Uint8Array(digest).toBase64()}\r\n\r\n`,
    );
    await server.write(new Uint8Array([0x82, 2, 7, 8]));
    assertEquals(await socket.readExactly(2), new Uint8Array([7, 8]));
    server.abort();
    const error = await assertRejects(() => socket.read(), BrokenError);
    assertEquals(error.reason, "reset");
  },
);

Deno.test(
  "fromWebSocket() that is closed before it opens ends on both sides",
  TIMEOUT,
  async () => {
    await using server = new WebSocketServer();
    for (const closing of ["client", "server"]) {
      const accepted = server.next();
      const client = new WebSocket(server.url);
      const other = closing === "client" ? await accepted : client;
      const end = new Socket(
        fromWebSocket(closing === "client" ? client : await accepted),
      );
      const peer = new Socket(fromWebSocket(other));
      const reading = outcome(peer.read());
      end.abort();
      assertInstanceOf(await outcome(end.read()), ClosedError);
      const result = await reading;
      assert(result === null || result instanceof BrokenError);
      await peer.close();
    }
    await turn();
  },
);

Deno.test("fromWebSocket() refuses what is no WebSocket, and bad options", () => {
  const webSocket = new FakeWebSocket() as unknown as WebSocket;
  for (const wrong of [undefined, {}, new EventTarget()]) {
    assertThrows(
      () => fromWebSocket(wrong as WebSocket),
      TypeError,
      "webSocket must be an object with send() and close()",
    );
  }
  assertThrows(
    () => fromWebSocket(webSocket, { maxBuffered: 1 } as FromWebSocketOptions),
    TypeError,
    "did you mean maxBufferedBytes?",
  );
  for (const maxBufferedBytes of [0, 1.5, NaN, Infinity]) {
    assertThrows(
      () => fromWebSocket(webSocket, { maxBufferedBytes }),
      RangeError,
      "maxBufferedBytes must be an integer of at least 1",
    );
  }
});
