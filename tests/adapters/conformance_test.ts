import { checkTransport } from "@sluice/net/testing";
import {
  byteStreamPair,
  duplexPair,
  nodeSocketPair,
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
