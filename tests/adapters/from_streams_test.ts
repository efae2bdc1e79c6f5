import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertNotStrictEquals,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { BrokenError, ClosedError, Socket } from "@sluice/net";
import {
  fromStreams,
  type FromStreamsOptions,
  type StreamPair,
} from "@sluice/net/adapters";
import {
  bytes,
  isSettled,
  outcome,
  textOf,
  turn,
} from "../_support/sockets.ts";
import { byteStreamPair, exchangeFrames, streamPair } from "./_support.ts";

/** A transport that reads these chunks, and writes to nowhere. */
function reading(...chunks: unknown[]): Socket {
  return new Socket(fromStreams({
    readable: ReadableStream.from(chunks) as ReadableStream<Uint8Array>,
    writable: new WritableStream(),
  }));
}

const transferred = (): Uint8Array => {
  const array = bytes(4);
  structuredClone(array.buffer, { transfer: [array.buffer] });
  return array;
};

Deno.test("fromStreams() ends with a typed error where a chunk is no bytes", async () => {
  const odd: [unknown, string][] = [
    ["text", 'must be a Uint8Array, got "text"'],
    ["", 'must be a Uint8Array, got ""'],
    [7, "must be a Uint8Array, got 7"],
    [null, "must be a Uint8Array, got null"],
    [undefined, "must be a Uint8Array, got undefined"],
    [{ length: 3 }, "must be a Uint8Array, got an object"],
    [[1, 2], "must be a Uint8Array, got an array of 2"],
    [new ArrayBuffer(3), "must be a Uint8Array, got an ArrayBuffer"],
    [new Uint16Array(3), "must be a Uint8Array, got a Uint16Array"],
    [new DataView(new ArrayBuffer(3)), "must be a Uint8Array, got a DataView"],
    [transferred(), "must be a Uint8Array with its memory"],
  ];
  for (const [chunk, message] of odd) {
    const socket = reading(bytes(3), chunk, bytes(3));
    assertEquals((await socket.read())?.length, 3);
    const error = await assertRejects(() => socket.read(), BrokenError);
    assertEquals(error.reason, "other");
    assert(
      error.message.startsWith("Cannot read from stream:streams: ") &&
        error.message.includes(message),
      error.message,
    );
    await socket.closed;
    assertStrictEquals(await outcome(socket.write("x")), error);
  }
});

Deno.test("fromStreams() skips chunks without a byte, but not for ever", async () => {
  const empty = new Uint8Array();
  const socket = reading(empty, bytes(2), empty, empty, bytes(3));
  assertEquals((await socket.readExactly(5)).length, 5);
  assertEquals(await socket.read(), null);
  await socket.close();

  const endless = new Socket(fromStreams({
    readable: new ReadableStream({
      pull: (controller) => controller.enqueue(empty),
    }),
    writable: new WritableStream(),
  }));
  await assertRejects(
    () => endless.read(),
    BrokenError,
    "must be bytes, got 1000 empty ones in a row",
  );
});

Deno.test("fromStreams() reads a byte stream into memory of its own", async () => {
  const sizes: number[] = [];
  const readable = new ReadableStream({
    type: "bytes",
    pull(controller) {
      // Without it the stream would have to bring fresh memory for each chunk.
      const view = controller.byobRequest!.view!;
      sizes.push(view.byteLength);
      new Uint8Array(view.buffer, view.byteOffset)[0] = sizes.length;
      controller.byobRequest!.respond(1);
    },
  });
  const transport = fromStreams({ readable, writable: new WritableStream() });
  const got: number[] = [];
  for (const length of [10, 5_000, 200_000, 300_000, 100]) {
    const target = new Uint8Array(length);
    assertEquals(await transport.read(target), 1);
    got.push(target[0]);
  }
  assertEquals(got, [1, 2, 3, 4, 5]);
  // A quiet connection gives back what it had when it was busy.
  assertEquals(sizes, [1024, 5_000, 65_536, 65_536, 1024]);
  transport.close();
});

Deno.test("fromStreams() asks for a chunk only when it is read from, and for one", async () => {
  let pulls = 0;
  const readable = new ReadableStream({
    pull: (controller) => controller.enqueue(bytes(10, 10 * pulls++)),
  }, { highWaterMark: 0 });
  const transport = fromStreams({ readable, writable: new WritableStream() });
  await turn();
  assertEquals(pulls, 0);
  const target = new Uint8Array(6);
  assertEquals(await transport.read(target), 6);
  assertEquals(await transport.read(target), 4);
  assertEquals([pulls, target[3]], [1, 9]);
  transport.close();
});

for (const makePair of [streamPair, byteStreamPair]) {
  Deno.test(`frames pass both ways over ${makePair.name}()`, () =>
    exchangeFrames(makePair()));
}

/** A pair of streams that shows what is done with it. */
function spied(
  sink: UnderlyingSink<Uint8Array> = {},
  options: FromStreamsOptions = {},
) {
  const events: unknown[] = [];
  const source = Promise.withResolvers<void>();
  const streams: StreamPair = {
    readable: new ReadableStream({
      async pull(controller) {
        await source.promise;
        controller.close();
      },
      cancel: (reason) => void events.push(["cancel", reason.name]),
    }),
    writable: new WritableStream({
      write: (chunk) => void events.push(textOf(chunk)),
      close: () => void events.push("close"),
      abort: (reason) => void events.push(["abort", reason.name]),
      ...sink,
    }),
  };
  const transport = fromStreams(streams, {
    close: () => void events.push("hook"),
    ...options,
  });
  return { events, transport, endPeer: source.resolve };
}

Deno.test("fromStreams() ends where a stream fails with what throws when it is looked at", async () => {
  const secretive = Object.defineProperty(new Error(), "message", {
    get() {
      throw new Error("do not look");
    },
  });
  const fail = () => Promise.reject(secretive);
  const socket = new Socket(fromStreams({
    readable: new ReadableStream({ pull: fail }),
    writable: new WritableStream({ write: fail }),
  }));
  await assertRejects(() => socket.read(), BrokenError);
  await socket.close().catch(() => {});
});

Deno.test("fromStreams() closes the writable and calls close last where the peer has ended", async () => {
  const { events, transport, endPeer } = spied();
  endPeer();
  assertEquals(await transport.read(bytes(1)), null);
  await transport.write(new TextEncoder().encode("bye"));
  transport.close();
  await turn();
  assertEquals(events, ["bye", "close", "hook"]);
});

Deno.test("fromStreams() aborts the writable and calls close at once where the peer has not", async () => {
  const { events, transport } = spied();
  const read = transport.read(bytes(1));
  transport.close();
  assertEquals(events.includes("hook"), true);
  assertInstanceOf(await outcome(read), Deno.errors.Interrupted);
  await turn();
  assertEquals(events.filter((event) => event !== "hook"), [
    ["cancel", "BrokenPipe"],
    ["abort", "ConnectionReset"],
  ]);
});

Deno.test("fromStreams() closes the writable once by closeWrite, behind what was written", async () => {
  const { events, transport, endPeer } = spied();
  const socket = new Socket(transport);
  await socket.write("hello");
  await Promise.all([socket.closeWrite(), socket.closeWrite()]);
  assertEquals(events, ["hello", "close"]);
  endPeer();
  await socket.close();
  await turn();
  assertEquals(events, ["hello", "close", "hook"]);
});

Deno.test("fromStreams() lets go of a sink that never takes what was written", async () => {
  const { events, transport } = spied({ write: () => new Promise(() => {}) });
  const socket = new Socket(transport);
  await socket.write(bytes(60));
  const stuck = outcome(socket.write(bytes(100_000)));
  assertEquals(await isSettled(stuck), false);
  socket.abort();
  assertInstanceOf(await stuck, ClosedError);
  assertEquals(events.includes("hook"), true);
});

Deno.test("fromStreams() ignores a close hook that throws or rejects", async () => {
  const fail = () => {
    throw new TypeError("Child process has already terminated");
  };
  for (const close of [fail, () => Promise.reject(new Error("no"))]) {
    const { transport } = spied({}, { close });
    const socket = new Socket(transport);
    socket.abort();
    await socket.closed;
    // A rejection that nothing handles would fail this file.
    await turn();
  }
});

Deno.test("fromStreams() passes on why a stream failed", async () => {
  for (
    const [thrown, reason] of [
      [new Deno.errors.ConnectionReset("reset"), "reset"],
      [new Error("not today"), "other"],
      ["not even an error", "other"],
      [new TypeError("not today"), "other"],
    ] as const
  ) {
    const socket = new Socket(fromStreams({
      readable: new ReadableStream({
        start(controller) {
          controller.enqueue(bytes(3));
        },
        pull() {
          throw thrown;
        },
      }, { highWaterMark: 1 }),
      writable: new WritableStream(),
    }));
    const results = [
      await outcome(socket.read()),
      await outcome(socket.read()),
    ];
    const error = results.find((result) => result instanceof Error);
    assertInstanceOf(error, BrokenError);
    assertEquals(error.reason, reason);
    assertStrictEquals(error.cause, thrown);

    const writing = new Socket(fromStreams({
      readable: new ReadableStream(),
      writable: new WritableStream({
        write() {
          throw thrown;
        },
      }),
    }));
    await outcome(writing.write(bytes(100_000)));
    const failure = await outcome(writing.flush());
    assertInstanceOf(failure, BrokenError);
    assertEquals(failure.reason, reason);
    writing.abort();

    // The stream takes one write, and fails while nothing is written.
    const ending = fromStreams({
      readable: new ReadableStream(),
      writable: new WritableStream({
        start: (controller) => controller.error(thrown),
      }),
    });
    await ending.write(bytes(1));
    const ended = await outcome(ending.closeWrite());
    assertStrictEquals(
      reason === "reset" ? ended : (ended as BrokenError).cause,
      thrown,
    );
    ending.close();
  }
});

Deno.test("fromStreams() without half-close: what fails behind closeWrite has ended", async () => {
  for (const halfClose of [true, false]) {
    const failed = Promise.withResolvers<void>();
    const transport = fromStreams({
      readable: new ReadableStream({ pull: () => failed.promise }),
      writable: new WritableStream({
        // As Deno's own connections do.
        close: () => failed.reject(new Deno.errors.BadResource("gone")),
      }),
    }, { halfClose });
    assertEquals(transport.halfClose, halfClose);
    const read = outcome(transport.read(bytes(1)));
    await transport.closeWrite();
    if (halfClose) assertInstanceOf(await read, Deno.errors.BadResource);
    else assertEquals(await read, null);
    transport.close();
  }
});

Deno.test("fromStreams() takes addresses, and has some of its own", () => {
  const addr = { transport: "tcp", hostname: "10.0.0.9", port: 80 } as const;
  const { localAddr, remoteAddr } = fromStreams(new TransformStream(), {
    remoteAddr: addr,
  });
  assertEquals(remoteAddr, addr);
  assertEquals(localAddr, { transport: "stream", name: "streams" });
});

Deno.test("fromStreams() refuses what is no pair of free streams, and touches nothing", () => {
  const good = new TransformStream();
  const locked = new TransformStream();
  locked.readable.getReader();
  locked.writable.getWriter();
  const wrong: [unknown, unknown, string][] = [
    [undefined, {}, "streams must be an object, got undefined"],
    [{ writable: good.writable }, {}, "readable must be an object with"],
    [{ readable: good.readable }, {}, "writable must be an object with"],
    [
      { readable: locked.readable, writable: good.writable },
      {},
      "readable must be a stream that is not locked",
    ],
    [
      { readable: good.readable, writable: locked.writable },
      {},
      "writable must be a stream that is not locked",
    ],
    [good, { halfclose: false }, 'unknown option "halfclose", did you mean'],
    [good, { halfClose: "no" }, "halfClose must be a boolean"],
    [good, { close: true }, "close must be a function"],
    [good, { remoteAddr: "10.0.0.9:80" }, "remoteAddr must be an object"],
  ];
  for (const [streams, options, message] of wrong) {
    assertThrows(
      () => fromStreams(streams as StreamPair, options as FromStreamsOptions),
      TypeError,
      message,
    );
  }
  assertEquals([good.readable.locked, good.writable.locked], [false, false]);
  assertNotStrictEquals(fromStreams(good), undefined);
});

Deno.test("fromStreams() calls close after a closeWrite() that is under way has ended", async () => {
  const log: string[] = [];
  const leave = Promise.withResolvers<void>();
  const transport = fromStreams({
    readable: ReadableStream.from([]) as ReadableStream<Uint8Array>,
    writable: new WritableStream({ close: () => leave.promise }),
  }, { close: () => log.push("close") });
  assertEquals(await transport.read(new Uint8Array(1)), null);
  transport.closeWrite().catch(() => {});
  await turn();
  transport.close();
  await turn();
  assertEquals(log, []);
  leave.resolve();
  await turn();
  assertEquals(log, ["close"]);
});

Deno.test("fromStreams() calls close though the other stream never ends, and once", async () => {
  const closed = Promise.withResolvers<void>();
  let count = 0;
  const transport = fromStreams({
    readable: ReadableStream.from([]) as ReadableStream<Uint8Array>,
    writable: new WritableStream({ close: () => new Promise(() => {}) }),
  }, {
    close: () => {
      count++;
      closed.resolve();
    },
  });
  assertEquals(await transport.read(new Uint8Array(1)), null);
  transport.close();
  await closed.promise;
  assertEquals(count, 1);
});

Deno.test("fromStreams() breaks by a chunk that only looks like an array of bytes", async () => {
  const chunks = [
    new Proxy(new Uint8Array(3), {}),
    Object.create(Uint8Array.prototype),
  ];
  for (const chunk of chunks) {
    const readable = ReadableStream.from([chunk as Uint8Array]);
    const socket = new Socket(
      fromStreams({ readable, writable: new WritableStream() }),
    );
    const error = await assertRejects(() => socket.read(), BrokenError);
    assertEquals(error.reason, "other");
    socket.abort();
  }
});
