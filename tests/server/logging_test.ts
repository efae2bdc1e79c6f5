/**
 * What is printed without `onError`: bugs, and never what a peer did.
 *
 * @module
 */

import { assertEquals } from "@std/assert";
import type { Codec } from "../../lib/codec/codec.ts";
import { json } from "../../lib/codec/json.ts";
import { lengthPrefixed } from "../../lib/codec/length_prefixed.ts";
import { lines } from "../../lib/codec/lines.ts";
import {
  BrokenError,
  FrameTooLargeError,
  LimitError,
  MalformedFrameError,
  PermissionError,
  TimeoutError,
  TlsError,
  UnexpectedEofError,
} from "../../lib/errors.ts";
import { framed } from "../../lib/framed/framed.ts";
import { isPeerError } from "../../lib/server/_peer_errors.ts";
import { serve } from "../../lib/server/serve.ts";
import type { Handler, ServerOptions } from "../../lib/server/serve_options.ts";
import { connect } from "../../lib/socket/connect.ts";
import type { Socket } from "../../lib/socket/socket.ts";
import { memoryPair } from "../../lib/testing/memory_pair.ts";
import { createAuthority } from "../_support/certificates.ts";
import { connectRudely } from "../_support/rude_client.ts";
import { TIMEOUT } from "../_support/sockets.ts";
import { captureErrors, dial, until } from "./_clients.ts";

interface PeerFault {
  handler: Handler;
  options?: ServerOptions;
  /** What the client does. */
  act(client: Socket): unknown;
  /** The type of the event. */
  type?: "timeout";
}

const readFrames =
  (codec: () => Codec<unknown, never>): Handler => async (socket) => {
    for await (const _ of framed(socket, codec())) {
      // They are dropped.
    }
  };

const readForever: Handler = async (socket) => {
  while (await socket.read() !== null);
};

const PEER_FAULTS: Record<string, PeerFault> = {
  "is silent for idleMs": {
    handler: readForever,
    options: { idleMs: 20 },
    act: () => {},
    type: "timeout",
  },
  "is silent for readMs": {
    handler: readForever,
    options: { readMs: 20 },
    act: () => {},
    type: "timeout",
  },
  "is silent for the time of a call": {
    handler: (socket) => socket.readLine({ timeoutMs: 20 }),
    act: () => {},
    type: "timeout",
  },
  "is silent for the time of the platform's signal": {
    handler: (socket) => socket.readLine({ signal: AbortSignal.timeout(20) }),
    act: () => {},
  },
  "drips a frame": {
    handler: async (socket) => {
      const connection = framed(socket, lines(), { frameTimeoutMs: 20 });
      await connection.receive();
    },
    act: (client) => client.write("half a li"),
    type: "timeout",
  },
  "ends in the middle of a frame": {
    handler: readFrames(lengthPrefixed),
    act: async (client) => {
      await client.write(new Uint8Array([0, 0, 0, 9, 1]));
      await client.close();
    },
  },
  "ends in the middle of a read": {
    handler: (socket) => socket.readExactly(10),
    act: async (client) => {
      await client.write("half");
      await client.close();
    },
  },
  "sends a frame that is malformed": {
    handler: readFrames(() => json(lines())),
    act: (client) => client.write("{oops\n"),
  },
  "sends a frame that is too large": {
    handler: readFrames(() => lengthPrefixed({ maxFrameBytes: 10 })),
    act: (client) => client.write(new Uint8Array([9, 0, 0, 0])),
  },
  "sends a line that is too long": {
    handler: (socket) => socket.readLine({ maxBytes: 5 }),
    act: (client) => client.write("much too long\n"),
  },
  "sends too slowly": {
    handler: readForever,
    options: { minReadBytesPerSecond: 1_000, minReadWindowMs: 50 },
    act: (client) => client.write("x"),
  },
  "does not read": {
    handler: (socket) => socket.write(new Uint8Array(32 * 1024 * 1024)),
    options: { writeMs: 50 },
    act: () => {},
    type: "timeout",
  },
  "leaves what was written for it": {
    handler: async (socket) => {
      await socket.readLine();
      for (;;) await socket.write(new Uint8Array(100_000));
    },
    act: async (client) => {
      await client.write("go\n");
      await client.readExactly(10);
      client.abort();
    },
  },
};

for (const [what, fault] of Object.entries(PEER_FAULTS)) {
  Deno.test(
    `a peer that ${what} is an event and a count, and not printed`,
    TIMEOUT,
    async () => {
      using console = captureErrors();
      const events: unknown[] = [];
      await using server = serve({
        port: 0,
        shutdownTimeoutMs: 0,
        ...fault.options,
        onEvent(event) {
          if (event.type === "timeout") events.push([event.type]);
          if (event.type === "error") events.push([event.type, event.byPeer]);
        },
      }, fault.handler);
      using client = await dial(server);
      await fault.act(client);
      await until(() => server.stats.failed === 1);
      assertEquals(server.stats.failedByPeer, 1);
      assertEquals(events, [fault.type ? [fault.type] : ["error", true]]);
      assertEquals(console.errors, []);
    },
  );
}

Deno.test(
  "a peer that resets is an event and a count, and not printed",
  TIMEOUT,
  async () => {
    using console = captureErrors();
    await using server = serve({ port: 0 }, (socket) => socket.readExactly(10));
    const client = await connectRudely(server.addr.port);
    await until(() => server.stats.active === 1);
    await client.reset();
    await until(() => server.stats.failed === 1);
    assertEquals(server.stats.failedByPeer, 1);
    assertEquals(console.errors, []);
  },
);

Deno.test("a peer that fails at TLS is not printed", TIMEOUT, async () => {
  using console = captureErrors();
  const certificate = await (await createAuthority()).issue();
  await using listening = serve({ port: 0, tls: certificate }, () => {});
  await using starting = serve(
    { port: 0 },
    (socket) => socket.acceptTls(certificate),
  );
  for (const server of [listening, starting]) {
    using client = await dial(server);
    await client.write("GET / HTTP/1.1\r\n\r\n");
    await client.read().catch(() => {});
    await until(() => server.stats.rejected + server.stats.failedByPeer === 1);
  }
  assertEquals(console.errors, []);
});

const BUGS: Record<string, Handler> = {
  "throws": () => {
    throw new TypeError("bug");
  },
  "sends what cannot be encoded": (socket) =>
    framed(socket, lines({ maxLineBytes: 5 })).send("much too long"),
  "reads twice at once": (socket) =>
    Promise.all([socket.read(), socket.read()]),
  "cannot reach another server": () =>
    connect({ port: 1, hostname: "127.0.0.1" }),
  "waits too long for another server": async (socket) => {
    using gone = Deno.listen({ port: 0, hostname: "127.0.0.1" });
    const { port } = gone.addr;
    using upstream = await connect({ port, readMs: 20 });
    await socket.write("x");
    await upstream.read();
  },
  "has a certificate and a key that do not match": async (socket) => {
    const authority = await createAuthority();
    const [{ cert }, { key }] = await Promise.all([
      authority.issue(),
      authority.issue(),
    ]);
    await socket.acceptTls({ cert, key });
  },
  "wraps what a peer did": async (socket) => {
    try {
      await socket.readLine({ timeoutMs: 20 });
    } catch (cause) {
      throw new Error("my own", { cause });
    }
  },
};

for (const [what, handler] of Object.entries(BUGS)) {
  Deno.test(`a handler that ${what} is printed`, TIMEOUT, async () => {
    using console = captureErrors();
    await using server = serve({ port: 0, shutdownTimeoutMs: 0 }, handler);
    using _client = await dial(server);
    await until(() => server.stats.failed === 1);
    assertEquals(server.stats.failedByPeer, 0);
    assertEquals(console.errors.length, 1);
  });
}

Deno.test("isPeerError() tells what a peer can do from what it cannot", () => {
  const [socket, other] = memoryPair();
  const { remoteAddr } = socket;
  const elsewhere = {
    transport: "tcp",
    hostname: "10.0.0.1",
    port: 5432,
  } as const;
  const peers = [
    new BrokenError("reset", "x", { remoteAddr }),
    new BrokenError("reset", "x", { remoteAddr: { ...remoteAddr } }),
    new BrokenError("other", "x", {
      remoteAddr,
      cause: Object.assign(new TypeError("y"), { code: "EINVAL" }),
    }),
    new TimeoutError("read", 5),
    new UnexpectedEofError(1, 2, "x"),
    new MalformedFrameError("x", { operation: "decode" }),
    new FrameTooLargeError(1, 2, { operation: "decode" }),
    new LimitError("maxBufferedBytes", 1, "x", { remoteAddr }),
    new TlsError("plaintext", "x", { remoteAddr }),
    new DOMException("x", "TimeoutError"),
    new SuppressedError(
      new TimeoutError("close", 5),
      new BrokenError("reset", "x", { remoteAddr }),
    ),
  ];
  for (const error of peers) assertEquals(isPeerError(error, socket), true);
  const bugs = [
    undefined,
    "text",
    new Error("x"),
    new TypeError("x", { cause: peers[0] }),
    new BrokenError("other", "x", { remoteAddr, cause: new TypeError("y") }),
    new BrokenError("refused", "x", { remoteAddr: elsewhere }),
    new BrokenError("dns", "x", { operation: "connect" }),
    new TimeoutError("connect", 5),
    new TimeoutError("read", 5, { remoteAddr: elsewhere }),
    new FrameTooLargeError(1, 2, { operation: "encode" }),
    new PermissionError([], "x"),
    new TlsError("bad-configuration", "x", { remoteAddr }),
    new DOMException("x", "AbortError"),
    new SuppressedError(new Error("x"), peers[0]),
    new SuppressedError(peers[0], new Error("x")),
  ];
  for (const error of bugs) assertEquals(isPeerError(error, socket), false);
  socket.abort();
  other.abort();
});
