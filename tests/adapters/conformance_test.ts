import { Socket, type Transport } from "@sluice/net";
import { fromDuplex, toDuplex } from "@sluice/net/adapters";
import { checkTransport, memoryTransportPair } from "@sluice/net/testing";
import { createAuthority } from "../_support/certificates.ts";
import { tcpConns } from "../_support/sockets.ts";
import {
  byteStreamPair,
  duplexPair,
  exchangeFrames,
  nodeSocketPair,
  type Pair,
  streamPair,
  WebSocketServer,
} from "./_support.ts";

const TIMEOUT = { timeout: 60_000 };

Deno.test(
  "fromStreams() does all that a transport has to do",
  TIMEOUT,
  () => checkTransport(streamPair),
);

Deno.test(
  "fromStreams() does so over byte streams",
  TIMEOUT,
  () => checkTransport(byteStreamPair),
);

Deno.test(
  "fromDuplex() does all that a transport has to do",
  TIMEOUT,
  () => checkTransport(duplexPair),
);

Deno.test(
  "fromDuplex() does so over sockets of Node",
  TIMEOUT,
  () => checkTransport(nodeSocketPair),
);

Deno.test(
  "fromWebSocket() does all but half-close and backpressure",
  TIMEOUT,
  async () => {
    await using server = new WebSocketServer();
    await checkTransport(() => server.pair(), {
      halfClose: false,
      backpressure: false,
    });
  },
);

Deno.test(
  "toDuplex() does all that a transport has to do, seen through fromDuplex()",
  TIMEOUT,
  async () => {
    const wrap = (transport: Transport) =>
      fromDuplex(toDuplex(new Socket(transport), { allowHalfOpen: true }));
    const wrapBoth = (ends: [Transport, Transport]): Pair => [
      wrap(ends[0]),
      wrap(ends[1]),
    ];
    await checkTransport(() => wrapBoth(memoryTransportPair()));
    await checkTransport(async () => wrapBoth(await tcpConns()));
  },
);

Deno.test("TLS runs over every carrier", TIMEOUT, async () => {
  const authority = await createAuthority();
  const certificate = await authority.issue();
  await using server = new WebSocketServer();
  for (
    const makePair of [
      streamPair,
      byteStreamPair,
      duplexPair,
      nodeSocketPair,
      () => server.pair(),
    ]
  ) {
    const [left, right] = (await makePair()).map((end) => new Socket(end));
    await Promise.all([
      left.startTls({ caCerts: [authority.cert], serverName: "localhost" }),
      right.acceptTls(certificate),
    ]);
    await exchangeFrames([left.detach().transport, right.detach().transport]);
  }
});
